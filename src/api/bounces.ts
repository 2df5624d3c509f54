// Who raised an error.

import type { StanzaEvent } from './events.ts';

/** Whether this server could not deliver a stanza to another server; `from` names the other server all the same. */
export function isLocalBounce({
  stanza,
  from,
  origin,
}: Pick<StanzaEvent, 'stanza' | 'from' | 'origin'>): boolean {
  return stanza.attrs.type === 'error' && origin.kind === 'host' && origin.domain !== from.domain;
}
