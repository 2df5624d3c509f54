// The client's side of SCRAM (RFC 5802 §3), written apart from the server's so that each checks the other.

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { ScramHash } from '../../../src/sasl/scram.ts';

export interface ClientOptions {
  hash: ScramHash;
  /** As it stands in the message, escaped. */
  username: string;
  password: string;
  nonce?: string;
  gs2Header?: string;
  /** Channel-binding data. */
  binding?: Buffer;
}

export class ScramClient {
  readonly #options: Required<ClientOptions>;
  #serverSignature = '';

  constructor(options: ClientOptions) {
    this.#options = {
      nonce: 'fyko+d2lbbFgONRv9qkxdawL',
      gs2Header: 'n,,',
      binding: Buffer.alloc(0),
      ...options,
    };
  }

  get bare(): string {
    return `n=${this.#options.username},r=${this.#options.nonce}`;
  }

  first(): Buffer {
    return Buffer.from(this.#options.gs2Header + this.bare);
  }

  /** The last message; `nonce` and `header` allow lying in it. */
  final(serverFirst: Buffer, lies: { nonce?: string; header?: string; extra?: string } = {}): Buffer {
    const { hash, password, binding, gs2Header } = this.#options;
    const [, nonce = '', salt = '', count = ''] =
      /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(`${serverFirst}`) ?? [];
    const size = hash === 'sha1' ? 20 : 32;
    const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(count), size, hash);
    const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash(hash).update(clientKey).digest();
    const header = Buffer.concat([Buffer.from(lies.header ?? gs2Header), binding]);
    const withoutProof = `c=${header.toString('base64')},r=${lies.nonce ?? nonce}${lies.extra ?? ''}`;
    const signed = `${this.bare},${serverFirst},${withoutProof}`;
    const signature = hmac(storedKey, signed);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), signed).toString('base64');
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** What the server must prove itself with. */
  get expected(): string {
    return `v=${this.#serverSignature}`;
  }
}
