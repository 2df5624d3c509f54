// XEP-0045 Multi-User Chat: a service with rooms.
//
//   model/    the data of a room: ranks, settings, affiliations; sends nothing
//   engine/   all rooms of a service: turns, store, history, delivery
//   acts/     the actions of occupants and owners: enter, depart, speak, invite, configure …
//   stanzas/  maps stanzas to actions
//
// A file imports only from its own folder and those above it in this list.

import { ByteBudget, defineModule, type EventName, SharedBudget, type StanzaEvent } from 'enjamb/api';
import { destroyRoom } from './acts/destroy.ts';
import { addRoomCommands } from './commands.ts';
import { settled } from './engine/commit.ts';
import { MAX_ALL_INVITATION_BYTES } from './engine/invitations.ts';
import { Listing } from './engine/listing.ts';
import { MAX_ALL_PRESENCE_BYTES } from './engine/presence_payload.ts';
import { HistoryReader, MAX_ALL_HISTORY_BYTES } from './engine/ring.ts';
import { MAX_SEATS } from './engine/seats.ts';
import type { Service } from './engine/service.ts';
import { loadRooms, writeChanges } from './engine/store.ts';
import { MAX_ALL_SUBJECT_BYTES } from './engine/subjects.ts';
import { postpone, turn } from './engine/turn.ts';
import { exportsOf } from './exports.ts';
import { MAX_ALL_AFFILIATION_BYTES } from './model/affiliations.ts';
import { OPTIONS } from './model/options.ts';
import type { StoredRoom } from './model/row.ts';
import { SERVICE_FEATURES } from './stanzas/disco.ts';
import { iqToRoom, iqToService } from './stanzas/iq.ts';
import { messageToOccupant, messageToRoom } from './stanzas/message.ts';
import { presenceToOccupant, presenceToRoom } from './stanzas/presence.ts';
import { MAX_RELAYS, relayRequest } from './stanzas/relay.ts';

/** The interval of the search for new rooms that were never configured. */
const SWEEP_MS = 30_000;

export default defineModule({
  name: 'muc',
  summary: 'Chat rooms (XEP-0045)',
  implements: ['XEP-0045 1.35.5', 'XEP-0410 1.1.0', 'XEP-0421 1.0.1', 'XEP-0203 2.0'],
  scope: 'component',
  serves: 'muc',
  options: OPTIONS,

  async load(module) {
    const service = newService(module);
    await loadRooms(service);
    service.turnEnds.push((event) => writeChanges(service, event));
    module.onUnload(() => settled(service));

    addRoomCommands(module, service);
    for (const feature of SERVICE_FEATURES) module.provide('disco-feature', feature);

    handle(service, 'presence/full', presenceToOccupant);
    handle(service, 'presence/bare', presenceToRoom);
    handle(service, 'message/full', messageToOccupant);
    handle(service, 'message/bare', messageToRoom);
    handle(service, 'iq/full', (service, event) => {
      const { type } = event.stanza.attrs;
      if (type === 'get' || type === 'set') relayRequest(service, event);
    });
    module.hook('iq/bare', (event) => turn(service, event, () => iqToRoom(service, event)));
    module.hook('iq/host', (event) => turn(service, event, () => iqToService(service, event)));

    module.every(SWEEP_MS, () => turn(service, undefined, () => removeForgottenRooms(service)));
    return exportsOf(service);
  },
});

/** Handles all stanzas to rooms and occupants. */
function handle(
  service: Service,
  name: EventName & `${'presence' | 'message' | 'iq'}/${'full' | 'bare'}`,
  act: (service: Service, event: StanzaEvent) => void,
): void {
  service.module.hook(name, (event) => {
    // A client may disconnect during a fan-out to it.
    if (service.inTurn && event.stanza.attrs.type === 'unavailable')
      postpone(service, () => act(service, event));
    else turn(service, event, () => act(service, event));
    return 'handled';
  });
}

function newService(module: Service['module']): Service {
  return {
    module,
    domain: module.host.domain,
    rooms: module.keep('rooms', () => new Map()),
    listing: new Listing(),
    created: new Map(),
    store: module.store.keyval<StoredRoom>('muc_rooms'),
    stored: new Set(),
    commits: new Map(),
    reader: new HistoryReader(),
    budgets: {
      affiliations: new ByteBudget(MAX_ALL_AFFILIATION_BYTES),
      history: new ByteBudget(MAX_ALL_HISTORY_BYTES),
      presence: new ByteBudget(MAX_ALL_PRESENCE_BYTES),
      invitations: new ByteBudget(MAX_ALL_INVITATION_BYTES),
      subjects: new ByteBudget(MAX_ALL_SUBJECT_BYTES),
      seats: new SharedBudget(MAX_SEATS),
      relays: new SharedBudget(MAX_RELAYS),
    },
    changed: new Set(),
    writing: new Map(),
    gone: new Map(),
    postponed: [],
    turnEnds: [],
    inTurn: false,
  };
}

/** Removes rooms that their creators have not configured in time (§10.1.1, step 5). */
function removeForgottenRooms(service: Service): void {
  const { clock, options } = service.module;
  for (const room of [...service.rooms.values()]) {
    if (room.lockedSince === undefined) continue;
    if (clock.elapsed() - room.lockedSince < options.muc_room_lock_timeout) continue;
    destroyRoom(service, room, { reason: 'The room was never configured' });
  }
}
