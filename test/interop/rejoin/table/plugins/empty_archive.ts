// An archive for accounts (XEP-0313) in which there is never anything. Dino 0.4 crashes when it joins a room that has an
// archive if its own server has none.

import { defineModule, NS, xml } from 'enjamb/api';

const RSM = 'http://jabber.org/protocol/rsm';

export default defineModule({
  name: 'empty_archive',
  summary: 'Has an empty archive for each account',
  apiVersion: 1,

  load(module) {
    module.provide('disco-account-feature', NS.MAM);
    module.handleIq({ type: 'set', to: ['self'], name: 'query', xmlns: NS.MAM }, () =>
      xml('fin', { xmlns: NS.MAM, complete: 'true' }, xml('set', { xmlns: RSM }, xml('count', {}, '0'))),
    );
  },
});
