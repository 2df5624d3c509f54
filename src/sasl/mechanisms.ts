// Which mechanisms a stream offers, and the making of one.

import { type Gate, GateFullError } from '../util/flow/index.ts';
import { SaslError, StanzaError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import type { SaslMechanism } from './mechanism.ts';
import { PlainServer } from './plain.ts';
import { type ChannelBindings, type ScramHash, type ScramKeys, ScramServer } from './scram.ts';

/** What mechanisms need to know of accounts; users are prepared localparts. `Accounts` is one. */
export interface Credentials {
  /** True only for the right password; takes as long for a user that does not exist. */
  verify(user: string, password: string): Promise<boolean>;
  scramKeys(user: string, hash: ScramHash): Promise<ScramKeys | undefined>;
  /** Of a user that does not exist, or has no keys for this hash; always the same, and like those of others. */
  fakeKeys(user: string, hash: ScramHash): Promise<ScramKeys>;
  isEnabled(user: string): Promise<boolean>;
}

export interface MechanismOptions {
  readonly credentials: Credentials;
  readonly domain: string;
  /** Over TLS, or where the administrator allows it. */
  readonly plain: boolean;
  /** Data for the types that this connection has; absent or empty: no -PLUS mechanisms. */
  readonly channelBinding?: ChannelBindings | undefined;
  /**
   * Called with the prepared localpart before anything is looked up; with the empty text for a name that no account can
   * have. @throws SaslError when the attempt may not go on.
   */
  admit?(user: string): void;
  /** Bounds what verifying passwords may cost at once, for all who share it. */
  readonly passwordWork?: Gate | undefined;
}

export interface Mechanisms {
  /** Best first (RFC 6120 §6.3.3). */
  readonly names: readonly string[];
  /**
   * Steps of what it makes fail with 'temporary-auth-failure' when there is too much to do at once, and with a `cause`
   * when the credentials cannot be read.
   * @throws SaslError 'invalid-mechanism' for a name that is not offered.
   */
  create(name: string): SaslMechanism;
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

/** The mechanisms of one stream. */
export function mechanismsFor(options: MechanismOptions): Mechanisms {
  const { domain, admit = () => {} } = options;
  const credentials = guarded(options.credentials, options.passwordWork);
  const channelBinding = options.channelBinding?.size ? options.channelBinding : undefined;
  const scram = SCRAM.filter(({ plus }) => !plus || channelBinding !== undefined);
  const prepareUser = (name: string) => localpart(name, domain);
  const authorize = (user: string, authzid: string | undefined) =>
    mayLogIn(credentials, domain, user, authzid);

  function create(name: string): SaslMechanism {
    const { verify } = credentials;
    if (name === 'PLAIN' && options.plain) return new PlainServer({ prepareUser, admit, verify, authorize });
    const mechanism = scram.find((offered) => offered.name === name);
    if (!mechanism) throw new SaslError('invalid-mechanism');
    const { hash, plus } = mechanism;
    const lookup = (user: string) => credentials.scramKeys(user, hash);
    const fakeKeys = (user: string) => credentials.fakeKeys(user, hash);
    return new ScramServer({ hash, plus, channelBinding, prepareUser, admit, lookup, fakeKeys, authorize });
  }

  return { names: [...scram.map(({ name }) => name), ...(options.plain ? ['PLAIN'] : [])], create };
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

/** Credentials whose failures (a full disk, say) are the server's fault and not the client's (RFC 6120 §6.5.11). */
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
