// Opens the accounts and their archives in the database while no server runs.

import type { ArchiveAdmin } from '../admin/archive-commands.ts';
import type { UserAdmin } from '../admin/user-commands.ts';
import type { Config } from '../config/config.ts';
import type { Accounts } from '../sasl/accounts.ts';
import { CliError } from './terminal.ts';

export interface OfflineAdmin {
  readonly admin: UserAdmin;
  readonly archives: ArchiveAdmin;
  close(): Promise<void>;
}

/**
 * Opens the database for the commands that need no server; `close` it afterwards.
 * @throws CliError when there is no database on disk.
 */
export async function openOffline(config: Config): Promise<OfflineAdmin> {
  const { storage: driver, data_path: dataPath } = config.core;
  if (driver === 'memory') {
    throw new CliError(
      'no server is running, and with storage = "memory" accounts exist only while one runs',
    );
  }
  const { openStorage, storesFor } = await import('../storage/index.ts');
  const { Accounts } = await import('../sasl/accounts.ts');
  const storage = await openStorage({ driver, dataPath });
  const domains = config.hosts.filter((host) => host.component === undefined).map((host) => host.domain);
  const accounts = new Map(
    domains.map((domain) => [domain, new Accounts(storesFor(storage, domain), { domain })]),
  );
  const admin = offlineAdmin(domains, accounts, (domain, user) => storesFor(storage, domain).purge(user));
  const archive = (domain: string) => storesFor(storage, domain).archive('archive');
  return { admin, archives: { users: admin, archive }, close: () => storage.close() };
}

function offlineAdmin(
  domains: readonly string[],
  accounts: ReadonlyMap<string, Accounts>,
  purge: (domain: string, user: string) => Promise<void>,
): UserAdmin {
  const of = (domain: string): Accounts => accounts.get(domain)!;
  return {
    domains,
    list: (domain) => of(domain).list(),
    get: (domain, user) => of(domain).get(user),
    create: async (domain, user, password) => void (await of(domain).create(user, password)),
    async setPassword(domain, user, password) {
      await of(domain).setPassword(user, password);
      return 0;
    },
    async setEnabled(domain, user, enabled) {
      await of(domain).setEnabled(user, enabled);
      return 0;
    },
    async delete(domain, user) {
      await of(domain).delete(user);
      await purge(domain, user);
      return 0;
    },
  };
}
