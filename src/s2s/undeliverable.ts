// Error reply for an undeliverable stanza.

import { isPermanent } from '../net/errors.ts';
import { StanzaError } from '../xml/errors.ts';

/**
 * Only a domain that does not exist causes an error of another type than `wait`: on those, some clients delete a room from
 * the user's bookmarks.
 */
export function undeliverable(remote: string, reason: Error): StanzaError {
  if (reason instanceof StanzaError) return reason;
  return isPermanent(reason)
    ? new StanzaError('remote-server-not-found', { text: `There is no XMPP server for ${remote}` })
    : new StanzaError('remote-server-timeout', { type: 'wait', text: `${remote} could not be reached` });
}
