// Presence of clients on streams with other servers. What was unacknowledged on a broken stream is about to be resent
// or returned by the link.

import { type Element, Jid, NS, type S2SStream, type Sessions, type Stanza } from 'enjamb/api';
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

/** Records the stream that takes a leave. */
export function seeCarried(element: Element, stream: S2SStream, departures: Departures): void {
  const { type, id, from = '', to } = element.attrs;
  if (type !== 'unavailable' || element.name !== 'presence') return;
  const room = Jid.tryParse(to)?.bare;
  if (room !== undefined) departures.carried(from, room, id, stream.id);
}
