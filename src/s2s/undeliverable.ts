// Error reply for an undeliverable stanza.

import { isPermanent } from '../net/errors.ts';
import { StanzaError } from '../xml/errors.ts';

/**
 * Some clients delete a room from the user's bookmarks on any error whose type is not `wait`, so only a domain that
 * does not exist causes an error of another type.
 */
export function undeliverable(remote: string, reason: Error): StanzaError {
  if (reason instanceof StanzaError) return reason;
  return isPermanent(reason)
    ? new StanzaError('remote-server-not-found', { text: `There is no XMPP server for ${remote}` })
    : new StanzaError('remote-server-timeout', { type: 'wait', text: `${remote} could not be reached` });
}
