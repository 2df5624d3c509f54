// Strict readers for what mechanisms carry. Node's own base64 and UTF-8 decoders forgive; an authentication must not.

import { SaslError } from '../xml/errors.ts';

/** Longer messages are refused unread: the largest honest one holds a localpart, a nonce and a channel binding. */
const MAX_MESSAGE_BYTES = 8192;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** @throws SaslError 'malformed-request' for invalid UTF-8, NUL being left to the caller, or too long a message. */
export function readText(message: Buffer): string {
  if (message.length > MAX_MESSAGE_BYTES) throw new SaslError('malformed-request', 'The message is too long');
  try {
    return UTF8.decode(message);
  } catch {
    throw new SaslError('malformed-request', 'The message is not UTF-8');
  }
}

/** The bytes of canonical base64 (RFC 4648 §3.5: no stray bits, no missing padding), or undefined. */
export function readBase64(text: string): Buffer | undefined {
  if (!BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
