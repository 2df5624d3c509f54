// The messages that a client has missed: between the last one that it was sent and those that came while it was let in.

import type { Context } from './context.ts';
import { give, type HeldStanza } from './held.ts';
import type { Place } from './memory.ts';
import type { Rejoining } from './rejoining.ts';
import { missed, type Said } from './ring.ts';
import type { Sleepers } from './sleeping.ts';

/** The newest of one room that a client is given. */
const MAX_MESSAGES = { asleep: 200, connected: 1_000 };

type Candidate = HeldStanza & { readonly said: Said };

/** Gives the client what it has missed, in the order of the room, each message once. */
export function giveMissed(context: Context, sleepers: Sleepers, place: Place, { held }: Rejoining): void {
  const { metrics } = context;
  const { session, room, heard } = place;
  const { messages, isOpen } = missed(room.ring, heard, held.history as Candidate[]);
  const live = new Set(held.live.map(({ said }) => said));
  const fresh = messages.filter(({ said }) => !live.has(said));
  const given = fresh.slice(-MAX_MESSAGES[session.connected ? 'connected' : 'asleep']);
  if (isOpen) metrics.openGaps.add();
  metrics.messages.of('given').add(given.length);
  metrics.messages.of('left_out').add(fresh.length - given.length);
  sleepers.given(session, given.length);
  give(session, given);
}
