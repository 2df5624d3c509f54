// One of our domains: its hooks, its sessions, its request handlers, its accounts.

import type { C2SSession, Host, HostOrigin } from '../api/session.ts';
import type { HostConfig } from '../config/config.ts';
import { HOST_OPTIONS } from '../config/core-options.ts';
import { Accounts } from '../sasl/accounts.ts';
import type { Stores } from '../storage/stores.ts';
import type { Faults } from '../util/faults.ts';
import type { Logger } from '../util/logger.ts';
import { StreamError } from '../xml/errors.ts';
import type { Jid } from '../xml/jid.ts';
import { Hooks } from './hooks.ts';
import { IqHandlers } from './iq-router.ts';
import { Items } from './items.ts';
import { NonzaHandlers } from './nonzas.ts';
import { SessionTable } from './sessions.ts';

/** A client's stream on which no resource is bound yet. */
export interface Negotiating {
  /**
   * The stream must not lead to a session of this account: it is closed if it is authenticated as that one, or as soon
   * as it is. Returns whether it was closed.
   */
  revoke(host: LocalHost, user: string, error: StreamError): boolean;
}

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
  readonly users: Host['users'];
  /** Whether each account may log in, by its name. */
  readonly #enabled = new Map<string, boolean>();
  readonly #negotiating: Iterable<Negotiating>;

  /** @param negotiating the streams of all clients that have bound no resource yet, kept up to date */
  constructor(
    config: HostConfig,
    stores: Stores,
    log: Logger,
    faults: Faults,
    negotiating: Iterable<Negotiating> = [],
  ) {
    this.config = config;
    this.domain = config.domain;
    this.kind = config.component === undefined ? 'local' : 'component';
    this.log = log.child({ host: config.domain });
    this.faults = faults.loggedBy(this.log);
    this.hooks = new Hooks(this.faults);
    this.stores = stores;
    this.accounts = new Accounts(stores, { domain: config.domain });
    this.origin = { kind: 'host', domain: config.domain };
    this.users = {
      has: (user) => this.#enabled.has(user),
      isEnabled: (user) => this.#enabled.get(user) === true,
    };
    this.#negotiating = negotiating;
  }

  /** Whether the configuration lets somebody administer this host. */
  isAdmin(who: Jid): boolean {
    return this.config.get(ADMINS).admins.includes(who.bare);
  }

  /** Reads which accounts exist and may log in; routing and binding ask synchronously from then on. */
  async loadUsers(): Promise<void> {
    for (const { user, enabled } of await this.accounts.list()) this.#enabled.set(user, enabled);
  }

  async createUser(user: string, password: string): Promise<void> {
    await this.accounts.create(user, password);
    this.#enabled.set(user, true);
    this.hooks.notify('user-create', { user });
  }

  /**
   * Ends all sessions of the account but `kept`: they were opened with the old password, maybe by someone who had
   * stolen it. Returns how many. RFC 6120 §4.9.3.16: after `reset`, authentication is negotiated again.
   * @throws AccountError
   */
  async setPassword(user: string, password: string, kept?: C2SSession): Promise<number> {
    await this.accounts.setPassword(user, password);
    return this.#endSessions(user, new StreamError('reset', 'The password was changed: log in anew'), kept);
  }

  /** Ends the sessions of an account that is disabled; returns how many. @throws AccountError */
  async setEnabled(user: string, enabled: boolean): Promise<number> {
    await this.accounts.setEnabled(user, enabled);
    this.#enabled.set(user, enabled);
    return enabled
      ? 0
      : this.#endSessions(user, new StreamError('not-authorized', 'The account is disabled'));
  }

  /** Ends the account's sessions and removes everything that any module keeps for it; returns how many it has ended. */
  async deleteUser(user: string): Promise<number> {
    await this.accounts.delete(user);
    this.#enabled.delete(user);
    const ended = this.#endSessions(user, new StreamError('not-authorized', 'The account was deleted'));
    this.hooks.notify('user-delete', { user });
    await this.stores.purge(user);
    return ended;
  }

  /** Connected sessions, sleeping ones, and streams that are about to become sessions. */
  #endSessions(user: string, error: StreamError, kept?: C2SSession): number {
    const sessions = this.sessions.of(user).filter((session) => session !== kept);
    for (const session of sessions) session.close(error);
    const unbound = [...this.#negotiating].filter((stream) => stream.revoke(this, user, error));
    return sessions.length + unbound.length;
  }
}
