// A module that uses elements of xmpp.js and ltx, for the test of foreign elements.

// @ts-expect-error: the package ships no types
import xml from '@xmpp/xml';
import { defineModule, type ElementLike, StanzaError } from 'enjamb/api';
import { Element } from 'ltx';

export default defineModule({
  name: 'xmppjs',
  summary: 'Answers with elements of other libraries',
  implements: [],
  scope: 'host',
  after: ['muc'],

  load(module) {
    module.provide('disco-form', { form: ltx('x', { xmlns: 'jabber:x:data', type: 'result' }) });
    module.hook('disco-info-node', ({ node }) =>
      node === 'urn:xmppjs' ? [xml('identity', { category: 'x', type: 'y' })] : undefined,
    );
    module.provide('muc-presence', (_, { nick }) => [xml('hat', { xmlns: 'urn:xmppjs', of: nick })]);
    module.handleIq({ type: 'set', to: ['host'], name: 'all', xmlns: 'urn:xmppjs' }, ({ from }) => {
      module.sendToAll(ltx('message', { from: module.host.domain, id: 'all' }), [from, from]);
      const question = ltx('iq', { type: 'get', to: `${from}`, from: module.host.domain });
      question.children.push(ltx('ask', { xmlns: 'urn:xmppjs' }));
      module.askIq(question, { onAnswer: () => {} });
      const muc = module.find('muc');
      const hall = muc?.get('hall');
      if (hall) muc?.say(hall, xml('body', {}, 'said'));
      throw new StanzaError('conflict', { application: xml('app', { xmlns: 'urn:xmppjs' }) });
    });
    module.handleIq({ type: 'get', to: ['host'], name: 'q', xmlns: 'urn:xmppjs' }, ({ from, origin }) => {
      module.send(
        xml(
          'message',
          { xmlns: 'jabber:client', from: module.host.domain, to: `${from}` },
          xml('body', {}, 'sent'),
        ),
      );
      if (origin.kind === 'c2s') origin.send(ltx('message', { from: module.host.domain }));
      return xml('a', { xmlns: 'urn:xmppjs' }, xml('b', { n: 1 }));
    });
    module.handleIq({ type: 'get', to: ['host'], name: 'later', xmlns: 'urn:xmppjs' }, async ({ from }) => {
      const answer = await module.sendIq(
        xml('iq', { type: 'get', to: `${from}`, from: module.host.domain }, xml('ask', 'urn:xmppjs')),
      );
      return xml('told', 'urn:xmppjs', answer.elements()[0]);
    });
  },
});

function ltx(name: string, attrs: Record<string, string>): Element & ElementLike {
  return new Element(name, attrs) as Element & ElementLike;
}
