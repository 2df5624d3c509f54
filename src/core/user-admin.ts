// The accounts of a running server, for the commands that are the same when it is stopped.

import type { UserAdmin } from '../admin/user-commands.ts';
import type { LocalHost } from './host.ts';

/** Changes affect connected clients: disabling or deleting an account, or a new password, ends the account's sessions. */
export function userAdmin(hosts: ReadonlyMap<string, LocalHost>): UserAdmin {
  const locals = [...hosts.values()].filter(({ kind }) => kind === 'local');
  const of = (domain: string): LocalHost => hosts.get(domain)!;
  return {
    domains: locals.map(({ domain }) => domain),
    async list(domain) {
      const rows = [];
      for await (const { user, enabled } of await of(domain).accounts.list()) {
        rows.push({ user, enabled, online: of(domain).sessions.of(user).length });
      }
      return rows;
    },
    get: (domain, user) => of(domain).accounts.get(user),
    create: (domain, user, password) => of(domain).createUser(user, password),
    setPassword: (domain, user, password, by) =>
      of(domain).setPassword(user, password, of(domain).sessions.get(by)),
    setEnabled: (domain, user, enabled) => of(domain).setEnabled(user, enabled),
    delete: (domain, user) => of(domain).deleteUser(user),
  };
}
