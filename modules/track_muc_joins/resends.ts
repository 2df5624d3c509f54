// Presence of clients that was unacknowledged on a broken stream, and that the link is about to resend or return.

import { Jid, NS, type Sessions, type Stanza } from 'enjamb/api';
import type { Departures } from './departures.ts';

/**
 * Whether the room has already answered the stanza: then the room must not get it twice, nor the client an error. An
 * unanswered leave counts as sent again.
 */
export function isAnswered(stanza: Stanza, sessions: Sessions, departures: Departures): boolean {
  const { type, id, from = '', to } = stanza.attrs;
  const room = stanza.name === 'presence' ? Jid.tryParse(to)?.bare : undefined;
  if (room === undefined) return false;
  if (type === 'unavailable') return departures.resending(from, room, id);
  if (type !== undefined || !stanza.getChild('x', NS.MUC)) return false;
  const state = sessions.get(from)?.state.mucJoins?.get(room)?.state;
  return state === 'joined' || state === 'renaming';
}
