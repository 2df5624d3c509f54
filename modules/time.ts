// XEP-0202 Entity Time.

import { defineModule, NS, xml } from 'enjamb/api';

/** Returns the time in UTC, so that the time zone does not reveal the location of the machine (§6). */
export default defineModule({
  name: 'time',
  summary: 'Answers requests for the time (XEP-0202)',
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
