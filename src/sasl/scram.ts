// SCRAM, the server's side (RFC 5802, RFC 7677): proves the password both ways without sending it.
//
//   client-first ──▶ 'first'   ◀── server-first (salt, iterations, nonce)
//   client-final ──▶ 'final'   ◀── server-final (our own proof)

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { SaslError } from '../xml/errors.ts';
import { readText } from './encoding.ts';
import type { ChannelBindings, SaslMechanism, SaslStep } from './mechanism.ts';
import { digest, HASH_BYTES, hmac, type ScramHash, type ScramKeys } from './scram-keys.ts';
import { type ClientFirst, readClientFinal, readClientFirst } from './scram-messages.ts';

export { deriveKeys, type ScramHash, type ScramKeys } from './scram-keys.ts';

export interface ScramOptions {
  readonly hash: ScramHash;
  /** True for the mechanism whose name ends in -PLUS. */
  readonly plus: boolean;
  /** Present when -PLUS mechanisms were offered on this stream. */
  readonly channelBinding?: ChannelBindings | undefined;
  /** Returns the prepared localpart of a name as sent; undefined when no account can have it. */
  prepareUser(name: string): string | undefined;
  /** Takes the prepared localpart. */
  lookup(user: string): Promise<ScramKeys | undefined>;
  /** Keys for a user that does not exist, always the same for the same name, and like those of users that do. */
  fakeKeys(user: string): Promise<ScramKeys>;
  /** Called once the proof is right. @throws SaslError when this user may not act as `authzid`, or not at all. */
  authorize(user: string, authzid: string | undefined): Promise<void>;
  /** The server's part of the nonce; default: 144 random bits. */
  nonce?(): string;
}

// COMPAT(slixmpp ≤ 1.8): sends `y` whatever was offered, and supports -PLUS with the binding of TLS 1.2 only, so it could
// not log in by SCRAM. It is recognized by its nonce, the digits of a random fraction. An attacker cannot forge the nonce,
// since the proof covers it. All other clients keep the protection.
const SLIXMPP_NONCE = /^\d{8,20}(e-\d\d)?$/;

/** What has to be remembered between the client's two messages. */
interface Exchange {
  readonly first: ClientFirst;
  readonly user: string;
  readonly keys: ScramKeys;
  /** False: the keys are fake and whatever is proved does not count. */
  readonly known: boolean;
  readonly nonce: string;
  readonly serverFirst: string;
}

export class ScramServer implements SaslMechanism {
  readonly name: string;
  readonly #options: ScramOptions;
  #state: 'first' | 'final' | 'over' = 'first';
  #exchange: Exchange | undefined;

  constructor(options: ScramOptions) {
    this.name = `SCRAM-${options.hash === 'sha1' ? 'SHA-1' : 'SHA-256'}${options.plus ? '-PLUS' : ''}`;
    this.#options = options;
  }

  /** @throws SaslError 'malformed-request', 'not-authorized' for a message that breaks the rules of channel binding */
  userOf(initial: Buffer): string {
    return this.#options.prepareUser(this.#read(initial).username) ?? '';
  }

  /** @throws SaslError */
  async step(message: Buffer): Promise<SaslStep> {
    const state = this.#state;
    this.#state = 'over'; // Until this step has succeeded: a failed attempt stays failed.
    if (state === 'over') throw new SaslError('malformed-request', 'The exchange is over');
    if (state === 'final' && this.#exchange) return this.#final(readText(message), this.#exchange);
    const challenge = await this.#first(this.#read(message));
    this.#state = 'final';
    return { done: false, challenge };
  }

  #read(message: Buffer): ClientFirst {
    const first = readClientFirst(readText(message));
    this.#checkFlag(first);
    return first;
  }

  async #first(first: ClientFirst): Promise<Buffer> {
    const { prepareUser, fakeKeys, lookup, nonce: ours = newNonce } = this.#options;
    const prepared = prepareUser(first.username);
    const user = prepared ?? first.username;
    const fake = await fakeKeys(user); // Also for known users: the same work for all.
    const found = await lookup(prepared ?? ''); // The empty name has no account, and costs the same.
    const keys = found ?? fake;
    const nonce = first.nonce + ours();
    const serverFirst = `r=${nonce},s=${keys.salt},i=${keys.iterations}`;
    this.#exchange = { first, user, keys, known: found !== undefined, nonce, serverFirst };
    return Buffer.from(serverFirst);
  }

  /** RFC 5802 §6. */
  #checkFlag({ flag, nonce }: ClientFirst): void {
    const { plus, channelBinding } = this.#options;
    if (typeof flag === 'object') {
      if (!plus) throw new SaslError('malformed-request', 'This mechanism has no channel binding');
      if (channelBinding?.has(flag.type)) return;
      throw new SaslError('malformed-request', 'This type of channel binding is not supported');
    }
    if (plus) throw new SaslError('malformed-request', 'This mechanism needs channel binding');
    // `y`: "the client thinks the server does not support channel binding", though we had offered it. An attacker
    // has removed the -PLUS mechanisms from the list.
    if (flag === 'y' && channelBinding && !SLIXMPP_NONCE.test(nonce)) throw new SaslError('not-authorized');
  }

  async #final(text: string, exchange: Exchange): Promise<SaslStep> {
    const { hash } = this.#options;
    const { first, user, keys, known, nonce, serverFirst } = exchange;
    const final = readClientFinal(text);
    if (final.proof.length !== HASH_BYTES[hash]) throw new SaslError('malformed-request', 'Not a proof');
    if (final.nonce !== nonce) throw new SaslError('not-authorized');
    if (!final.channelBinding.equals(this.#expectedBinding(first))) throw new SaslError('not-authorized');

    const signed = `${first.bare},${serverFirst},${final.withoutProof}`;
    const storedKey = Buffer.from(keys.storedKey, 'base64');
    const clientKey = xor(final.proof, hmac(hash, storedKey, signed));
    const proved = timingSafeEqual(digest(hash, clientKey), storedKey);
    if (!proved || !known) throw new SaslError('not-authorized');

    await this.#options.authorize(user, first.authzid);
    const signature = hmac(hash, Buffer.from(keys.serverKey, 'base64'), signed);
    return { done: true, user, data: Buffer.from(`v=${signature.toString('base64')}`) };
  }

  #expectedBinding({ flag, gs2Header }: ClientFirst): Buffer {
    const data = typeof flag === 'object' ? this.#options.channelBinding?.get(flag.type) : undefined;
    return Buffer.concat([Buffer.from(gs2Header), data ?? Buffer.alloc(0)]);
  }
}

function newNonce(): string {
  return randomBytes(18).toString('base64');
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
