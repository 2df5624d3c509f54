// Whose word an error is.

import type { StanzaEvent } from './events.ts';

/** Whether our own side gave up on a stanza to another server: no word of the other server's, whatever `from` says. */
export function isLocalBounce({
  stanza,
  from,
  origin,
}: Pick<StanzaEvent, 'stanza' | 'from' | 'origin'>): boolean {
  return stanza.attrs.type === 'error' && origin.kind === 'host' && origin.domain !== from.domain;
}
