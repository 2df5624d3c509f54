// The mechanisms that prove a password: SCRAM and PLAIN.

import { type Gate, GateFullError } from '../util/flow/index.ts';
import { SaslError, StanzaError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import type { SaslConnection, SaslMechanism, SaslOffer } from './mechanism.ts';
import { PlainServer } from './plain.ts';
import { type ScramHash, type ScramKeys, ScramServer } from './scram.ts';

/** What mechanisms need of the accounts; users are prepared localparts. `Accounts` is one. */
export interface Credentials {
  /** Resolves with true only for the right password. Takes as long for an unknown user. */
  verify(user: string, password: string): Promise<boolean>;
  scramKeys(user: string, hash: ScramHash): Promise<ScramKeys | undefined>;
  /** Keys for an unknown user, or one without keys for this hash. Always the same for a name, and like real ones. */
  fakeKeys(user: string, hash: ScramHash): Promise<ScramKeys>;
  isEnabled(user: string): Promise<boolean>;
}

export interface PasswordOptions {
  readonly credentials: Credentials;
  readonly domain: string;
  /** Whether the administrator allows PLAIN without TLS; asked each time. */
  allowsUnencryptedPlain(): boolean;
  /** Bounds the passwords that are verified at the same time, for all hosts that share it. */
  readonly work?: Gate | undefined;
}

/** Makes mechanisms that prove a password; the item `sasl-mechanism` of a host with accounts. */
export interface PasswordMechanisms {
  readonly listed: true;
  /** Names for a connection, best first (RFC 6120 §6.3.3). */
  names(connection: SaslConnection): string[];
  /**
   * Begins an attempt. Its steps fail with 'temporary-auth-failure' when too many passwords wait to be verified, and with
   * a `cause` when the credentials cannot be read.
   * @throws SaslError 'invalid-mechanism' for a name that the stream does not offer.
   */
  create(name: string, login: { readonly offer: SaslOffer }): SaslMechanism;
}

interface ScramMechanism {
  readonly name: string;
  readonly hash: ScramHash;
  readonly plus: boolean;
}

const SCRAM: readonly ScramMechanism[] = [
  { name: 'SCRAM-SHA-256-PLUS', hash: 'sha256', plus: true },
  { name: 'SCRAM-SHA-1-PLUS', hash: 'sha1', plus: true },
  { name: 'SCRAM-SHA-256', hash: 'sha256', plus: false },
  { name: 'SCRAM-SHA-1', hash: 'sha1', plus: false },
];

/** SCRAM and PLAIN for the accounts of one host. */
export function passwordMechanisms(options: PasswordOptions): PasswordMechanisms {
  const { domain } = options;
  const credentials = guarded(options.credentials, options.work);
  const prepareUser = (name: string) => localpart(name, domain);
  const authorize = (user: string, authzid: string | undefined) =>
    mayLogIn(credentials, domain, user, authzid);

  function create(name: string, { offer }: { readonly offer: SaslOffer }): SaslMechanism {
    if (!offer.mechanisms.includes(name)) throw new SaslError('invalid-mechanism');
    if (name === 'PLAIN') return new PlainServer({ prepareUser, verify: credentials.verify, authorize });
    const mechanism = SCRAM.find((known) => known.name === name);
    if (!mechanism) throw new SaslError('invalid-mechanism');
    const { hash, plus } = mechanism;
    const channelBinding = offer.bindings.size > 0 ? offer.bindings : undefined;
    const lookup = (user: string) => credentials.scramKeys(user, hash);
    const fakeKeys = (user: string) => credentials.fakeKeys(user, hash);
    return new ScramServer({ hash, plus, channelBinding, prepareUser, lookup, fakeKeys, authorize });
  }

  function names({ bindings, secure }: SaslConnection): string[] {
    const scram = SCRAM.filter(({ plus }) => !plus || bindings.size > 0).map(({ name }) => name);
    return secure || options.allowsUnencryptedPlain() ? [...scram, 'PLAIN'] : scram;
  }

  return { listed: true, names, create };
}

/** RFC 6120 §6.3.8: an authorization identity, where given, is the user's own bare JID. */
async function mayLogIn(
  credentials: Credentials,
  domain: string,
  user: string,
  authzid: string | undefined,
): Promise<void> {
  const bare = Jid.of(user, domain);
  if (authzid !== undefined && !Jid.tryParse(authzid)?.equals(bare)) throw new SaslError('invalid-authzid');
  if (!(await credentials.isEnabled(user))) throw new SaslError('account-disabled');
}

/** Turns failures of the store into `temporary-auth-failure`: the client is not at fault (RFC 6120 §6.5.11). */
function guarded(credentials: Credentials, work: Gate | undefined): Credentials {
  const verify = (user: string, password: string) => credentials.verify(user, password);
  return {
    verify: (user, password) =>
      (work ? work.run(() => verify(user, password)) : verify(user, password)).catch(temporary),
    scramKeys: (user, hash) => credentials.scramKeys(user, hash).catch(temporary),
    fakeKeys: (user, hash) => credentials.fakeKeys(user, hash).catch(temporary),
    isEnabled: (user) => credentials.isEnabled(user).catch(temporary),
  };
}

function temporary(cause: unknown): never {
  if (cause instanceof GateFullError) {
    throw new SaslError('temporary-auth-failure', 'Too many logins at once; try again later');
  }
  throw Object.assign(new SaslError('temporary-auth-failure'), { cause });
}

function localpart(name: string, domain: string): string | undefined {
  try {
    return Jid.of(name, domain).local;
  } catch (error) {
    if (error instanceof StanzaError) return undefined;
    throw error;
  }
}
