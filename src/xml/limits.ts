// Limits on the memory and work that one peer can cause in the parser. Exceeding one ends the stream with
// policy-violation, except where a comment says otherwise.

export interface ParserLimits {
  /**
   * Bytes of one stanza, or of the stream's header, which has a limit of its own too (`stream/reader.ts`). A stanza that is
   * longer only in the output of `serialize` loses its content (see `cut.ts`).
   */
  stanzaBytes: number;
  /** Nested elements, including the stream's root. Recursive functions on trees rely on this limit. */
  depth: number;
  /** Attributes of one element, without namespace declarations. */
  attributes: number;
  /** Bytes of one element or attribute name. */
  nameBytes: number;
  /**
   * Namespace prefixes in scope, separately for the header and for each stanza. A stanza counts the prefixes that it
   * declares, and those of the header that it uses. A repeated declaration of a prefix for the same namespace counts
   * once.
   */
  namespaceDeclarations: number;
  /**
   * Elements, attributes and pieces of text in the output of one stanza. Each takes far more memory than the four bytes
   * of `<a/>`. A stanza with more loses its content, like one that is too long.
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
  // Room for 5,000 items of service discovery, which take 512 KiB.
  nodes: 16 * 1024,
});

/**
 * For clients and components. Servers make stanzas longer: they add addresses, a language, ids, delays, children by
 * rooms, and wrappers (XEP-0297). A stanza within these limits stays within the limits for servers after two servers
 * have added all of these.
 */
export const CLIENT_LIMITS: Readonly<ParserLimits> = Object.freeze({
  stanzaBytes: DEFAULT_LIMITS.stanzaBytes - 32 * 1024,
  depth: DEFAULT_LIMITS.depth - 16,
  attributes: DEFAULT_LIMITS.attributes - 8,
  nameBytes: DEFAULT_LIMITS.nameBytes,
  namespaceDeclarations: DEFAULT_LIMITS.namespaceDeclarations - 2,
  nodes: DEFAULT_LIMITS.nodes - 256,
});

/** For unauthenticated peers: room for header, features, SASL and binding. RFC 6120 §13.12 demands 10,000 bytes. */
export const PREAUTH_LIMITS: Readonly<ParserLimits> = Object.freeze({
  stanzaBytes: 10 * 1024,
  depth: 16,
  attributes: 32,
  nameBytes: 128,
  namespaceDeclarations: 16,
  nodes: 1024,
});

/**
 * For our own stored text, which was within limits before. The depth stays limited, because functions recurse on trees.
 */
export const UNBOUNDED_LIMITS: Readonly<ParserLimits> = Object.freeze({
  stanzaBytes: Number.POSITIVE_INFINITY,
  depth: 1 + 1024,
  attributes: Number.POSITIVE_INFINITY,
  nameBytes: Number.POSITIVE_INFINITY,
  namespaceDeclarations: Number.POSITIVE_INFINITY,
  nodes: Number.POSITIVE_INFINITY,
});
