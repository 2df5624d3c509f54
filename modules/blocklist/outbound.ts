// Stanzas from a user's clients to blocked addresses (XEP-0191 §3.3).

import { type C2SSession, NS, StanzaError, type StanzaEvent, xml } from 'enjamb/api';
import type { BlockLists } from './lists.ts';

/**
 * Drops answers and errors to blocked addresses, and refuses all else but a directed `unavailable`, by which both sides end
 * what they see of each other.
 * @throws StanzaError 'not-acceptable' with `<blocked/>`
 */
export function refuseBlocked(
  lists: BlockLists,
  { stanza, origin, to }: Readonly<StanzaEvent<C2SSession>>,
): 'handled' | undefined {
  if (!lists.blocks(origin.jid.local ?? '', to)) return undefined;
  const { type } = stanza.attrs;
  if (type === 'error' || (type === 'result' && stanza.name === 'iq')) return 'handled';
  if (type === 'unavailable' && stanza.name === 'presence') return undefined;
  throw new StanzaError('not-acceptable', {
    type: 'cancel',
    text: 'You have blocked this JID',
    application: xml('blocked', NS.BLOCKING_ERRORS),
  });
}
