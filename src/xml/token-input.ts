// The input of the tokenizer: the present window, the start of an unfinished token from earlier windows, and the size
// of the stanza so far.

import { HIGH } from './chars.ts';
import { decodeUtf8 } from './decode.ts';
import { type StreamCondition, StreamError } from './errors.ts';
import type { ParserLimits } from './limits.ts';
import { internName, type Name } from './names.ts';

/** The buffer of an unfinished token is reused for the next one up to this size. */
const KEPT_BYTES = 1024;
const NOTHING: Buffer = Buffer.alloc(0);

export class TokenInput {
  limits: ParserLimits;
  /** The present window, and its length. */
  bytes = NOTHING;
  end = 0;
  /** The window as a string with one character per byte, so that positions in both agree. */
  #latin1 = '';
  /** The position in this window where the stanza or header begins; 0 if it began in an earlier window. */
  #begin = 0;
  /** The bytes of the stanza or header in earlier windows. */
  #earlierBytes = 0;
  /** The number of bytes that the output of the stanza is longer than its input. */
  #addedBytes = 0;
  #pending = NOTHING;
  #pendingBytes = 0;

  constructor(limits: ParserLimits) {
    this.limits = limits;
  }

  /** The bytes of the unfinished token in earlier windows. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  enter(window: Buffer): void {
    this.bytes = window;
    this.#latin1 = window.toString('latin1');
    this.end = window.length;
    this.#begin = 0;
  }

  /** Must be called at the end of a window that ends inside a stanza. @throws StreamError 'policy-violation' */
  leave(): void {
    this.#earlierBytes += this.end - this.#begin;
    if (this.#earlierBytes > this.limits.stanzaBytes) throw tooLarge();
  }

  /** Releases the window, which the caller owns again. */
  release(): void {
    this.bytes = NOTHING;
    this.#latin1 = '';
  }

  // ── Size ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Starts to count the size of the stanza or header that begins at `at`. */
  beginAt(at: number): void {
    this.#begin = at;
    this.#earlierBytes = 0;
    this.#addedBytes = 0;
  }

  get addedBytes(): number {
    return this.#addedBytes;
  }

  /** Counts bytes of the output that are not in the input. */
  add(bytes: number): void {
    this.#addedBytes += bytes;
  }

  /** Counts the growth of a token from input to output, in bytes. A token that shrinks does not count. */
  addGrowth(received: number, written: number): void {
    if (written > received) this.add(written - received);
  }

  /** Whether the output of the stanza up to `at` is too large. */
  isTooLargeWritten(at: number): boolean {
    return this.#addedBytes > 0 && this.#bytesTo(at) + this.#addedBytes > this.limits.stanzaBytes;
  }

  /** @throws StreamError 'policy-violation' if the input of the stanza up to `at` is too large. */
  checkSize(at: number): void {
    if (this.#isTooLarge(at)) throw tooLarge();
  }

  /** The error at `at`, or that of an exceeded size, so that the result does not depend on the chunks. */
  error(at: number, condition: StreamCondition, text: string): StreamError {
    return this.#isTooLarge(at) ? tooLarge() : new StreamError(condition, text);
  }

  #isTooLarge(at: number): boolean {
    return this.#bytesTo(at) > this.limits.stanzaBytes;
  }

  #bytesTo(at: number): number {
    return this.#earlierBytes + at - this.#begin;
  }

  // ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Keeps the unfinished token from `start` to the end of the window; returns that end. */
  suspend(start: number): number {
    this.#keep(start, this.end);
    return this.end;
  }

  /** The ASCII token from `start` to `end` of the window. */
  slice(start: number, end: number): string {
    return this.#latin1.slice(start, end);
  }

  /** The token whose last bytes are those from `start` to `end`; `flags` are those of all its bytes. */
  take(start: number, end: number, flags: number): string {
    const ascii = (flags & HIGH) === 0;
    if (this.#pendingBytes === 0) {
      return ascii ? this.#latin1.slice(start, end) : decodeUtf8(this.bytes, start, end);
    }
    const token = this.#takePending(start, end);
    return ascii ? token.toString('latin1') : decodeUtf8(token, 0, token.length);
  }

  /** The same for a name; `undefined` if the token is not a name. */
  takeName(start: number, end: number, hash: number): Name | undefined {
    if (this.#pendingBytes === 0) return internName(this.bytes, start, end, hash);
    const token = this.#takePending(start, end);
    return internName(token, 0, token.length, hash);
  }

  #takePending(start: number, end: number): Buffer {
    this.#keep(start, end);
    const token = this.#pending.subarray(0, this.#pendingBytes);
    this.#pendingBytes = 0;
    if (this.#pending.length > KEPT_BYTES) this.#pending = NOTHING;
    return token;
  }

  /** Doubles the buffer when it is full, so that a token received byte by byte takes linear time. */
  #keep(start: number, end: number): void {
    const needed = this.#pendingBytes + end - start;
    if (needed > this.#pending.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(256, needed, this.#pending.length * 2));
      this.#pending.copy(larger, 0, 0, this.#pendingBytes);
      this.#pending = larger;
    }
    this.bytes.copy(this.#pending, this.#pendingBytes, start, end);
    this.#pendingBytes = needed;
  }
}

function tooLarge(): StreamError {
  return new StreamError('policy-violation', 'The stanza is too large');
}
