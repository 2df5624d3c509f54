// The reading half of a stream: turns bytes of the connection into elements, as fast as the owner takes them.
//
//   connection ──▶ held ──▶ parser ──▶ owner
//
// A pause takes effect after the present element, even within a chunk: the rest of the chunk is held as bytes, and the
// connection is not read meanwhile. Each connection is parsed for a limited time per turn of the event loop, so that a fast
// sender does not delay the others.

import type { Connection } from '../net/connection.ts';
import { turn } from '../net/turn.ts';
import type { ParserLimits } from '../xml/limits.ts';
import type { ParserHandler } from '../xml/parser.ts';
import { StreamParser } from './stream-parser.ts';

/** What one step of parsing has consumed. */
export interface ReadStep {
  readonly bytes: number;
  /** First-level elements, the header included. */
  readonly elements: number;
  /** An element has begun and is not complete. */
  readonly isMidElement: boolean;
}

export interface ReaderOwner extends ParserHandler {
  onStep(step: ReadStep): void;
  /** The parser or the owner has thrown `error`. The owner must call `stop`. */
  onFailure(error: unknown): void;
}

/** Parsing time of one connection per turn of the event loop: 20 busy connections delay another one by about 20 ms. */
const SLICE_MS = 1;
/** Whether the slice is over is looked at after each element, and after this many bytes. */
const PIECE_BYTES = 4096;

export class StreamReader {
  readonly #connection: Connection;
  readonly #owner: ReaderOwner;
  #limits: ParserLimits;
  #parser: StreamParser;
  readonly #pauses = new Set<string>();
  /** Received and not parsed yet. At most a few chunks, since the connection is not read meanwhile. */
  #held: Buffer[] = [];
  #isParsing = false;
  #isRestarting = false;
  #isStopped = false;
  /** First-level elements of the present step. */
  #elements = 0;
  #stepStartedAt = 0;
  #sliceTurn = -1;
  /** Time that earlier steps have taken in the turn `#sliceTurn`. */
  #sliceMs = 0;

  constructor(connection: Connection, owner: ReaderOwner, limits: ParserLimits) {
    this.#connection = connection;
    this.#owner = owner;
    this.#limits = limits;
    this.#parser = this.#newParser();
  }

  get isPaused(): boolean {
    return this.#pauses.size > 0;
  }

  /** Elements, attributes and pieces of text of the element that the owner has been given last. */
  get nodes(): number {
    return this.#parser.nodes;
  }

  get limits(): ParserLimits {
    return this.#limits;
  }

  set limits(limits: ParserLimits) {
    this.#limits = limits;
    this.#parser.limits = limits;
  }

  /** Takes received bytes. */
  take(chunk: Buffer): void {
    if (this.#isStopped) return;
    this.#held.push(chunk);
    this.#advance();
  }

  /** Stops after the present element. Reading goes on when every reason has been withdrawn by `unpause`. */
  pause(reason: string): void {
    if (this.#isStopped) return;
    this.#pauses.add(reason);
    if (this.#isParsing) this.#parser.stop();
    this.#connection.pause();
  }

  unpause(reason: string): void {
    if (!this.#pauses.delete(reason)) return;
    this.#advance();
    if (!this.isPaused) this.#connection.resume();
  }

  /** Expects a new header after the present element. */
  restart(): void {
    this.#isRestarting = true;
    this.#parser.stop();
    if (this.#isParsing) return;
    this.#begin();
    this.#advance();
  }

  /** Stops parsing after the present element, and returns the bytes that were received after it. */
  async leftover(): Promise<Buffer> {
    this.#parser.stop();
    await undefined; // The caller runs inside the parser, which knows its rest only after it has returned.
    return Buffer.concat([this.#parser.rest(), ...this.#held.splice(0)]);
  }

  /** Stops for good. The connection is still read, and its bytes discarded, so that its end is noticed. */
  stop(): void {
    this.#isStopped = true;
    this.#parser.stop();
    this.#pauses.clear();
    this.#held = [];
    this.#connection.resume();
  }

  #advance(): void {
    while (!this.#isParsing && !this.isPaused && !this.#isStopped) {
      const piece = this.#nextPiece();
      if (piece === undefined) return;
      this.#step(piece);
    }
  }

  #nextPiece(): Buffer | undefined {
    const chunk = this.#held.shift();
    if (chunk === undefined || chunk.length <= PIECE_BYTES) return chunk;
    this.#held.unshift(chunk.subarray(PIECE_BYTES));
    return chunk.subarray(0, PIECE_BYTES);
  }

  #step(chunk: Buffer): void {
    this.#beginStep();
    try {
      this.#parser.resume();
      this.#parser.write(chunk);
    } catch (error) {
      this.#owner.onFailure(error);
    } finally {
      this.#isParsing = false;
    }
    if (this.#isStopped) return;
    const rest = this.#parser.rest();
    if (rest.length > 0) this.#held.unshift(rest);
    this.#owner.onStep({
      bytes: chunk.length - rest.length,
      elements: this.#elements,
      isMidElement: this.#parser.midStanza,
    });
    if (this.#isRestarting) this.#begin();
    this.#endStep();
  }

  #beginStep(): void {
    this.#isParsing = true;
    this.#elements = 0;
    this.#stepStartedAt = performance.now();
    if (this.#sliceTurn === turn.number) return;
    this.#sliceTurn = turn.number;
    this.#sliceMs = 0;
  }

  #endStep(): void {
    if (this.#isSliceOver()) this.#yield();
    this.#sliceMs += performance.now() - this.#stepStartedAt;
  }

  #isSliceOver(): boolean {
    return this.#sliceMs + performance.now() - this.#stepStartedAt >= SLICE_MS;
  }

  /** Pauses until the next turn, so that other connections are read first. */
  #yield(): void {
    if (this.#pauses.has('turn') || this.#isStopped) return;
    this.pause('turn');
    turn.next(() => this.unpause('turn'));
  }

  /** Starts a new parser, which gets the bytes that the old one has not parsed. */
  #begin(): void {
    this.#isRestarting = false;
    if (this.#isStopped) return;
    const rest = this.#parser.rest();
    if (rest.length > 0) this.#held.unshift(rest);
    this.#parser = this.#newParser();
  }

  #newParser(): StreamParser {
    const owner = this.#owner;
    return new StreamParser(
      {
        onOpen: (root, contentNamespace) => {
          this.#elements++;
          owner.onOpen(root, contentNamespace);
        },
        onElement: (element) => {
          this.#elements++;
          owner.onElement(element);
          if (this.#isSliceOver()) this.#yield();
        },
        onClose: () => owner.onClose(),
      },
      this.#limits,
    );
  }
}
