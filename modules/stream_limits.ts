// XEP-0478 Stream Limits Advertisement: what may be sent on a stream, said before it is sent.

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
    /** What the peer has announced of this stream. Owned by stream_limits. */
    peerLimits?: {
      /** Of one first-level element. */
      readonly maxBytes: number | undefined;
      /** After so long without anything from us the peer may hang up. */
      readonly idleSeconds: number | undefined;
    };
  }
}

/** What a peer announces below that is not believed: not even an error could be sent (RFC 6120 §13.12 wants 10,000). */
const LEAST_MAX_BYTES = 1_000;

/** Of one UTF-16 unit, written as a reference such as `&apos;`. */
const MOST_BYTES_OF_UNIT = 6;
/** Of a tag with its closing tag, and of an attribute, beside names and value: `</>`, `<>`, ` =''`. */
const MARKUP_BYTES = 8;

/**
 * Announces how large an element may be, and returns what is too large for another server to its sender, instead of
 * losing the link and all that is under way on it.
 */
export default defineModule({
  name: 'stream_limits',
  summary: 'Tells and respects how large a stanza may be',
  implements: ['XEP-0478 0.2.0'],
  scope: 'host',
  enabledOn: ['local', 'component', 'external'],

  load(module) {
    module.hook('stream-features', ({ features, maxBytes, idleMs }) => {
      features.append(announcement(maxBytes, idleMs));
    });
    module.hook('s2s-features', ({ session, features }) => learn(session, features));
    // §3.2: who has opened a stream announces no features on it.
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

/** §4: limits may change with each announcement, such as before and after authentication. */
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

/** Nearly everything is so much smaller that it need not be written out to know. */
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
 * §4: the sender gets an error. An iq result cannot be refused, but whoever waits for it is to hear something (RFC
 * 6120 §8.2.3), which is short enough to be sent.
 */
function insteadOf(stanza: Stanza, maxBytes: number): Element {
  const { type, id, from, to } = stanza.attrs;
  const error = new StanzaError('policy-violation', {
    text: `The other server takes no more than ${maxBytes} bytes at once`,
  });
  if (stanza.name !== 'iq' || type !== 'result') throw error;
  const tooLarge = new StanzaError('policy-violation', {
    text: `The answer is larger than the ${maxBytes} bytes that your server takes`,
  });
  return xml('iq', { type: 'error', id, from, to }, tooLarge.toElement());
}
