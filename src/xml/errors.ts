// The errors of RFC 6120: stanza errors (§8.3), stream errors (§4.9) and SASL errors (§6.5).

import { type Element, type ElementLike, ownElement, type Stanza, xml } from './element.ts';
import { NS } from './namespaces.ts';

export type ErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait';

/** RFC 6120 §8.3.3: each condition with the error type that its definition recommends. */
export const STANZA_ERROR_TYPES = {
  'bad-request': 'modify',
  conflict: 'cancel',
  'feature-not-implemented': 'cancel',
  forbidden: 'auth',
  gone: 'cancel',
  'internal-server-error': 'cancel',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'not-authorized': 'auth',
  'policy-violation': 'modify',
  'recipient-unavailable': 'wait',
  redirect: 'modify',
  'registration-required': 'auth',
  'remote-server-not-found': 'cancel',
  'remote-server-timeout': 'wait',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
  'subscription-required': 'auth',
  'undefined-condition': 'cancel',
  'unexpected-request': 'wait',
} as const satisfies Record<string, ErrorType>;

export type StanzaCondition = keyof typeof STANZA_ERROR_TYPES;

export interface StanzaErrorDetails {
  /** Text for the user of the peer. It must not contain configuration, paths or data of other users. */
  text?: string;
  /** Default: the type that the condition's definition recommends. */
  type?: ErrorType;
  /** The address of the entity that raised the error (RFC 6120 §8.3.2). */
  by?: string;
  /** An application-specific condition (§8.3.4). */
  application?: ElementLike;
  cause?: unknown;
}

/**
 * The refusal of one stanza (RFC 6120 §8.3). If a handler throws it, it becomes the error reply. It has no stack trace, which
 * would take most of the time of a refusal: one stanza of a client may cause a thousand.
 */
export class StanzaError extends Error {
  readonly condition: StanzaCondition;
  readonly type: ErrorType;
  readonly text: string | undefined;
  readonly by: string | undefined;
  readonly application: Element | undefined;

  constructor(condition: StanzaCondition, details: StanzaErrorDetails = {}) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(details.text ?? condition, details.cause === undefined ? undefined : { cause: details.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'StanzaError';
    this.condition = condition;
    this.type = details.type ?? STANZA_ERROR_TYPES[condition];
    this.text = details.text;
    this.by = details.by;
    this.application = details.application && ownElement(details.application);
  }

  /** The `<error/>` child. */
  toElement(): Element {
    return xml(
      'error',
      { type: this.type, by: this.by },
      xml(this.condition, NS.STANZAS),
      this.text === undefined ? undefined : xml('text', { xmlns: NS.STANZAS, 'xml:lang': 'en' }, this.text),
      this.application,
    );
  }

  /**
   * Parses the error in a stanza of type `error`. An unknown or missing condition becomes `undefined-condition`
   * (§8.3.2), with `malformed` set.
   */
  static from(stanza: Stanza): StanzaError & { malformed?: boolean } {
    const error = stanza.elements().find(({ name }) => name === 'error');
    const child = error
      ?.elements()
      .find((element) => element.getNS() === NS.STANZAS && element.name !== 'text');
    const known = child !== undefined && Object.hasOwn(STANZA_ERROR_TYPES, child.name);
    const condition = known ? (child.name as StanzaCondition) : 'undefined-condition';
    const type = error?.attrs.type;
    const result: StanzaError & { malformed?: boolean } = new StanzaError(condition, {
      ...(isErrorType(type) ? { type } : {}),
      ...(error?.attrs.by === undefined ? {} : { by: error.attrs.by }),
      ...textOf(error),
    });
    if (child === undefined) result.malformed = true;
    return result;
  }
}

/** A request of ours got no answer in time. */
export class IqTimeoutError extends StanzaError {
  constructor(text = 'No answer arrived in time') {
    super('remote-server-timeout', { text });
    this.name = 'IqTimeoutError';
  }
}

/**
 * The error reply to a stanza, addressed to its sender; `undefined` where RFC 6120 forbids a reply: to an error
 * (§8.3.1) and to an iq result (§8.2.3).
 */
export function errorReply(stanza: Stanza, error: StanzaError): Stanza | undefined {
  if (stanza.attrs.type === 'error') return undefined;
  if (stanza.name === 'iq' && stanza.attrs.type === 'result') return undefined;
  const { id, from, to } = stanza.attrs;
  return xml(stanza.name, { type: 'error', id, from: to, to: from }, error.toElement());
}

/** RFC 6120 §4.9.3: the conditions of stream errors. */
export type StreamCondition =
  | 'bad-format'
  | 'bad-namespace-prefix'
  | 'conflict'
  | 'connection-timeout'
  | 'host-gone'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'invalid-from'
  | 'invalid-namespace'
  | 'invalid-xml'
  | 'not-authorized'
  | 'not-well-formed'
  | 'policy-violation'
  | 'remote-connection-failed'
  | 'reset'
  | 'resource-constraint'
  | 'restricted-xml'
  | 'see-other-host'
  | 'system-shutdown'
  | 'undefined-condition'
  | 'unsupported-encoding'
  | 'unsupported-feature'
  | 'unsupported-stanza-type'
  | 'unsupported-version';

/** An error that ends the stream (RFC 6120 §4.9): sent as `<stream:error/>`, then the stream is closed. */
export class StreamError extends Error {
  readonly condition: StreamCondition;
  readonly text: string | undefined;
  /** An application-specific condition (§4.9.4). */
  readonly application: Element | undefined;

  constructor(condition: StreamCondition, text?: string, application?: Element) {
    super(text === undefined ? condition : `${condition}: ${text}`);
    this.name = 'StreamError';
    this.condition = condition;
    this.text = text;
    this.application = application;
  }

  toElement(): Element {
    return xml(
      'stream:error',
      {},
      xml(this.condition, NS.STREAMS),
      this.text === undefined ? undefined : xml('text', { xmlns: NS.STREAMS, 'xml:lang': 'en' }, this.text),
      this.application,
    );
  }
}

/** RFC 6120 §6.5. */
export type SaslCondition =
  | 'aborted'
  | 'account-disabled'
  | 'credentials-expired'
  | 'encryption-required'
  | 'incorrect-encoding'
  | 'invalid-authzid'
  | 'invalid-mechanism'
  | 'malformed-request'
  | 'mechanism-too-weak'
  | 'not-authorized'
  | 'temporary-auth-failure';

/** The refusal of one SASL attempt (RFC 6120 §6.5). */
export class SaslError extends Error {
  readonly condition: SaslCondition;
  readonly text: string | undefined;

  constructor(condition: SaslCondition, text?: string) {
    super(text === undefined ? condition : `${condition}: ${text}`);
    this.name = 'SaslError';
    this.condition = condition;
    this.text = text;
  }

  toElement(): Element {
    return xml(
      'failure',
      NS.SASL,
      xml(this.condition),
      this.text === undefined ? undefined : xml('text', { 'xml:lang': 'en' }, this.text),
    );
  }
}

function isErrorType(type: string | undefined): type is ErrorType {
  return type === 'auth' || type === 'cancel' || type === 'continue' || type === 'modify' || type === 'wait';
}

function textOf(error: Element | undefined): { text?: string } {
  const text = error?.getChildText('text', NS.STANZAS);
  return text === undefined ? {} : { text };
}
