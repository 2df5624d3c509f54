// A module for the tests of the doors: it uses each of them, and nothing else of the server.

import { defineModule } from 'enjamb/api';
import { streams } from 'enjamb/api/stream';
import { buildForm } from 'enjamb/xep';

const XMLNS = 'urn:example:doors';

/** Answers `<echo/>` on a stream past the queue of the session, and tells how many elements were sent to clients. */
export default defineModule({
  name: 'doors',
  summary: 'Uses each door',
  apiVersion: 1,

  load(module) {
    let sent = 0;
    module.observe('c2s-out', () => {
      sent++;
    });
    streams(module).handleNonza({ on: ['c2s'], name: 'echo', xmlns: XMLNS }, (element, session) => {
      session.write(element);
    });
    module.handleIq({ type: 'get', to: ['host'], name: 'query', xmlns: XMLNS }, () =>
      buildForm({ type: 'result', fields: [{ var: 'sent', type: 'text-single', values: [`${sent}`] }] }),
    );
  },
});
