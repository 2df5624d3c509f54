// XEP-0288 Bidirectional Server-to-Server Connections: uses one connection between two servers for both directions.

import { defineModule, type Element, type Event, NS, type S2SStream as Stream, xml } from 'enjamb/api';
import { streams } from 'enjamb/api/stream';

declare module 'enjamb/api' {
  interface Events {
    /** `<bidi/>` is about to be sent. Handlers may append information for the peer's direction. */
    's2s-bidi-offer': Event<{ readonly session: Stream; readonly bidi: Element }>;
    /** The peer uses the stream for both directions; `bidi` is the element that it sent. */
    's2s-bidi-use': Event<{ readonly session: Stream; readonly bidi: Element }>;
  }
}

/**
 * Handles only the negotiation; authentication decides which domains may use the stream. Negotiates only after TLS
 * (§2.1), because TLS discards everything before it.
 */
export default defineModule({
  name: 's2s_bidi',
  summary: 'Uses one connection to another server for both directions (XEP-0288)',
  implements: ['XEP-0288 1.0.1'],
  scope: 'host',
  enabledOn: ['local', 'component', 'external'],

  load(module) {
    module.hook('stream-features', ({ session, features }) => {
      if (session?.kind !== 's2s' || session.isOurs || session.remotes.size > 0) return;
      features.append(xml('bidi', NS.BIDI_FEATURE));
    });

    module.hook('s2s-features', ({ session, features }) => {
      const isTooLate = session.remotes.size > 0 || session.direction === 'both';
      const comesTls = !session.secure && features.getChild('starttls', NS.TLS) !== undefined;
      if (isTooLate || comesTls || !features.getChild('bidi', NS.BIDI_FEATURE)) return;
      const bidi = xml('bidi', NS.BIDI);
      module.notify('s2s-bidi-offer', { session, bidi });
      if (session.write(bidi)) session.makeBidirectional();
    });

    streams(module).handleNonza({ on: ['s2s'], name: 'bidi', xmlns: NS.BIDI }, (bidi, peer) => {
      const session = peer as Stream;
      // §2.2: before authentication. Later we may have a stream of our own, which we keep.
      if (session.isOurs || session.remotes.size > 0) return;
      session.makeBidirectional();
      module.notify('s2s-bidi-use', { session, bidi });
    });
  },
});
