// XEP-0045 Multi-User Chat: a host of rooms.
//
//   room        ranks, room, rooms, creators, standings, stored, commit, options, settings/
//   presence    presence, join, nick, leave, bounce, broadcast, presence_payload (weight)
//   messages    message, history, subject, private_message, invite, voice
//   requests    room_iq, admin (affiliations, roles, reason), owner (form, destroy), disco (listing), iq_relay
//   all         service, payload, copy, refusal, occupant_id, commands

import { ByteBudget, defineModule, type EventName, SharedBudget, type StanzaEvent } from 'enjamb/api';
import { addRoomCommands } from './commands.ts';
import { settled } from './commit.ts';
import { destroyRoom } from './destroy.ts';
import { SERVICE_FEATURES } from './disco.ts';
import { HistoryReader, MAX_ALL_HISTORY_BYTES } from './history.ts';
import { MAX_ALL_INVITATION_BYTES } from './invitations.ts';
import { countRelay, MAX_RELAYS, relayAnswer, relayRequest } from './iq_relay.ts';
import { Listing } from './listing.ts';
import { messageToRoom } from './message.ts';
import { OPTIONS } from './options.ts';
import { presenceToOccupant, presenceToRoom } from './presence.ts';
import { MAX_ALL_PRESENCE_BYTES } from './presence_payload.ts';
import { messageToOccupant } from './private_message.ts';
import { iqToRoom, iqToService } from './room_iq.ts';
import { MAX_SEATS } from './seats.ts';
import { postpone, type Service, turn } from './service.ts';
import { MAX_STANDING_BYTES } from './standings.ts';
import { loadRooms, type StoredRoom } from './stored.ts';

/** How often forgotten new rooms are looked for. */
const SWEEP_MS = 30_000;

export default defineModule({
  name: 'muc',
  summary: 'Chat rooms (XEP-0045)',
  implements: ['XEP-0045 1.35.5', 'XEP-0410 1.1.0', 'XEP-0421 1.0.1', 'XEP-0203 2.0'],
  scope: 'component',
  options: OPTIONS,

  async load(module) {
    const service: Service = {
      module,
      domain: module.host.domain,
      rooms: module.keep('rooms', () => new Map()),
      listing: new Listing(),
      created: new Map(),
      relays: module.keep('relays', () => new Map()),
      store: module.store.keyval<StoredRoom>('muc_rooms'),
      stored: new Set(),
      commits: new Map(),
      reader: new HistoryReader(),
      budgets: {
        standings: new ByteBudget(MAX_STANDING_BYTES),
        history: new ByteBudget(MAX_ALL_HISTORY_BYTES),
        presence: new ByteBudget(MAX_ALL_PRESENCE_BYTES),
        invitations: new ByteBudget(MAX_ALL_INVITATION_BYTES),
        seats: new SharedBudget(MAX_SEATS),
        relays: new SharedBudget(MAX_RELAYS),
      },
      changed: new Set(),
      writing: new Map(),
      gone: new Map(),
      postponed: [],
      inTurn: false,
    };
    for (const relay of service.relays.values()) countRelay(service, relay);
    await loadRooms(service);
    module.onUnload(() => settled(service));

    addRoomCommands(module, service);
    for (const feature of SERVICE_FEATURES) module.provide('disco-feature', feature);

    on('presence/full', presenceToOccupant);
    on('presence/bare', presenceToRoom);
    on('message/full', messageToOccupant);
    on('message/bare', messageToRoom);
    on('iq/full', (service, event) => {
      const { type } = event.stanza.attrs;
      if (type === 'get' || type === 'set') relayRequest(service, event);
      else relayAnswer(service, event);
    });
    module.hook('iq/bare', (event) => turn(service, event, () => iqToRoom(service, event)));
    module.hook('iq/host', (event) => turn(service, event, () => iqToService(service, event)));

    module.every(SWEEP_MS, () => turn(service, undefined, () => removeForgottenRooms(service)));

    /** Whatever is addressed to a room or an occupant is the rooms' business, answered or not. */
    function on(
      name: EventName & `${'presence' | 'message' | 'iq'}/${'full' | 'bare'}`,
      handle: (service: Service, event: StanzaEvent) => void,
    ): void {
      module.hook(name, (event) => {
        // A client may hang up in the middle of a fan-out to it.
        if (service.inTurn && event.stanza.attrs.type === 'unavailable')
          postpone(service, () => handle(service, event));
        else turn(service, event, () => handle(service, event));
        return 'handled';
      });
    }
  },
});

/** §10.1.1, step 5: whoever creates a room and never configures it has given it up. */
function removeForgottenRooms(service: Service): void {
  const { clock, options } = service.module;
  for (const room of [...service.rooms.values()]) {
    if (room.lockedSince === undefined) continue;
    if (clock.elapsed() - room.lockedSince < options.muc_room_lock_timeout) continue;
    destroyRoom(service, room, { reason: 'The room was never configured' });
  }
}
