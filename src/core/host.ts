// One of our domains: its hooks, its sessions, its request handlers, its accounts.

import type { C2SSession, Host, HostOrigin } from '../api/session.ts';
import type { HostConfig } from '../config/config.ts';
import { HOST_OPTIONS } from '../config/core-options.ts';
import { Accounts, type Derive } from '../sasl/accounts.ts';
import type { Stores } from '../storage/stores.ts';
import type { Faults } from '../util/faults.ts';
import type { Logger } from '../util/logger.ts';
import { StreamError } from '../xml/errors.ts';
import type { Jid } from '../xml/jid.ts';
import { Hooks } from './hooks.ts';
import { IqHandlers } from './iq/handlers.ts';
import { Items } from './items.ts';
import { type LoginProtection, Logins } from './logins.ts';
import { NonzaHandlers } from './nonzas.ts';
import { OwnerAnswers } from './owner-answers.ts';
import { SessionTable } from './sessions.ts';

/** A client's stream on which no resource is bound yet. */
export interface Negotiating {
  /**
   * Prevents the stream from becoming a session of this account: closes it now if it is authenticated as the account,
   * else once it is. Returns whether it was closed now.
   */
  revoke(host: LocalHost, user: string, error: StreamError): boolean;
}

const ADMINS = { admins: HOST_OPTIONS.admins };
const PLAIN = { allow_unencrypted_plain_auth: HOST_OPTIONS.allow_unencrypted_plain_auth };

/** What all hosts of a server share. */
export interface HostShared {
  /** Live view of the client streams, of every host, that have bound no resource yet. */
  readonly negotiating?: Iterable<Negotiating>;
  /** Default: logins are not limited. */
  readonly protection?: LoginProtection;
  readonly derive?: Derive | undefined;
}

export class LocalHost implements Host {
  readonly domain: string;
  readonly kind: 'local' | 'component';
  /** Whether a component, or the module that makes this host one, is there to serve it; `undefined`: not known yet. */
  isServing: boolean | undefined;
  /** A reload replaces it, so read it at each use. */
  config: HostConfig;
  readonly log: Logger;
  readonly faults: Faults;
  readonly hooks: Hooks;
  readonly sessions: SessionTable;
  readonly iqHandlers = new IqHandlers();
  readonly nonzas = new NonzaHandlers();
  readonly items = new Items();
  readonly ownerAnswers = new OwnerAnswers();
  readonly accounts: Accounts;
  readonly logins: Logins;
  readonly stores: Stores;
  /** The origin of stanzas that the host itself sends. */
  readonly origin: HostOrigin;
  readonly users: Host['users'];
  /** All accounts by name; the value says whether the account may log in. */
  readonly #enabled = new Map<string, boolean>();
  readonly #negotiating: Iterable<Negotiating>;

  constructor(
    config: HostConfig,
    stores: Stores,
    log: Logger,
    faults: Faults,
    { negotiating = [], protection = {}, derive }: HostShared = {},
  ) {
    this.config = config;
    this.domain = config.domain;
    this.kind = config.component === undefined ? 'local' : 'component';
    this.log = log.child({ host: config.domain });
    this.faults = faults.loggedBy(this.log);
    this.hooks = new Hooks(this.faults);
    this.stores = stores;
    this.sessions = new SessionTable((user) => stores.hold(user));
    this.accounts = new Accounts(stores, { domain: config.domain, derive });
    this.logins = new Logins({
      ...protection,
      accounts: this.accounts,
      log: this.log,
      allowsUnencryptedPlain: () => this.config.get(PLAIN).allow_unencrypted_plain_auth,
    });
    if (this.kind === 'local') this.items.add('sasl-mechanism', this.logins.mechanisms);
    this.origin = { kind: 'host', domain: config.domain };
    this.users = {
      has: (user) => this.#enabled.has(user),
      exists: async (user) => this.#enabled.has(user),
      isEnabled: (user) => this.#enabled.get(user) === true,
      setEnabled: async (user, enabled) => void (await this.setEnabled(user, enabled)),
      verify: (user, password, address) => this.logins.verify(user, password, address),
    };
    this.#negotiating = negotiating;
  }

  ready(owner: string): true | Promise<void> {
    return this.stores.ready(owner);
  }

  /** Whether the option `admins` of this host names the account. */
  isAdmin(who: Jid): boolean {
    return this.config.get(ADMINS).admins.includes(who.bare);
  }

  /** Loads the names of accounts and whether they may log in, because routing and binding need both synchronously. */
  async loadUsers(): Promise<void> {
    for (const { user, enabled } of await this.accounts.list()) this.#enabled.set(user, enabled);
  }

  async createUser(user: string, password: string): Promise<void> {
    await this.accounts.create(user, password);
    this.#enabled.set(user, true);
    this.hooks.notify('user-create', { user });
  }

  /**
   * Sets the password and ends all sessions of the account except `kept`, since a thief of the old password may have
   * opened them. Returns the number of ended sessions. After `reset`, clients authenticate again (RFC 6120 §4.9.3.16).
   * @throws AccountError
   */
  async setPassword(user: string, password: string, kept?: C2SSession): Promise<number> {
    await this.accounts.setPassword(user, password);
    return this.#endSessions(user, new StreamError('reset', 'The password was changed: log in again'), kept);
  }

  /** Enables or disables an account. Disabling ends its sessions; returns their number. @throws AccountError */
  async setEnabled(user: string, enabled: boolean): Promise<number> {
    await this.accounts.setEnabled(user, enabled);
    this.#enabled.set(user, enabled);
    return enabled
      ? 0
      : this.#endSessions(user, new StreamError('not-authorized', 'The account is disabled'));
  }

  /** Deletes the account and all its data in every module, and ends its sessions; returns their number. */
  async deleteUser(user: string): Promise<number> {
    const release = this.stores.hold(user); // Modules tell contacts of the user that it is gone.
    try {
      await this.ready(user);
      await this.accounts.delete(user);
      this.#enabled.delete(user);
      const ended = this.#endSessions(user, new StreamError('not-authorized', 'The account was deleted'));
      this.hooks.notify('user-delete', { user });
      await this.stores.purge(user);
      return ended;
    } finally {
      release?.();
    }
  }

  /** Ends connected and asleep sessions, and streams that are about to become sessions. Returns their number. */
  #endSessions(user: string, error: StreamError, kept?: C2SSession): number {
    const sessions = this.sessions.of(user).filter((session) => session !== kept);
    for (const session of sessions) session.close(error);
    const unbound = [...this.#negotiating].filter((stream) => stream.revoke(this, user, error));
    return sessions.length + unbound.length;
  }
}
