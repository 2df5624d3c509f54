// The bytes that tokens are cut out of: the present window, what earlier windows held of an unfinished token, and how
// much of the stanza has come.

import { HIGH } from './chars.ts';
import { decodeUtf8 } from './decode.ts';
import { type StreamCondition, StreamError } from './errors.ts';
import type { ParserLimits } from './limits.ts';
import { internName, type Name } from './names.ts';

/** An unfinished token's buffer is kept for the next one up to this size. */
const KEPT_BYTES = 1024;
const NOTHING: Buffer = Buffer.alloc(0);

export class TokenInput {
  limits: ParserLimits;
  /** The present window, and its length. */
  bytes = NOTHING;
  end = 0;
  /** The window with one character per byte, so that positions in both agree. */
  #latin1 = '';
  /** Where in this window the stanza or header began; 0 when that was in an earlier one, which held so much of it. */
  #begin = 0;
  #earlierBytes = 0;
  /** How many bytes longer the stanza will be when it is written. */
  #addedBytes = 0;
  #pending = NOTHING;
  #pendingBytes = 0;

  constructor(limits: ParserLimits) {
    this.limits = limits;
  }

  /** Bytes of the unfinished token in earlier windows. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  enter(window: Buffer): void {
    this.bytes = window;
    this.#latin1 = window.toString('latin1');
    this.end = window.length;
    this.#begin = 0;
  }

  /** Called at the end of a window that ends within a stanza. @throws StreamError 'policy-violation' */
  leave(): void {
    this.#earlierBytes += this.end - this.#begin;
    if (this.#earlierBytes > this.limits.stanzaBytes) throw tooLarge();
  }

  /** Forgets the window, which is the caller's again. */
  release(): void {
    this.bytes = NOTHING;
    this.#latin1 = '';
  }

  // ── Size ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Starts to count the size of what begins at `at`. */
  beginAt(at: number): void {
    this.#begin = at;
    this.#earlierBytes = 0;
    this.#addedBytes = 0;
  }

  /** Counts bytes that were not received but will be written. */
  add(bytes: number): void {
    this.#addedBytes += bytes;
  }

  /** Counts what a token grows by. Both in bytes; a token that shrinks does not count. */
  addGrowth(received: number, written: number): void {
    if (written > received) this.add(written - received);
  }

  /** Whether the stanza, from its begin up to `at`, will be too large when it is written. */
  isTooLargeWritten(at: number): boolean {
    return this.#addedBytes > 0 && this.#bytesTo(at) + this.#addedBytes > this.limits.stanzaBytes;
  }

  /** @throws StreamError 'policy-violation' when what has begun is too large up to `at`. */
  checkSize(at: number): void {
    if (this.#isTooLarge(at)) throw tooLarge();
  }

  /** The error at `at`; that of a size exceeded before, so that the answer does not depend on how bytes are cut. */
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

  /** Keeps the unfinished token from `start` to the end of the window, which is returned. */
  suspend(start: number): number {
    this.#keep(start, this.end);
    return this.end;
  }

  /** The token from `start` to `end` of the window, which is ASCII. */
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

  /** The same for a name; `undefined` when it is none. */
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

  /** Doubles the buffer when it is full, so that a token in single bytes still takes linear time. */
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
