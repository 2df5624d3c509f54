// The end of an instance of silent mode. The next instance continues its work. If there is none, clients are told what was kept
// from them: losses, messages that were not sent, and leaves of occupants.

import { inChunks } from 'enjamb/api';
import { streams } from 'enjamb/api/stream';
import type { Place } from '../memory/memory.ts';
import type { Places } from '../memory/places.ts';
import type { Context } from '../shared/context.ts';
import type { Rejoins } from './rejoins.ts';

/** The time for the next instance to begin. */
const NEXT_MS = 10_000;

export interface Heir {
  /** The silent instance that has the data. */
  instance?: Rejoins;
}

export function handOver(context: Context, rejoins: Rejoins, places: Places, heir: Heir): void {
  const { module } = context;
  heir.instance = rejoins;
  module.onUnload(() => {
    const out = [...rejoins.active.keys()].map((place) => ({ place, epoch: place.join.epoch }));
    const { serverClock } = streams(module);
    const after = (delayMs: number, task: () => void) => serverClock.after(delayMs, task);
    after(NEXT_MS, () => {
      const hasHeir = heir.instance !== rejoins;
      const isCaredFor = (place: Place) => hasHeir && places.get(place.session, place.room.jid) === place;
      if (!hasHeir) {
        rejoins.outbox.stop();
        rejoins.absences.stop();
      }
      inChunks(out.values(), after, (chunk) => {
        for (const { place, epoch } of chunk)
          if (place.join.epoch === epoch && !isCaredFor(place)) tell(context, place);
      });
    });
  });
}

/** The room may have let the client in, but the client did not get the answer. */
function tell({ module, pingMuc }: Context, { join }: Place): void {
  module.find('track_muc_joins')?.withdraw(join);
  pingMuc()?.tell(join, 'lost');
}

/** Another mode begins and does not note what rooms show. Until a client joins again, its losses are told. */
export function keepPayloads(places: Places, all: Iterable<Place>): void {
  for (const place of [...all]) {
    const { payload } = place;
    places.forget(place);
    const known = places.begin(place.join, payload);
    known.room.behind.add(known);
  }
}
