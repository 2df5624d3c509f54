// The messages of SCRAM a client sends, read by the letter of the grammar (RFC 5802 §7).

import { SaslError } from '../xml/errors.ts';
import { readBase64 } from './encoding.ts';

/** The client's channel binding: `n` unsupported, `y` supported by the client and, it thinks, not by us, or the type used. */
export type BindingFlag = 'n' | 'y' | { readonly type: string };

export interface ClientFirst {
  readonly flag: BindingFlag;
  readonly authzid: string | undefined;
  readonly username: string;
  readonly nonce: string;
  /** The GS2 header as sent, which the client's last message repeats. */
  readonly gs2Header: string;
  /** The rest as sent, a part of what both sides sign. */
  readonly bare: string;
}

export interface ClientFinal {
  readonly channelBinding: Buffer;
  readonly nonce: string;
  readonly proof: Buffer;
  /** The message as sent up to the proof, a part of what both sides sign. */
  readonly withoutProof: string;
}

const MAX_NONCE_LENGTH = 512;
const MAX_EXTENSIONS = 16;

const GS2_HEADER = /^(?:(n|y)|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,/;
/** printable = %x21-2B / %x2D-7E */
const NONCE = /^r=([!-+--~]+)$/;
const SASLNAME = /^(?:[^\0,=]|=2C|=3D)+$/;
const ATTRIBUTE = /^[A-Za-z]=[^\0,]+$/;

/** @throws SaslError 'malformed-request' */
export function readClientFirst(text: string): ClientFirst {
  const header = GS2_HEADER.exec(text);
  if (!header) throw malformed('Not a GS2 header');
  const [gs2Header, flag, type, authzid] = header;
  const bare = text.slice(gs2Header.length);
  // `m=` stands for extensions that must be understood; there are none (RFC 5802 §5.1).
  if (bare.startsWith('m=')) throw malformed('Unknown mandatory extension');
  const [user, nonce, ...extensions] = bare.split(',');
  if (!user?.startsWith('n=')) throw malformed('No username');
  checkExtensions(extensions);
  return {
    flag: type === undefined ? (flag as 'n' | 'y') : { type },
    authzid: authzid === undefined ? undefined : readName(authzid),
    username: readName(user.slice(2)),
    nonce: readNonce(nonce),
    gs2Header,
    bare,
  };
}

/** @throws SaslError 'malformed-request' */
export function readClientFinal(text: string): ClientFinal {
  const [binding, nonce, ...rest] = text.split(',');
  const proof = rest.pop();
  checkExtensions(rest);
  return {
    channelBinding: readBytes('c=', binding),
    nonce: readNonce(nonce),
    proof: readBytes('p=', proof),
    withoutProof: text.slice(0, text.lastIndexOf(',')),
  };
}

function readName(text: string): string {
  if (!SASLNAME.test(text)) throw malformed('Not a name');
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function readNonce(text: string | undefined): string {
  const nonce = NONCE.exec(text ?? '')?.[1];
  if (nonce === undefined || nonce.length > MAX_NONCE_LENGTH) throw malformed('No usable nonce');
  return nonce;
}

function readBytes(prefix: string, text: string | undefined): Buffer {
  const bytes = text?.startsWith(prefix) ? readBase64(text.slice(prefix.length)) : undefined;
  if (!bytes) throw malformed(`No usable ${prefix}`);
  return bytes;
}

/** Optional extensions are ignored, but have to look like some; `m=` may come late too. */
function checkExtensions(extensions: readonly string[]): void {
  const wellFormed = extensions.every((text) => ATTRIBUTE.test(text) && !text.startsWith('m='));
  if (!wellFormed || extensions.length > MAX_EXTENSIONS) throw malformed('Unusable extensions');
}

function malformed(text: string): SaslError {
  return new SaslError('malformed-request', text);
}
