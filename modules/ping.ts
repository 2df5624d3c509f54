// XEP-0199 XMPP Ping: the server's side of it.

import { defineModule, NS } from 'enjamb/api';

/**
 * Answers pings sent to the domain, and pings that clients send to their own account (§4.2). Accounts of others are not
 * answered for: the difference between an answer and an error would tell strangers which accounts exist.
 */
export default defineModule({
  name: 'ping',
  summary: 'Answers pings',
  implements: ['XEP-0199 2.0.1'],
  scope: 'host',
  enabledOn: ['local', 'component'],

  load(module) {
    module.provide('disco-feature', NS.PING);
    const to = module.host.kind === 'local' ? (['host', 'self'] as const) : (['host'] as const);
    module.handleIq({ type: 'get', to, name: 'ping', xmlns: NS.PING }, () => {});
  },
});
