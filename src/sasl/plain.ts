// PLAIN (RFC 4616): the password itself, so only over TLS or where the administrator allows it.

import { SaslError } from '../xml/errors.ts';
import { readText } from './encoding.ts';
import type { SaslMechanism, SaslStep } from './mechanism.ts';

export interface PlainMessage {
  readonly authzid: string | undefined;
  readonly authcid: string;
  readonly password: string;
}

/**
 * `message = [authzid] UTF8NUL authcid UTF8NUL passwd` (§2).
 * @throws SaslError 'malformed-request'
 */
export function parsePlain(message: Buffer): PlainMessage {
  const parts = readText(message).split('\0');
  const [authzid, authcid, password] = parts;
  if (parts.length !== 3 || !authcid || !password) {
    throw new SaslError('malformed-request', 'Not a PLAIN message');
  }
  return { authzid: authzid === '' ? undefined : authzid, authcid, password };
}

export interface PlainOptions {
  /** Returns the prepared localpart of a name as sent; undefined when no account can have it. */
  prepareUser(name: string): string | undefined;
  /** Takes as long for a user that does not exist. */
  verify(user: string, password: string): Promise<boolean>;
  /** Called once the password is right. @throws SaslError when this user may not act as `authzid`, or not at all. */
  authorize(user: string, authzid: string | undefined): Promise<void>;
}

export class PlainServer implements SaslMechanism {
  readonly name = 'PLAIN';
  readonly #options: PlainOptions;
  #isOver = false;

  constructor(options: PlainOptions) {
    this.#options = options;
  }

  /** @throws SaslError 'malformed-request' */
  userOf(initial: Buffer): string {
    return this.#options.prepareUser(parsePlain(initial).authcid) ?? '';
  }

  /** @throws SaslError */
  async step(data: Buffer): Promise<SaslStep> {
    if (this.#isOver) throw new SaslError('malformed-request', 'The exchange is over');
    this.#isOver = true;
    const { authzid, authcid, password } = parsePlain(data);
    const user = this.#options.prepareUser(authcid);
    // The empty name has no account, and costs the same.
    if (!(await this.#options.verify(user ?? '', password)) || user === undefined) {
      throw new SaslError('not-authorized');
    }
    await this.#options.authorize(user, authzid);
    return { done: true, user };
  }
}
