// Parses the bytes of an XML stream into elements, strictly and within limits (RFC 6120 §11).

import { DEFAULT_LIMITS, type ParserLimits } from './limits.ts';
import { Tokenizer } from './tokenizer.ts';
import { type ParserHandler, TreeBuilder } from './tree-builder.ts';

export { DEFAULT_LIMITS, type ParserLimits, PREAUTH_LIMITS } from './limits.ts';
export type { ParserHandler } from './tree-builder.ts';

/**
 * Parses one XML stream, from its header to its closing tag; a stream restart needs a new parser. Its work is linear in
 * the received bytes, independent of their chunks, and its memory is bounded by its limits.
 *
 * Text and attribute values may keep up to 4 KiB of the input alive each; see `detach` in `names.ts` for values that
 * are kept for a long time.
 */
export class XmlParser {
  readonly #builder: TreeBuilder;
  readonly #tokenizer: Tokenizer;
  #rest: Buffer = Buffer.alloc(0);
  #state: 'open' | 'stopped' | 'failed' = 'open';

  /** The handler must not call `write`. */
  constructor(handler: ParserHandler, limits: ParserLimits = DEFAULT_LIMITS) {
    this.#builder = new TreeBuilder(handler, limits);
    this.#tokenizer = new Tokenizer(this.#builder, limits);
  }

  get limits(): ParserLimits {
    return this.#tokenizer.limits;
  }

  /** Takes effect with the next token. */
  set limits(limits: ParserLimits) {
    this.#tokenizer.limits = limits;
    this.#builder.limits = limits;
  }

  /**
   * The namespace whose first-level elements get no `xmlns`. The header sets it; a handler may set it in `onOpen` for a
   * header that declares none, as RFC 6120 §4.8.3 allows.
   */
  get contentNamespace(): string | undefined {
    return this.#builder.contentNamespace;
  }

  set contentNamespace(xmlns: string | undefined) {
    this.#builder.contentNamespace = xmlns;
  }

  /** Elements, attributes and pieces of text of the present stanza. */
  get nodes(): number {
    return this.#builder.nodes;
  }

  /** Bytes that the output of the present stanza is longer than its input: repeated namespaces, and escapes. */
  get addedBytes(): number {
    return this.#tokenizer.addedBytes;
  }

  /** Whether a stanza or the header is incomplete. */
  get midStanza(): boolean {
    return this.#tokenizer.midToken;
  }

  /**
   * Parses bytes; the parser does not keep the buffer. After an error it ignores further bytes.
   *
   * @throws StreamError for errors that end the stream; errors of the handler.
   * @throws Error after `stop`.
   */
  write(chunk: Buffer): void {
    if (this.#state === 'failed') return;
    if (this.#state === 'stopped') throw new Error('The parser was stopped');
    this.#state = 'failed';
    const taken = this.#tokenizer.write(chunk);
    this.#state = this.#tokenizer.stopped ? 'stopped' : 'open';
    if (taken < chunk.length) this.#rest = chunk.subarray(taken);
  }

  /** Stops parsing after the present tag. Only for calls from a handler. */
  stop(): void {
    this.#tokenizer.stop();
  }

  /** Continues after `stop`. The next bytes to write are those from `rest`. */
  resume(): void {
    if (this.#state === 'failed') return;
    this.#tokenizer.resume();
    this.#state = 'open';
  }

  /** The bytes that were received but not parsed because of `stop`. The caller owns them. */
  rest(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }
}
