// How much one peer may make the parser hold or do. Exceeding any of it ends the stream with policy-violation.

export interface ParserLimits {
  /**
   * Bytes of one stanza, or of the stream's header. A stanza that `serialize` would write in more bytes loses its content
   * (see `cut.ts`).
   */
  stanzaBytes: number;
  /** Elements open at once, the stream's root included. Recursion over trees relies on this one. */
  depth: number;
  /** Attributes of one element, without namespace declarations. */
  attributes: number;
  /** Bytes of one element or attribute name. */
  nameBytes: number;
  /**
   * Namespace prefixes in scope, once for the header and once more for each stanza: those that the stanza declares, and
   * those of the header that it uses. A prefix that is declared again for the same namespace counts once.
   */
  namespaceDeclarations: number;
  /**
   * Elements, attributes and pieces of text of one stanza, as it is written. Each of them takes far more memory than the
   * four bytes of `<a/>`. A stanza with more loses its content, like one that is too long.
   */
  nodes: number;
}

/** For other servers. */
export const DEFAULT_LIMITS: Readonly<ParserLimits> = Object.freeze({
  stanzaBytes: 512 * 1024,
  depth: 128,
  attributes: 64,
  nameBytes: 256,
  namespaceDeclarations: 32,
  // Room for 5,000 items of service discovery: what 512 KiB hold.
  nodes: 16 * 1024,
});

/**
 * For clients and components. Servers make stanzas longer: they add addresses and a language to the first tag, ids,
 * delays, children of rooms, and wrappers around the whole (XEP-0297). A stanza within these limits is still within the
 * limits for servers after two servers have added all of that.
 */
export const CLIENT_LIMITS: Readonly<ParserLimits> = Object.freeze({
  stanzaBytes: DEFAULT_LIMITS.stanzaBytes - 32 * 1024,
  depth: DEFAULT_LIMITS.depth - 16,
  attributes: DEFAULT_LIMITS.attributes - 8,
  nameBytes: DEFAULT_LIMITS.nameBytes,
  namespaceDeclarations: DEFAULT_LIMITS.namespaceDeclarations - 2,
  nodes: DEFAULT_LIMITS.nodes - 256,
});

/** For a peer that may be anybody: room for a header, features, SASL and binding; RFC 6120 §13.12 wants 10,000. */
export const PREAUTH_LIMITS: Readonly<ParserLimits> = Object.freeze({
  stanzaBytes: 10 * 1024,
  depth: 16,
  attributes: 32,
  nameBytes: 128,
  namespaceDeclarations: 16,
  nodes: 1024,
});

/** For our own text, which was within limits when it was written. The depth stays limited, because trees are recursed. */
export const UNBOUNDED_LIMITS: Readonly<ParserLimits> = Object.freeze({
  stanzaBytes: Number.POSITIVE_INFINITY,
  depth: 1 + 1024,
  attributes: Number.POSITIVE_INFINITY,
  nameBytes: Number.POSITIVE_INFINITY,
  namespaceDeclarations: Number.POSITIVE_INFINITY,
  nodes: Number.POSITIVE_INFINITY,
});
