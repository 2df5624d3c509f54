// The reading half of a stream: turns bytes of the transport into elements, as fast as the owner takes them.
//
//   transport ──▶ held ──▶ parser ──▶ owner
//
// A pause takes effect after the present element, even within a chunk: the rest of the chunk is held as bytes, and the
// transport is not read meanwhile. Each connection is parsed for a limited time per turn of the event loop, so that a fast
// sender does not delay the others.

import { eventLoop } from '../net/event-loop.ts';
import type { Transport } from '../net/transport.ts';
import { type ParserLimits, PREAUTH_LIMITS } from '../xml/limits.ts';
import type { ParserHandler } from '../xml/parser.ts';
import type { Framing, StreamParser } from './framing.ts';

/** The result of one step of parsing. */
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

export interface ReaderOptions {
  readonly transport: Transport;
  readonly framing: Framing;
  readonly owner: ReaderOwner;
  readonly limits: ParserLimits;
}

/** Received and not parsed yet. */
interface Held {
  readonly bytes: Buffer;
  /** The last bytes of a chunk of the transport, which is a whole frame if the transport has frames. */
  readonly endsFrame: boolean;
}

/** Parsing time of one connection per turn of the event loop: 20 busy connections delay another one by about 20 ms. */
const SLICE_MS = 1;
/** The clock is read after each element, and after this number of bytes. */
const PIECE_BYTES = 4096;

/** The largest header, even after authentication: its attributes stay in memory as long as the stream. */
const HEADER_BYTES = PREAUTH_LIMITS.stanzaBytes;

const NOTHING = Buffer.alloc(0);

export class StreamReader {
  readonly #transport: Transport;
  readonly #framing: Framing;
  readonly #owner: ReaderOwner;
  #limits: ParserLimits;
  #parser: StreamParser;
  readonly #pauses = new Set<string>();
  /** Received and not parsed yet. At most a few chunks, since the transport is not read meanwhile. */
  #held: Held[] = [];
  #isParsing = false;
  #isRestarting = false;
  #isStopped = false;
  /** First-level elements of the present step. */
  #elements = 0;
  #stepStartedAt = 0;
  #sliceTurn = -1;
  /** Time that earlier steps have taken in the turn `#sliceTurn`. */
  #sliceMs = 0;

  constructor({ transport, framing, owner, limits }: ReaderOptions) {
    this.#transport = transport;
    this.#framing = framing;
    this.#owner = owner;
    this.#limits = limits;
    this.#parser = this.#newParser();
  }

  get isPaused(): boolean {
    return this.#pauses.size > 0;
  }

  /** The size of the element that was passed to the owner last; see `StreamParser`. */
  get nodes(): number {
    return this.#parser.nodes;
  }

  get addedBytes(): number {
    return this.#parser.addedBytes;
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
    this.#held.push({ bytes: chunk, endsFrame: true });
    this.#advance();
  }

  /** Stops after the present element. Reading goes on when every reason has been withdrawn by `unpause`. */
  pause(reason: string): void {
    if (this.#isStopped) return;
    this.#pauses.add(reason);
    if (this.#isParsing) this.#parser.stop();
    this.#transport.pause();
  }

  unpause(reason: string): void {
    if (!this.#pauses.delete(reason)) return;
    this.#advance();
    if (!this.isPaused) this.#transport.resume();
  }

  /** Expects a new header after the present element. */
  restart(): void {
    if (!this.#framing.restartsParser) return;
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
    return Buffer.concat([this.#parser.rest(), ...this.#held.splice(0).map(({ bytes }) => bytes)]);
  }

  /** Stops for good. The connection is still read, and its bytes discarded, so that its end is noticed. */
  stop(): void {
    this.#isStopped = true;
    this.#parser.stop();
    this.#pauses.clear();
    this.#held = [];
    this.#transport.resume();
  }

  #advance(): void {
    while (!this.#isParsing && !this.isPaused && !this.#isStopped) {
      const piece = this.#nextPiece();
      if (piece === undefined) return;
      this.#step(piece);
    }
  }

  #nextPiece(): Held | undefined {
    const held = this.#held.shift();
    if (held === undefined || held.bytes.length <= PIECE_BYTES) return held;
    this.#hold(held.bytes.subarray(PIECE_BYTES), held.endsFrame);
    return { bytes: held.bytes.subarray(0, PIECE_BYTES), endsFrame: false };
  }

  #step({ bytes, endsFrame }: Held): void {
    this.#beginStep();
    let rest: Buffer = NOTHING;
    try {
      this.#parser.resume();
      this.#parser.write(bytes);
      rest = this.#parser.rest();
      if (endsFrame && rest.length === 0) this.#parser.endFrame?.();
    } catch (error) {
      this.#owner.onFailure(error);
    } finally {
      this.#isParsing = false;
    }
    if (this.#isStopped) return;
    this.#hold(rest, endsFrame);
    this.#owner.onStep({
      bytes: bytes.length - rest.length,
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
    if (this.#sliceTurn === eventLoop.turn) return;
    this.#sliceTurn = eventLoop.turn;
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
    eventLoop.defer(() => this.unpause('turn'));
  }

  /** Starts a new parser, which gets the bytes that the old one has not parsed. */
  #begin(): void {
    this.#isRestarting = false;
    if (this.#isStopped) return;
    this.#hold(this.#parser.rest(), true);
    this.#parser = this.#newParser();
  }

  /** Puts bytes before those that are held. */
  #hold(bytes: Buffer, endsFrame: boolean): void {
    if (bytes.length > 0) this.#held.unshift({ bytes, endsFrame });
  }

  #newParser(): StreamParser {
    const owner = this.#owner;
    const parser: StreamParser = this.#framing.parser(
      {
        onOpen: (root, contentNamespace) => {
          parser.limits = this.#limits;
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
      { ...this.#limits, stanzaBytes: Math.min(this.#limits.stanzaBytes, HEADER_BYTES) },
    );
    return parser;
  }
}
