// One of our domains: its hooks, its sessions, its request handlers, its accounts.

import type { Host, HostOrigin } from '../api/session.ts';
import type { HostConfig } from '../config/config.ts';
import { HOST_OPTIONS } from '../config/core-options.ts';
import { Accounts } from '../sasl/accounts.ts';
import type { Stores } from '../storage/stores.ts';
import type { Faults } from '../util/faults.ts';
import type { Logger } from '../util/logger.ts';
import type { Jid } from '../xml/jid.ts';
import { Hooks } from './hooks.ts';
import { IqHandlers } from './iq-router.ts';
import { Items } from './items.ts';
import { NonzaHandlers } from './nonzas.ts';
import { SessionTable } from './sessions.ts';

const ADMINS = { admins: HOST_OPTIONS.admins };

export class LocalHost implements Host {
  readonly domain: string;
  readonly kind: 'local' | 'component';
  /** Replaced when the configuration is reloaded: read it when it is needed. */
  config: HostConfig;
  readonly log: Logger;
  readonly faults: Faults;
  readonly hooks: Hooks;
  readonly sessions = new SessionTable();
  readonly iqHandlers = new IqHandlers();
  readonly nonzas = new NonzaHandlers();
  readonly items = new Items();
  readonly accounts: Accounts;
  readonly stores: Stores;
  /** What stanzas of this host's own making have as their origin. */
  readonly origin: HostOrigin;
  readonly users: { has(user: string): boolean };
  readonly #names = new Set<string>();

  constructor(config: HostConfig, stores: Stores, log: Logger, faults: Faults) {
    this.config = config;
    this.domain = config.domain;
    this.kind = config.component === undefined ? 'local' : 'component';
    this.log = log.child({ host: config.domain });
    this.faults = faults.loggedBy(this.log);
    this.hooks = new Hooks(this.faults);
    this.stores = stores;
    this.accounts = new Accounts(stores, { domain: config.domain });
    this.origin = { kind: 'host', domain: config.domain };
    this.users = { has: (user) => this.#names.has(user) };
  }

  /** Whether the configuration lets somebody administer this host. */
  isAdmin(who: Jid): boolean {
    return this.config.get(ADMINS).admins.includes(who.bare);
  }

  /** Reads which accounts exist; routing asks synchronously from then on. */
  async loadUsers(): Promise<void> {
    for await (const { user } of await this.accounts.list()) this.#names.add(user);
  }

  async createUser(user: string, password: string): Promise<void> {
    await this.accounts.create(user, password);
    this.#names.add(user);
    this.hooks.notify('user-create', { user });
  }

  /** Ends the account's sessions and removes everything that any module keeps for it. */
  async deleteUser(user: string): Promise<void> {
    await this.accounts.delete(user);
    this.#names.delete(user);
    for (const session of this.sessions.of(user)) session.close();
    this.hooks.notify('user-delete', { user });
    await this.stores.purge(user);
  }
}
