// The accounts of one host. Passwords are stored as SCRAM keys only.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyvalStore, Stores } from '../storage/stores.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { OperatorError } from '../util/operator-error.ts';
import { SerialQueue } from '../util/serial-queue.ts';
import { FakeCredentials, plainHash, type StoredKeys } from './fake-credentials.ts';
import type { Credentials } from './mechanisms.ts';
import { checkPassword, PASSWORD_FAULTS, preparePassword } from './password.ts';
import { deriveKeys, type ScramHash, type ScramKeys } from './scram-keys.ts';

export interface Account {
  /** The prepared localpart. */
  readonly user: string;
  /** Set: may log in. */
  readonly enabled: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export type AccountCondition = 'exists' | 'not-found' | 'unusable-password';

const TEXTS: Readonly<Record<AccountCondition, string>> = {
  exists: 'There is already an account of that name.',
  'not-found': 'There is no account of that name.',
  'unusable-password': 'That password cannot be used.',
};

/** Something about an account cannot be done. Its message may be shown to people. */
export class AccountError extends OperatorError {
  readonly condition: AccountCondition;
  readonly user: string;

  constructor(condition: AccountCondition, user: string, text = TEXTS[condition]) {
    super(text);
    this.name = 'AccountError';
    this.condition = condition;
    this.user = user;
  }

  override get documentedAs(): string {
    return this.condition;
  }
}

/** As stored in `accounts`; the owner is the user. */
interface StoredAccount {
  readonly enabled: boolean;
  readonly createdAt: number;
  /** Absent for a hash that an import did not bring. */
  readonly keys: StoredKeys;
}

/** How keys are made of a password. */
export type Derive = typeof deriveKeys;

/** No user has the empty name, so what belongs to the host as such is kept under it. */
const HOST = '';
/** Nor does any have a name with a space. */
const NOBODY = 'no body';

export interface AccountsOptions {
  readonly domain: string;
  readonly clock?: Clock;
  /** Default: `deriveKeys`, with more iterations than RFC 7677 §4 asks for. */
  readonly derive?: Derive | undefined;
}

export class Accounts implements Credentials {
  readonly domain: string;
  readonly #accounts: KeyvalStore<StoredAccount>;
  readonly #secrets: KeyvalStore<string>;
  /** Rows that are read for unknown users; the owner is the host. */
  readonly #decoys: KeyvalStore<StoredAccount>;
  readonly #clock: Clock;
  readonly #derive: Derive;
  /** Changes to one account happen one after the other. */
  readonly #changes = new SerialQueue();
  /** Made at the first login. */
  #fakes: Promise<FakeCredentials> | undefined;

  constructor(stores: Stores, { domain, clock = systemClock, derive = deriveKeys }: AccountsOptions) {
    this.domain = domain;
    this.#derive = derive;
    this.#accounts = stores.keyval('accounts');
    this.#secrets = stores.keyval('account_secrets');
    this.#decoys = stores.keyval('account_decoys');
    this.#clock = clock;
  }

  async get(user: string): Promise<Account | undefined> {
    const stored = await this.#accounts.get(user);
    return stored && publicAccount(user, stored);
  }

  async list(): Promise<Account[]> {
    const accounts: Account[] = [];
    for await (const [user, stored] of this.#accounts.entries()) accounts.push(publicAccount(user, stored));
    return accounts.sort((a, b) => (a.user < b.user ? -1 : 1));
  }

  /** @throws AccountError 'exists', 'unusable-password' */
  async create(user: string, password: string): Promise<Account> {
    const keys = await this.#keysOf(user, password);
    return this.#changes.run(user, async () => {
      if (await this.#accounts.get(user)) throw new AccountError('exists', user);
      const stored = { enabled: true, createdAt: this.#clock.now(), keys };
      await this.#accounts.set(user, stored);
      await this.#recount(undefined, keys);
      return publicAccount(user, stored);
    });
  }

  /** @throws AccountError 'not-found', 'unusable-password' */
  async setPassword(user: string, password: string): Promise<void> {
    const keys = await this.#keysOf(user, password);
    await this.#change(user, (stored) => ({ ...stored, keys }));
  }

  /** @throws AccountError 'not-found' */
  async setEnabled(user: string, enabled: boolean): Promise<void> {
    await this.#change(user, (stored) => ({ ...stored, enabled }));
  }

  /** Removes the account alone; `Stores.purge` removes all that modules keep for the user. @throws AccountError 'not-found' */
  async delete(user: string): Promise<void> {
    await this.#changes.run(user, async () => {
      const { keys } = await this.#existing(user);
      await this.#accounts.delete(user);
      await this.#recount(keys, undefined);
    });
  }

  async isEnabled(user: string): Promise<boolean> {
    return (await this.#accounts.get(user))?.enabled ?? false;
  }

  async scramKeys(user: string, hash: ScramHash): Promise<ScramKeys | undefined> {
    return (await this.#look(user))?.keys[hash];
  }

  async fakeKeys(user: string, hash: ScramHash): Promise<ScramKeys> {
    return (await this.#fakesOnce()).keys(user, hash);
  }

  /** Whether the password is right, for disabled accounts too. Derives keys also for users that do not exist. */
  async verify(user: string, password: string): Promise<boolean> {
    const fakes = await this.#fakesOnce();
    const stored = (await this.#look(user))?.keys;
    const hash = stored ? plainHash(stored) : fakes.plainHash(user);
    const fake = fakes.keys(user, hash);
    const expected = stored?.[hash] ?? fake;
    const prepared = preparePassword(password);
    const salt = Buffer.from(expected.salt, 'base64');
    const given = await this.#derive(prepared ?? '', { hash, salt, iterations: expected.iterations });
    const right = timingSafeEqual(
      Buffer.from(given.storedKey, 'base64'),
      Buffer.from(expected.storedKey, 'base64'),
    );
    return right && prepared !== undefined && expected !== fake;
  }

  /**
   * The stored account, for a login. Reading an account that exists takes longer than missing one, so each call reads one
   * and misses one.
   */
  async #look(user: string): Promise<StoredAccount | undefined> {
    const stored = await this.#accounts.get(user);
    await this.#decoys.get(stored ? NOBODY : HOST);
    return stored;
  }

  #fakesOnce(): Promise<FakeCredentials> {
    this.#fakes ??= this.#loadFakes().catch((error: unknown) => {
      this.#fakes = undefined;
      throw error;
    });
    return this.#fakes;
  }

  async #loadFakes(): Promise<FakeCredentials> {
    const fakes = new FakeCredentials(await this.#loadSeed());
    const keys = { sha1: fakes.keys(HOST, 'sha1'), sha256: fakes.keys(HOST, 'sha256') };
    await this.#decoys.set(HOST, { enabled: true, createdAt: this.#clock.now(), keys });
    for await (const [, { keys: counted }] of this.#accounts.entries()) fakes.count(counted, 1);
    return fakes;
  }

  async #recount(former: StoredKeys | undefined, next: StoredKeys | undefined): Promise<void> {
    const fakes = await this.#fakes;
    if (former) fakes?.count(former, -1);
    if (next) fakes?.count(next, 1);
  }

  /** Made once and kept, so that the salts of unknown users do not change with a restart. */
  async #loadSeed(): Promise<Buffer> {
    const kept = await this.#secrets.get(HOST);
    if (kept !== undefined) return Buffer.from(kept, 'base64');
    const seed = randomBytes(32);
    await this.#secrets.set(HOST, seed.toString('base64'));
    return seed;
  }

  #change(user: string, edit: (stored: StoredAccount) => StoredAccount): Promise<void> {
    return this.#changes.run(user, async () => {
      const stored = await this.#existing(user);
      const next = edit(stored);
      await this.#accounts.set(user, next);
      await this.#recount(stored.keys, next.keys);
    });
  }

  async #existing(user: string): Promise<StoredAccount> {
    const stored = await this.#accounts.get(user);
    if (!stored) throw new AccountError('not-found', user);
    return stored;
  }

  async #keysOf(user: string, password: string): Promise<Record<ScramHash, ScramKeys>> {
    const checked = checkPassword(password);
    if ('fault' in checked) throw new AccountError('unusable-password', user, PASSWORD_FAULTS[checked.fault]);
    const { prepared } = checked;
    const [sha1, sha256] = await Promise.all([
      this.#derive(prepared, { hash: 'sha1' }),
      this.#derive(prepared, { hash: 'sha256' }),
    ]);
    return { sha1, sha256 };
  }
}

function publicAccount(user: string, { enabled, createdAt }: StoredAccount): Account {
  return { user, enabled, createdAt };
}
