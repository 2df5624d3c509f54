// Which chat rooms each client is in.
//
//   join.ts            the data of a join
//   entries.ts         all joins, and their transitions
//   outgoing.ts        presence from clients to rooms
//   incoming.ts        stanzas from rooms to clients
//   departure_data.ts  the data of a leave that is not confirmed
//   departures.ts      all such leaves, and their transitions
//   retries.ts         the times at which lost leaves are sent again
//   former_rooms.ts    stanzas from rooms that a client has left
//   going_offline.ts   leaves of a client that goes offline
//   resends.ts         presence that a link resends
//   kept.ts            data that survives a reload
//   records.ts         data that survives a crash, on disk
//   ghosts.ts          leaves of clients that were lost in a crash
//   exports.ts         the interface for other modules
//   commands.ts        `enjamb joins`

import { boolean, defineModule, type Module, type S2SCloseCause, type S2SStream } from 'enjamb/api';
import { joinsCommand } from './commands.ts';
import { Departures } from './departures.ts';
import { JoinIndex } from './entries.ts';
import { exportsOf, type Joins } from './exports.ts';
import { fromFormerRoom } from './former_rooms.ts';
import { oweGhosts } from './ghosts.ts';
import { GoingOffline } from './going_offline.ts';
import { echoJoin, Incoming } from './incoming.ts';
import type { Join } from './join.ts';
import { type Kept, keptData } from './kept.ts';
import { Outgoing } from './outgoing.ts';
import { type JoinRecord, type RecordStore, Records, readRecords } from './records.ts';
import { isAnswered, seeCarried } from './resends.ts';

const SWEEP_MS = 60_000;

const options = {
  track_muc_persist: boolean(
    'Whether joins are stored on disk, so that rooms receive the leaves of lost clients after a crash',
    {
      default: true,
    },
  ),
};

type Tracker = Module<typeof options>;

/**
 * Tracks the rooms of each client by the stanzas between the client and rooms (XEP-0045 §7). Other modules read it with
 * `module.use('track_muc_joins')`.
 */
export default defineModule({
  name: 'track_muc_joins',
  summary: 'Tracks which rooms each client has joined',
  implements: ['XEP-0045 1.35.5'],
  enabledOn: ['local'],
  depends: ['presence'],
  options,

  load(module): Promise<Joins> {
    return track(module);
  },
});

/** Makes the parts of the module and connects them. */
async function track(module: Tracker): Promise<Joins> {
  const data = keptData(module);
  const store: RecordStore = module.store.map('muc_joins');
  const records: Records = new Records({
    store,
    log: module.log,
    clock: module.clock,
    after: (delayMs, task) => module.after(delayMs, task),
    recordsOf: (full) => (module.options.track_muc_persist ? recordsOf(module, full, departures) : []),
  });
  const index = new JoinIndex(data.joins, module.clock, (join) => {
    records.touch(`${join.session.jid}`);
    module.notify('track-muc-joins-change', { join });
  });
  const departures: Departures = new Departures({
    data: data.departures,
    clock: module.clock,
    send: (stanza) => module.send(stanza),
    after: (delayMs, task) => module.after(delayMs, task),
    link: (domain) => module.link(domain),
    isEntering: (full, room) => joinOf(module, full, room)?.state === 'joining',
    settle(full, room) {
      const join = joinOf(module, full, room);
      if (join?.state === 'leaving') index.remove(join);
    },
    changed: (full) => records.touch(full),
  });
  module.onUnload(() => records.flush());
  watchClients(module, index, departures);
  watchRooms(module, index, departures);
  watchLinks(module, index, departures);
  module.command(
    joinsCommand(index, module.clock, {
      domain: (name) => module.items('muc-domain-state')[0]?.(name),
      join: (join) => module.items('muc-join-note')[0]?.(join),
    }),
  );
  await takeOver(module, { data, store, records, departures });
  return exportsOf(index, departures, module.clock);
}

interface Restored {
  readonly data: Kept;
  readonly store: RecordStore;
  readonly records: Records;
  readonly departures: Departures;
}

/** At the first load, rows on disk are from an earlier run, whose clients are gone: owes their leaves to the rooms. */
async function takeOver(module: Tracker, { data, store, records, departures }: Restored): Promise<void> {
  if (!data.isFresh) {
    for (const { jid } of module.host.sessions) records.touch(`${jid}`); // The option may have changed.
    return;
  }
  data.isFresh = false;
  const found = await readRecords(store, module.host.domain);
  for (const full of found.keys()) records.touch(full);
  if (!module.options.track_muc_persist) return;
  const ghosts = oweGhosts(found, module.host.sessions, departures);
  if (ghosts > 0)
    module.log.info('rooms may have clients that are gone', { clients: found.size, joins: ghosts });
}

/** The rooms that a client is in, is entering or is leaving. */
function recordsOf(module: Tracker, full: string, departures: Departures): JoinRecord[] {
  const joins = module.host.sessions.get(full)?.state.mucJoins ?? new Map<string, Join>();
  const records: JoinRecord[] = [];
  for (const { room, nick, sinceSeconds } of joins.values()) records.push([room.jid, nick, sinceSeconds]);
  for (const { room, nick, at } of departures.of(full)) {
    if (!joins.has(room)) records.push([room, nick, Math.floor(at / 1_000)]);
  }
  return records;
}

function watchClients(module: Tracker, index: JoinIndex, departures: Departures): void {
  const outgoing = new Outgoing(index, departures);
  const goingOffline = new GoingOffline(index, outgoing, departures, module.use('presence'));
  module.observe('pre-presence/full', (event) => outgoing.toOccupant(event));
  module.observe('pre-presence/bare', (event) => outgoing.toBare(event));
  module.observe('pre-presence/self', ({ stanza, origin: session }) => {
    const { id, to, type } = stanza.attrs;
    if (to === undefined && type === 'unavailable') goingOffline.leaveAll(session, id);
  });
  // Before `resource-unbind`, in which the presence module sends unavailable presence for the session.
  module.hook('resource-ending', ({ session }) => goingOffline.end(session));
}

function watchRooms(module: Tracker, index: JoinIndex, departures: Departures): void {
  const { sessions } = module.host;
  const incoming = new Incoming(index, departures, (join, certain) => {
    module.notify('track-muc-joins-doubt', { join, certain });
  });
  module.hook(
    'presence/full',
    (event) =>
      departures.none ? undefined : fromFormerRoom(event, sessions.get(event.to), departures, index),
    'guard',
  );
  module.hook(
    'presence/full',
    (event) => {
      if (event.stanza.attrs.type === 'error') echoJoin(event, sessions.get(event.to));
    },
    'rewrite',
  );
  module.observe('presence/full', (event) => {
    const session = sessions.get(event.to);
    if (session?.state.mucJoins || session?.state.mucAddressed) incoming.presence(event, session);
  });
  module.observe('message/full', (event) => {
    const join = sessions.get(event.to)?.state.mucJoins?.get(event.from.bare);
    if (join) incoming.message(event, join);
  });
}

function watchLinks(module: Tracker, index: JoinIndex, departures: Departures): void {
  module.observe('link-close', ({ stream, remote, cause }) => {
    departures.broken(remote, stream?.id, stream ? readBefore(stream, cause) : 'none');
    departures.closed(remote);
  });
  module.hook('s2s-out', ({ session, element }) => {
    if (!departures.none) seeCarried(element, session, departures);
  });
  module.observe('link-fail', ({ remote }) => departures.failed(remote));
  module.hook('link-resend', ({ stanza }) =>
    isAnswered(stanza, module.host.sessions, departures) ? 'needless' : undefined,
  );
  module.observe('link-open', ({ remote }) => departures.restored(remote));
  module.hook('link-needed', ({ remote }) => (index.domain(remote) ? 'needed' : undefined));
  module.observe('host-start', () => departures.begin());
  module.every(SWEEP_MS, () => departures.sweep());
}

/** Which of the stanzas that we sent on a closed stream its peer has certainly read. */
function readBefore({ peerClosed }: S2SStream, cause: S2SCloseCause): 'all' | 'early' | 'none' {
  const weClosed = cause === 'local' || cause === 'idle';
  if (weClosed && peerClosed) return 'all';
  return cause === 'clean' ? 'early' : 'none';
}

function joinOf(module: Tracker, full: string, room: string): Join | undefined {
  return module.host.sessions.get(full)?.state.mucJoins?.get(room);
}
