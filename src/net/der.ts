// The part of ASN.1 DER (X.690) that certificates need: a writer, and a reader that checks every length.

export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTF8_STRING: 0x0c,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** Tag of a context-specific value, e.g. `[0]`. */
export function contextTag(number: number, constructed = false): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

/** One value with its tag and length. */
export function encode(tag: number, ...contents: Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), encodeLength(body.length), body]);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

export function sequence(...contents: Uint8Array[]): Buffer {
  return encode(TAG.SEQUENCE, ...contents);
}

/** "1.2.840.10045.4.3.2" as an OBJECT IDENTIFIER. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return encode(TAG.OID, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(arc: number): number[] {
  const bytes = [arc & 0x7f];
  for (let rest = arc >>> 7; rest > 0; rest >>>= 7) bytes.unshift(0x80 | (rest & 0x7f));
  return bytes;
}

/** An INTEGER that is not negative, from its big-endian bytes. */
export function unsigned(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const significant = bytes.subarray(start);
  const isHigh = ((significant[0] ?? 0) & 0x80) !== 0;
  return encode(TAG.INTEGER, isHigh ? Buffer.from([0]) : Buffer.alloc(0), significant);
}

/** A BIT STRING; `unusedBits`: the number of low bits in the last byte that are not part of it. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return encode(TAG.BIT_STRING, Buffer.from([unusedBits]), bytes);
}

export function text(tag: number, value: string): Buffer {
  return encode(tag, Buffer.from(value));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). `at`: ms since 1970; fractions are cut off. */
export function time(at: number): Buffer {
  const digits = `${new Date(at).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`;
  const isLate = new Date(at).getUTCFullYear() >= 2050;
  return isLate ? text(TAG.GENERALIZED_TIME, digits) : text(TAG.UTC_TIME, digits.slice(2));
}

/** One decoded value; `body` is a view on the buffer read from. */
export interface DerValue {
  tag: number;
  body: Buffer;
  /** Where the next value begins in the buffer that was read. */
  next: number;
}

/** The value at `offset`; undefined if there is no complete value of definite length. */
export function decode(buffer: Buffer, offset = 0): DerValue | undefined {
  const tag = buffer[offset];
  const short = buffer[offset + 1];
  // No certificate field has a tag number above 30, which would need more tag bytes.
  if (tag === undefined || short === undefined || (tag & 0x1f) === 0x1f) return undefined;
  let start = offset + 2;
  let length = short;
  if (short >= 0x80) {
    const size = short - 0x80;
    if (size === 0 || size > 4 || start + size > buffer.length) return undefined;
    length = buffer.readUIntBE(start, size);
    start += size;
  }
  if (length > buffer.length - start) return undefined;
  return { tag, body: buffer.subarray(start, start + length), next: start + length };
}

/** The values inside a constructed one, at most `limit`, up to the first malformed one. */
export function decodeAll(body: Buffer, limit: number): DerValue[] {
  const values: DerValue[] = [];
  for (let offset = 0; offset < body.length && values.length < limit; ) {
    const value = decode(body, offset);
    if (value === undefined) break;
    values.push(value);
    offset = value.next;
  }
  return values;
}
