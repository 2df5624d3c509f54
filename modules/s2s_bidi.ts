// XEP-0288 Bidirectional Server-to-Server Connections: one connection between two servers does for both directions.

import { defineModule, type Element, type Event, NS, type S2SStream, xml } from 'enjamb/api';
import { streams } from 'enjamb/api/stream';

declare module 'enjamb/api' {
  interface Events {
    /** `<bidi/>` is about to be sent, with what the peer is to know of the way to us: append to it. */
    's2s-bidi-offer': Event<{ readonly session: S2SStream; readonly bidi: Element }>;
    /** The peer makes use of the stream for both directions; `bidi` is what it has sent. */
    's2s-bidi-use': Event<{ readonly session: S2SStream; readonly bidi: Element }>;
  }
}

/**
 * Takes part in negotiation only; who may say what on the stream is decided where it is authenticated. Nothing is
 * agreed on before TLS (§2.1), since what was said in the clear counts for nothing after it.
 */
export default defineModule({
  name: 's2s_bidi',
  summary: 'Uses one connection with another server for both directions',
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
      const session = peer as S2SStream;
      // §2.2: before authentication. Later we may already have a stream of our own, and stay with it.
      if (session.isOurs || session.remotes.size > 0) return;
      session.makeBidirectional();
      module.notify('s2s-bidi-use', { session, bidi });
    });
  },
});
