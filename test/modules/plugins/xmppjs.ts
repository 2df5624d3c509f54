// A module as an author writes it who knows xmpp.js and ltx, for the test of foreign elements.

// @ts-expect-error: the package ships no types
import xml from '@xmpp/xml';
import { defineModule, type ElementLike } from 'enjamb/api';
import { Element } from 'ltx';

export default defineModule({
  name: 'xmppjs',
  summary: 'Answers with elements of other libraries',
  implements: [],

  load(module) {
    module.handleIq({ type: 'get', to: ['host'], name: 'q', xmlns: 'urn:xmppjs' }, ({ from, origin }) => {
      module.send(
        xml(
          'message',
          { xmlns: 'jabber:client', from: module.host.domain, to: `${from}` },
          xml('body', {}, 'sent'),
        ),
      );
      if (origin.kind === 'c2s')
        origin.send(new Element('message', { from: module.host.domain }) as ElementLike);
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
