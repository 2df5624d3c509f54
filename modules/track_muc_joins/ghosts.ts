// Clients that died with an earlier run of this server: rooms may still have them, and would have them for good.
//
// Rooms cannot know; what they send to a client that is gone is dropped, so nobody tells them. The joins on disk say
// where to leave. Those leaves are owed from the moment the module loads, which is before any client can connect: who
// joins a room again under the same address stays in (departures.ts).

import { Jid, type Sessions } from 'enjamb/api';
import type { Departures } from './departures.ts';
import type { JoinRecord } from './records.ts';

/**
 * Owes the leaves of all clients that are not there any more, and gives their number. Of those that are, nothing is
 * known: joins and leaves may have passed while the module was off.
 */
export function oweGhosts(
  found: ReadonlyMap<string, readonly JoinRecord[]>,
  sessions: Sessions,
  departures: Departures,
): number {
  let ghosts = 0;
  for (const [full, records] of found) {
    if (sessions.get(full)) continue;
    for (const [room, nick] of records) {
      const address = Jid.tryParse(room);
      if (address === undefined) continue;
      departures.oweFor(full, address, nick);
      ghosts++;
    }
  }
  return ghosts;
}
