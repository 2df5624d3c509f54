// Joins rooms again for clients that fell out. It learns of losses from ping_muc, and from the rooms themselves.
//
//   memory/    what rooms have shown (people, last messages, facts), what clients have been sent, payloads of joins
//   shared/    what all parts use: options, metrics, reports, requests to rooms
//   answer/    the answer of a room to a join of the server: what is held, which people are new
//   gap/       missed messages, from history and archive; the client's own messages
//   settings/  facts of rooms, members of private groups, and their changes
//   founding/  whether a room exists, and whether a join may create it again
//   join/      the course of a silent join: its turn, its limits, from the loss until the client is up to date
//   assisted/  joins after a notice, if the client does nothing
//   takeover/  watches stanzas of rooms and signs of losses; decides what a client gets
//
// A file imports only from its own folder and those above it in this list.
//
// docs/adr/0037-silent-rejoin.md says why.

import { randomInt } from 'node:crypto';
import { type C2SSession, defineModule, Jid, type Module, NS, type Sessions, type Stanza } from 'enjamb/api';
import { AssistedRejoins } from './assisted/assisted.ts';
import { Founding } from './founding/founding.ts';
import type { Outbox } from './gap/outbox.ts';
import { type Heir, handOver, keepPayloads } from './join/handover.ts';
import type { Kept } from './join/kept.ts';
import { Rejoins } from './join/rejoins.ts';
import type { Place } from './memory/memory.ts';
import { payloadOf, updatedPayload } from './memory/payload.ts';
import { Places } from './memory/places.ts';
import { Rooms } from './memory/rooms.ts';
import { Inquiries } from './settings/inquiries.ts';
import type { Context } from './shared/context.ts';
import { measurePlaces, RejoinMetrics } from './shared/metrics.ts';
import { options, type Settings, settingsFrom } from './shared/options.ts';
import { Reports } from './shared/reports.ts';
import { Comparisons } from './takeover/comparisons.ts';
import { Holes } from './takeover/holes.ts';
import { Lag } from './takeover/lag.ts';
import { NewRooms, watchNewRooms } from './takeover/new_rooms.ts';
import { SelfPings } from './takeover/self_pings.ts';
import { Takeover } from './takeover/takeover.ts';
import { Talk } from './takeover/talk.ts';

const SWEEP_MS = 10_000;

type AutorejoinModule = Module<typeof options>;

/** Joins for clients that a room has lost (docs/adr/0037-silent-rejoin.md, docs/adr/0023-auto-rejoin-default.md). */
export default defineModule({
  name: 'muc_autorejoin',
  summary: 'Rejoins rooms on other servers for clients that fell out',
  implements: ['XEP-0045 1.35.5'],
  enabledOn: ['local'],
  enabledWith: ['ping_muc'],
  depends: ['track_muc_joins'],
  after: ['ping_muc'],
  before: ['csi'],
  options,

  load(module) {
    const settings = settingsFrom(module.options);
    const kept = module.keep('data', () => newData(module));
    const rooms = new Rooms(kept.rooms, settings.maxOccupants);
    const places = new Places(rooms, kept.payloads, () => module.clock.elapsed());
    const all = [...module.host.sessions].flatMap(({ state }) => [...(state.mucPlaces?.values() ?? [])]);
    if (settings.mode === 'off') {
      for (const place of all) places.forget(place);
      return;
    }
    const context = contextOf(module, { settings, rooms });
    const assisted = new AssistedRejoins(module, context.joins, places);
    const founding = new Founding(context);
    watchNewRooms(context, { founding, assisted, places }); // Before silent mode forgets what such a room was.
    const silent = settings.mode === 'silent' ? loadSilent(context, { places, kept, founding }) : undefined;
    if (silent) handOver(context, silent, places, kept.heir);
    else keepPayloads(places, all);
    watchClients(context, { places, assisted, silent });
    module.observe('track-muc-joins-change', ({ join }) => {
      assisted.changed(join);
      const place = places.get(join.session, join.room.jid);
      if (place?.join !== join) return;
      if (join.state === 'leaving') leave(place, places, silent);
      if (join.state !== 'gone') return;
      // Later in this tick, the room's stanza or a notice may still show whether the client is out.
      module.after(0, () => {
        if (place.join !== join || places.get(join.session, join.room.jid) !== place) return;
        if (silent) silent.forget(place);
        else places.forget(place);
      });
    });
    module.hook('ping-muc-lost', ({ join, cause }) => {
      if (silent?.takes(join, cause)) return 'mine';
      return assisted.takes(join) ? 'tell' : undefined;
    });
    module.observe('ping-muc-notice', (notice) => assisted.told(notice));
    module.observe('bookmark-change', ({ user, room, autojoin }) => {
      for (const session of module.host.sessions.of(user)) {
        const place = places.get(session, room);
        if (place) setWanted(place, autojoin === true, { places, assisted, silent });
      }
    });
    module.observe('c2s-resume', ({ session }) => {
      silent?.resumed(session);
      assisted.resumed(session);
    });
    module.observe('resource-unbind', ({ session }) => {
      leaveAll(session, places, silent);
      assisted.left(session);
    });
    module.observe('link-open', ({ remote }) => {
      silent?.linkUp(remote);
      assisted.reachable(remote);
    });
  },
});

interface Data extends Kept {
  readonly heir: Heir;
}

/** No instance has kept data, so joins may have been missed. */
function newData({ host }: AutorejoinModule): Data {
  for (const { state } of host.sessions) {
    delete state.mucPlaces;
    delete state.mucPayloads;
  }
  return {
    rooms: { rooms: new Map(), seed: randomInt(2 ** 32), occupants: 0 },
    payloads: { characters: 0 },
    tries: new WeakMap(),
    absent: new Map(),
    own: new Map(),
    heir: {},
  };
}

function contextOf(
  module: AutorejoinModule,
  { settings, rooms }: { settings: Settings; rooms: Rooms },
): Context {
  const elapsed = () => module.clock.elapsed();
  const after: Context['after'] = (delayMs, task) => module.after(delayMs, task);
  return {
    module,
    joins: module.use('track_muc_joins'),
    settings,
    rooms,
    metrics: new RejoinMetrics(module.metric),
    reports: new Reports(module),
    clock: { elapsed, after },
    now: elapsed,
    after,
    pingMuc: () => module.find('ping_muc'),
  };
}

/** The parts of silent mode. */
function loadSilent(
  context: Context,
  { places, kept, founding }: { places: Places; kept: Kept; founding: Founding },
): Rejoins {
  const { module, rooms } = context;
  const { sessions } = module.host;
  const rejoins = new Rejoins(context, places, kept, founding);
  const inquiries = new Inquiries(context, rejoins.archives);
  const comparisons = new Comparisons(context, rejoins, inquiries);
  const holes = new Holes(context, rejoins);
  const selfPings = new SelfPings(context, rejoins);
  const takeover = new Takeover(context, rejoins, {
    talk: new Talk(context, rejoins, new Lag(context)),
    inquiries,
    newRooms: new NewRooms(rejoins, { founding, comparisons, inquiries }),
  });
  module.hook('message/full', (event) => rejoins.archives.take(event), 'guard');
  module.observe('presence/full', (event) => takeover.presence(event, sessions.get(event.to)));
  module.observe('message/full', (event) => takeover.message(event, sessions.get(event.to)));
  module.hook('c2s-out', ({ element }) => (takeover.stops(element) ? 'held' : undefined));
  module.observe('pre-iq/bare', (event) => inquiries.follow(event));
  module.observe('pre-iq/full', (event) => {
    const place = event.origin.state.mucPlaces?.get(event.to.bare);
    if (place) selfPings.follow(place, event);
  });
  watchMessages(context, places, rejoins.outbox);
  module.observe('track-muc-joins-change', ({ join }) => {
    const place = join.state === 'joined' ? places.get(join.session, join.room.jid) : undefined;
    if (place === undefined) return;
    inquiries.entered(place);
  });
  module.observe('ping-muc-settled', ({ remote }) => holes.settled(remote));
  module.observe('link-close', ({ remote, cause }) => {
    rejoins.linkDown(remote);
    holes.linkClosed(remote, cause);
    // ping_muc has decided by now whether joins are in doubt.
    if (module.items('muc-domain-state')[0]?.(remote) !== 'ok') context.pingMuc()?.askSoon(remote);
  });
  module.hook('link-resend', ({ stanza }) => (isOurJoin(stanza, sessions, rejoins) ? 'needless' : undefined));
  module.provide('muc-join-taken', (join) => {
    const place = places.get(join.session, join.room.jid);
    return place?.join === join && place.state !== 'in';
  });
  module.provide('muc-join-note', (join) => {
    const place = places.get(join.session, join.room.jid);
    return place?.join === join ? noteOf(place) : undefined;
  });
  measurePlaces(module.metric, {
    rooms,
    held: rejoins.heldBytes,
    states: () => [...rejoins.active.keys()].map(({ state }) => state),
  });
  for (const { state } of sessions) {
    for (const place of state.mucPlaces?.values() ?? []) {
      inquiries.entered(place); // What was planned before a reload.
      if (place.state !== 'in') rejoins.resume(place);
    }
  }
  return rejoins;
}

/** Watches the messages of clients to rooms. */
function watchMessages({ module }: Context, places: Places, outbox: Outbox): void {
  module.hook('pre-message/bare', (event) => {
    const place = event.origin.state.mucPlaces?.get(event.to.bare);
    return place && event.stanza.attrs.type === 'groupchat' ? outbox.sent(place, event) : undefined;
  });
  module.observe('ping-muc-notice', ({ session, room }) => {
    const place = places.get(session, room);
    if (place) outbox.failAll(place);
  });
  module.observe('host-stop', () => outbox.stop());
  module.every(SWEEP_MS, () => outbox.sweep());
}

/** After a broken link, the server sends a new join; the link must not resend the old one. */
function isOurJoin(
  { name, attrs: { id, from = '', to } }: Stanza,
  sessions: Sessions,
  { active }: Rejoins,
): boolean {
  const session = name === 'presence' ? sessions.get(from) : undefined;
  const place = session?.state.mucPlaces?.get(Jid.tryParse(to)?.bare ?? '');
  return place !== undefined && active.get(place)?.id === id;
}

/** For `enjamb joins`. */
function noteOf({ state, rejoined }: Place) {
  const shown = { lost: 'lost', joining: 'joining again', 'catching-up': 'catching up', in: undefined }[
    state
  ];
  return {
    ...(shown === undefined ? {} : { state: shown }),
    ...(rejoined?.times ? { again: rejoined.times, gap: Math.round(rejoined.gapMs / 100) / 10 } : {}),
  };
}

interface Parts {
  readonly places: Places;
  readonly assisted: AssistedRejoins;
  readonly silent: Rejoins | undefined;
}

/** The bookmark of the room has changed. The server joins only rooms that the user wants to be in. */
function setWanted(place: Place, isWanted: boolean, { assisted, silent }: Parts): void {
  place.isUnwanted = !isWanted;
  if (isWanted) return;
  assisted.acted(place.session, place.room.jid);
  silent?.unwanted(place);
}

/** Watches the joins, leaves and presence updates of clients. */
function watchClients(context: Context, { places, assisted, silent }: Parts): void {
  const { module, joins, settings } = context;
  module.hook('pre-presence/full', ({ stanza, to, origin: session }) => {
    const { type } = stanza.attrs;
    const place = places.get(session, to.bare);
    if (type === undefined && stanza.getChild('x', NS.MUC)) {
      if (place) silent?.release(place);
      silent?.former.remove(session, to.bare);
      assisted.acted(session, to.bare);
      const join = joins.get(session, to.bare);
      if (join) places.begin(join, payloadOf(stanza, settings.keepsPasswords));
      return undefined;
    }
    assisted.acted(session, to.bare);
    if (place === undefined) return undefined;
    if (type === 'unavailable') return void leave(place, places, silent);
    if (type !== undefined) return undefined;
    if (place.payload !== undefined) places.setPayload(place, updatedPayload(place.payload, stanza));
    return silent?.defers(place, stanza) ? 'handled' : undefined;
  });
  module.observe('pre-presence/bare', ({ stanza, to, origin: session }) => {
    assisted.acted(session, to.bare);
    const place = places.get(session, to.bare);
    if (place && stanza.attrs.type === 'unavailable') leave(place, places, silent);
  });
  module.observe('pre-presence/self', ({ stanza, origin: session }) => {
    if (stanza.attrs.to !== undefined || stanza.attrs.type !== 'unavailable') return;
    leaveAll(session, places, silent);
    assisted.left(session);
  });
  module.observe('pre-iq/full', ({ stanza, to, origin: session }) => {
    if (stanza.getChild('ping', NS.PING)) assisted.asked(session, to.bare);
  });
}

function leave(place: Place, places: Places, silent: Rejoins | undefined): void {
  if (silent) silent.forget(place);
  else places.forget(place);
}

function leaveAll({ state }: C2SSession, places: Places, silent: Rejoins | undefined): void {
  for (const place of [...(state.mucPlaces?.values() ?? [])]) leave(place, places, silent);
}
