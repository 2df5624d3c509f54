// XEP-0202 Entity Time.

import { defineModule, NS, xml } from 'enjamb/api';

/** Tells the time. The offset is always UTC's: where the machine stands is nobody's business (§6). */
export default defineModule({
  name: 'time',
  summary: 'Tells the time of the server',
  implements: ['XEP-0202 2.0'],
  scope: 'host',
  enabledOn: ['local', 'component'],

  load(module) {
    module.provide('disco-feature', NS.TIME);
    module.handleIq({ type: 'get', to: ['host'], name: 'time', xmlns: NS.TIME }, () =>
      xml(
        'time',
        NS.TIME,
        xml('tzo', {}, '+00:00'),
        xml('utc', {}, new Date(module.clock.now()).toISOString()),
      ),
    );
  },
});
