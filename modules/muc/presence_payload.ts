// What a client says about its presence, as a room keeps it.

import type { Node, Stanza } from 'enjamb/api';
import { repaint } from './broadcast.ts';
import { detachedCopies } from './copy.ts';
import { passedOn } from './payload.ts';
import { refusal } from './refusal.ts';
import type { Room, Seat } from './room.ts';

/** Everybody who enters is sent every occupant's presence: a large one would be paid for by all. In characters. */
const MAX_PRESENCE_LENGTH = 16 * 1024;

export interface Said {
  readonly payload: readonly Node[];
  readonly priority: number;
}

/** @throws StanzaError 'policy-violation' when it is too much */
export function whatIsSaid(stanza: Stanza, room: string): Said {
  const payload = passedOn(stanza, room);
  if (stanza.toString().length > MAX_PRESENCE_LENGTH) {
    throw refusal(room, 'policy-violation', { text: 'The presence is too large' });
  }
  const priority = Number(stanza.getChildText('priority') ?? 0);
  return {
    payload: detachedCopies(payload),
    priority: Number.isInteger(priority) ? Math.max(-128, Math.min(127, priority)) : 0,
  };
}

/** Puts on record what a client says now. */
export function speak(room: Room, seat: Seat, said: Said): void {
  seat.presence = said.payload;
  seat.priority = said.priority;
  seat.turn = room.turn++;
  repaint(seat.occupant);
}

export function hasChanged(seat: Seat, said: Said): boolean {
  return seat.presence.join('') !== said.payload.join('');
}
