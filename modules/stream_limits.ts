// XEP-0478 Stream Limits Advertisement: announces the limits of a stream.

import {
  defineModule,
  type Element,
  NS,
  type S2SStream,
  type Stanza,
  StanzaError,
  serialize,
  xml,
} from 'enjamb/api';
import { DEFAULT_LIMITS } from 'enjamb/api/stream';

declare module 'enjamb/api' {
  interface S2SState {
    /** The limits that the peer has announced for this stream. Owned by stream_limits. */
    peerLimits?: {
      /** The most bytes of one first-level element. */
      readonly maxBytes: number | undefined;
      /** The peer may close the stream after this time without data from us. */
      readonly idleSeconds: number | undefined;
    };
  }
}

/** Smaller announced limits are ignored, because not even an error would fit (RFC 6120 §13.12 demands 10,000). */
const LEAST_MAX_BYTES = 1_000;

/** The most bytes of one UTF-16 unit, as a reference such as `&apos;`. */
const MOST_BYTES_OF_UNIT = 6;
/** The most bytes of markup besides names and values: `</>`, `<>`, ` =''`. */
const MARKUP_BYTES = 8;

/**
 * Announces the size limit of elements. Returns stanzas that are too large for another server to their senders, because
 * sending them would break the stream and lose the stanzas on it.
 */
export default defineModule({
  name: 'stream_limits',
  summary: 'Announces the largest size of stanzas and respects that of other servers (XEP-0478)',
  implements: ['XEP-0478 0.2.0'],
  scope: 'host',
  enabledOn: ['local', 'component', 'external'],

  load(module) {
    module.hook('stream-features', ({ features, maxBytes, idleMs }) => {
      features.append(announcement(maxBytes, idleMs));
    });
    module.hook('s2s-features', ({ session, features }) => learn(session, features));
    // §3.2: the opening side of a stream does not announce features.
    module.hook('s2s-bidi-offer', ({ bidi }) => {
      bidi.append(announcement(DEFAULT_LIMITS.stanzaBytes));
    });
    module.hook('s2s-bidi-use', ({ session, bidi }) => learn(session, bidi));
    module.hook(
      's2s-out',
      (event) => {
        const { maxBytes } = event.session.state.peerLimits ?? {};
        if (maxBytes === undefined || isWithin(event.element, maxBytes)) return;
        event.element = insteadOf(event.element, maxBytes);
      },
      'guard',
    );
  },
});

function announcement(maxBytes: number, idleMs = Number.POSITIVE_INFINITY): Element {
  return xml(
    'limits',
    NS.STREAM_LIMITS,
    xml('max-bytes', {}, String(maxBytes)),
    Number.isFinite(idleMs) ? xml('idle-seconds', {}, String(Math.floor(idleMs / 1_000))) : undefined,
  );
}

/** §4: limits may change with each announcement, such as after authentication. */
function learn({ state }: S2SStream, announced: Element): void {
  const limits = announced.getChild('limits', NS.STREAM_LIMITS);
  const maxBytes = unsigned(limits?.getChildText('max-bytes'));
  const idleSeconds = unsigned(limits?.getChildText('idle-seconds'));
  if (limits === undefined) delete state.peerLimits;
  else
    state.peerLimits = {
      maxBytes: maxBytes === undefined || maxBytes < LEAST_MAX_BYTES ? undefined : maxBytes,
      idleSeconds,
    };
}

/** §12: both are xs:unsignedInt. */
function unsigned(text: string | null | undefined): number | undefined {
  const digits = /^\s*\+?(\d{1,10})\s*$/.exec(text ?? '')?.[1];
  const value = digits === undefined ? undefined : Number(digits);
  return value === undefined || value > 0xffff_ffff ? undefined : value;
}

/** Whether an element is within the limit. Most elements are so small that an estimate decides it. */
function isWithin(element: Element, maxBytes: number): boolean {
  return mostBytesOf(element) <= maxBytes || Buffer.byteLength(serialize(element)) <= maxBytes;
}

function mostBytesOf({ name, attrs, children }: Element): number {
  let bytes = 2 * name.length + MARKUP_BYTES;
  for (const key in attrs)
    bytes += key.length + MARKUP_BYTES + (attrs[key]?.length ?? 0) * MOST_BYTES_OF_UNIT;
  for (const child of children)
    bytes += typeof child === 'string' ? child.length * MOST_BYTES_OF_UNIT : mostBytesOf(child);
  return bytes;
}

/**
 * §4: the sender gets an error. An iq result cannot be refused, but the requester must get an answer (RFC 6120 §8.2.3),
 * so an error, which is short enough, replaces the result.
 */
function insteadOf(stanza: Stanza, maxBytes: number): Element {
  const { type, id, from, to } = stanza.attrs;
  const error = new StanzaError('policy-violation', {
    text: `The other server accepts stanzas of at most ${maxBytes} bytes`,
  });
  if (stanza.name !== 'iq' || type !== 'result') throw error;
  const tooLarge = new StanzaError('policy-violation', {
    text: `The answer is larger than the limit of your server (${maxBytes} bytes)`,
  });
  return xml('iq', { type: 'error', id, from, to }, tooLarge.toElement());
}
