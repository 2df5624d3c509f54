// Leaves for clients of an earlier run that crashed. Their rooms may still have them, and would keep them: presence
// to a client that is gone is dropped without an error. The joins on disk name the rooms.
//
// These leaves are owed from the load of the module, before any client can connect. So a client that joins a room again
// under the same full JID stays in it (departures.ts).

import { Jid, type Sessions } from 'enjamb/api';
import type { Departures } from './departures.ts';
import type { JoinRecord } from './records.ts';

/**
 * Owes leaves for all clients on disk that are not connected. Returns their number. Ignores connected clients, whose
 * rows may be out of date because the module was unloaded.
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
