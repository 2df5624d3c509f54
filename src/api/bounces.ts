// Tells the errors that this server makes for undeliverable stanzas from those that other servers send.

import type { StanzaEvent } from './events.ts';

/**
 * Whether this server made the error, because it could not deliver a stanza to another server. Its `from` is the
 * address that was not reached, so only the origin reveals the true source.
 */
export function isLocalBounce({
  stanza,
  from,
  origin,
}: Pick<StanzaEvent, 'stanza' | 'from' | 'origin'>): boolean {
  return stanza.attrs.type === 'error' && origin.kind === 'host' && origin.domain !== from.domain;
}
