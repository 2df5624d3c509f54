// The accounts of a running server, for the commands that are the same when it is stopped.

import type { UserDoor } from '../admin/user-commands.ts';
import type { LocalHost } from './host.ts';

/** Changes reach whoever is online: a session of a disabled or deleted account ends. */
export function userDoor(hosts: ReadonlyMap<string, LocalHost>): UserDoor {
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
    setPassword: (domain, user, password) => of(domain).accounts.setPassword(user, password),
    async setEnabled(domain, user, enabled) {
      await of(domain).accounts.setEnabled(user, enabled);
      if (!enabled) for (const session of of(domain).sessions.of(user)) session.close();
    },
    delete: (domain, user) => of(domain).deleteUser(user),
  };
}
