// Presence of clients that was on a stream when it broke, and is about to be sent again, or to come back as an error.

import { Jid, NS, type Sessions, type Stanza } from 'enjamb/api';
import type { Departures } from './departures.ts';

/**
 * Whether the room has answered it: then it has arrived, and the room is not to get it twice, nor the client an error.
 * A leave that has not been answered is under way again, and need not be made up for.
 */
export function isAnswered(stanza: Stanza, sessions: Sessions, departures: Departures): boolean {
  const { type, id, from = '', to } = stanza.attrs;
  const room = stanza.name === 'presence' ? Jid.tryParse(to)?.bare : undefined;
  if (room === undefined) return false;
  if (type === 'unavailable') return departures.repeated(from, room, id);
  if (type !== undefined || !stanza.getChild('x', NS.MUC)) return false;
  const state = sessions.get(from)?.state.mucJoins?.get(room)?.state;
  return state === 'joined' || state === 'renaming';
}
