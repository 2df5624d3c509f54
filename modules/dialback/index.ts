// XEP-0220 Server Dialback: verifies a server without a valid certificate by a connection to the server of its domain.
//
//   originating ──── db:result(key) ────▶ receiving ──── db:verify(key) ────▶ authoritative (same domain)
//               ◀─── db:result(valid) ───           ◀─── db:verify(valid) ───

import { randomBytes } from 'node:crypto';
import { defineModule, type Element, NS, type S2SStream, StanzaError, StreamError, xml } from 'enjamb/api';
import { streams } from 'enjamb/api/stream';
import { type Addresses, AddressReader } from './addresses.ts';
import { isKey, keyFor } from './key.ts';
import { Verifications } from './verifications.ts';

export default defineModule({
  name: 'dialback',
  summary: 'Authenticates other servers by dialback (XEP-0220)',
  implements: ['XEP-0220 1.1.1', 'XEP-0185 1.0'],
  scope: 'host',
  enabledOn: ['local', 'component', 'external'],

  load(module) {
    const local = module.host.domain;
    const secret = module.keep('secret', () => randomBytes(32).toString('hex'));
    const names = new AddressReader(module);
    const verifications = new Verifications(module, names);
    /** The remote domains to which we have sent a key, by our stream. Only they may answer on it. */
    const claims = new WeakMap<S2SStream, string>();

    module.hook('stream-features', ({ session, features }) => {
      if (session?.kind !== 's2s' || session.remotes.size > 0) return;
      features.append(xml('dialback', NS.DIALBACK_FEATURE, xml('errors')));
    });

    module.hook('s2s-authenticate', ({ session, remote }) => {
      const key = keyFor(secret, remote, local, session.streamId);
      claims.set(session, remote);
      session.send(xml('db:result', { from: local, to: remote }, key));
      return 'handled';
    });

    module.hook('s2s-end', ({ session }) => verifications.lost(session));

    streams(module).handleNonza({ on: ['s2s'], name: 'result', xmlns: NS.DIALBACK }, (element, peer) => {
      const session = peer as S2SStream;
      const addresses = names.read(element, session);
      if (element.attrs.type !== undefined) takeAnswer(session, addresses, element);
      else if (session.direction === 'out')
        throw new StreamError('not-authorized', 'Unexpected dialback request: this server opened the stream');
      else verifications.begin(session, addresses, element.text());
    });

    streams(module).handleNonza({ on: ['s2s'], name: 'verify', xmlns: NS.DIALBACK }, (element, peer) => {
      const session = peer as S2SStream;
      if (element.attrs.type !== undefined) return verifications.end(session, element);
      const { from, to } = names.read(element, session);
      const { id = '' } = element.attrs;
      const error = to === local ? undefined : new StanzaError('item-not-found').toElement();
      const verdict = isKey(element.text(), keyFor(secret, from, to, id)) ? 'valid' : 'invalid';
      session.send(xml('db:verify', { from: to, to: from, id, type: error ? 'error' : verdict }, error));
    });

    /** §2.1.1: handles the answer to our own claim, which must be from its recipient and on its stream. */
    function takeAnswer(session: S2SStream, { from, to }: Addresses, element: Element): void {
      if (claims.get(session) !== from || to !== local)
        throw new StreamError(
          'not-authorized',
          'Unexpected dialback result: this server sent no key to this domain on this stream',
        );
      claims.delete(session);
      if (element.attrs.type === 'valid') return session.authenticate(from, to);
      const why = element.attrs.type === 'error' ? StanzaError.from(element).condition : 'invalid';
      session.close(new StreamError('undefined-condition', `${from} did not accept dialback (${why})`));
    }
  },
});
