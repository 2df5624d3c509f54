// XEP-0199 XMPP Ping: answers pings.

import { defineModule, NS } from 'enjamb/api';

/**
 * Answers pings to the domain, and pings of clients to their own account (§4.2). Pings to other accounts get no result,
 * since that would reveal which accounts exist.
 */
export default defineModule({
  name: 'ping',
  summary: 'Answers pings (XEP-0199)',
  implements: ['XEP-0199 2.0.1'],
  scope: 'host',
  enabledOn: ['local', 'component'],

  load(module) {
    module.provide('disco-feature', NS.PING);
    const to = module.host.kind === 'local' ? (['host', 'self'] as const) : (['host'] as const);
    module.handleIq({ type: 'get', to, name: 'ping', xmlns: NS.PING }, () => {});
  },
});
