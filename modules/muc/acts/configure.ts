// Configuring a room (XEP-0045 §10.1, §10.2), and the effects of changed settings.

import { Jid, NS, type StanzaEvent, share, xml } from 'enjamb/api';
import { commit } from '../engine/commit.ts';
import { trimHistory } from '../engine/ring.ts';
import { closeIfDone, roomChanged, unlockRoom } from '../engine/rooms.ts';
import { type Service, send } from '../engine/service.ts';
import type { Affiliation } from '../model/ranks.ts';
import { affiliationOf, forgetViews, type Room, seatOf } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import { type RoomConfig, type SettingPlace, settingPlaces } from '../model/settings.ts';
import {
  type AffiliationChange,
  applyAffiliations,
  checkAffiliations,
  stageAffiliations,
} from './affiliations.ts';
import { removeNonMembers } from './depart.ts';

/** The form fields that list all owners and all admins (§10.2). */
export const OWNERS_FIELD = 'muc#roomconfig_roomowners';
export const ADMINS_FIELD = 'muc#roomconfig_roomadmins';

/** Further effects of a changed setting, once the whole configuration is applied. */
const EFFECTS: { readonly [K in keyof RoomConfig]?: (service: Service, room: Room) => void } = {
  // An absent owner may have made an empty room temporary.
  persistent: closeIfDone,
  // §10.2: occupants who are not members are removed, with 322.
  membersOnly: removeNonMembers,
  historyLength: trimHistory,
};

/** Applies a submitted form. An empty form accepts the defaults (§10.1.2); missing fields stay unchanged. */
export function configure(
  service: Service,
  room: Room,
  event: StanzaEvent,
  values: ReadonlyMap<string, string[]>,
  answer: () => void,
): void {
  const { from } = event;
  const formType = values.get('FORM_TYPE')?.[0];
  if (formType !== undefined && formType !== NS.MUC_ROOMCONFIG) throw roomError(room.jid, 'bad-request');
  checkLists(service, room, values);
  commit(service, room, event, {
    check(tried) {
      checkOwner(tried, from);
      readSettings(service, tried, values);
      const people = peopleChanges(tried, values);
      if (people.length > 0) checkAffiliations(service, tried, from.bare, people);
    },
    stage(draft) {
      const people = peopleChanges(draft, values);
      draft.config = readSettings(service, draft, values);
      draft.lockedSince = undefined;
      stageAffiliations(draft, people);
    },
    apply() {
      const people = peopleChanges(room, values);
      const before = room.config;
      room.config = readSettings(service, room, values);
      unlockRoom(service, room);
      roomChanged(service, room);
      answer();
      applyAffiliations(service, room, { bare: from.bare, actor: seatOf(room, from)?.occupant.nick }, people);
      applyEffects(service, room, before);
      service.module.notify('muc-room', { room, change: 'configured' });
    },
  });
}

/** @throws StanzaError 'forbidden' */
export function checkOwner(room: Room, from: Jid): void {
  if (affiliationOf(room, from.bare) !== 'owner') throw roomError(room.jid, 'forbidden');
}

/** Refuses long lists before preparing their addresses, which is slow. @throws StanzaError 'resource-constraint' */
function checkLists(service: Service, room: Room, values: ReadonlyMap<string, string[]>): void {
  const most = service.module.options.muc_max_affiliations;
  const isTooLong = [OWNERS_FIELD, ADMINS_FIELD].some((field) => (values.get(field)?.length ?? 0) > most);
  if (isTooLong) throw roomError(room.jid, 'resource-constraint', { text: 'Too many owners or admins' });
}

function readSettings(service: Service, room: Room, values: ReadonlyMap<string, string[]>): RoomConfig {
  let { config } = room;
  for (const { setting, put } of placesOf(service)) {
    const given = values.get(setting.field);
    if (given) config = put(config, setting.read(given[0] ?? '', service.module.options));
  }
  if (config.passwordProtected && config.password === '') {
    throw roomError(room.jid, 'not-acceptable', { text: 'Set a password, or switch off the need for one' });
  }
  return config;
}

/** Every setting of a room, including those of other modules. */
export function placesOf({ module }: Service): SettingPlace[] {
  return settingPlaces(module.items('muc-setting'));
}

/** The consequences of a new configuration: notices (§10.2.1), and the effects of changed settings. */
function applyEffects(service: Service, room: Room, before: RoomConfig): void {
  const changed = placesOf(service).filter(({ get }) => get(room.config) !== get(before));
  if (changed.length === 0) return;
  for (const occupant of room.occupants.values()) forgetViews(occupant);
  const codes = new Set(changed.map(({ get, setting }) => setting.notice?.(get(room.config)) ?? '104'));
  for (const code of codes) notify(service, room, code);
  for (const { key } of changed) if (key !== undefined) EFFECTS[key]?.(service, room);
}

function notify(service: Service, room: Room, code: string): void {
  const notice = share(
    xml('message', { type: 'groupchat', from: room.jid }, xml('x', NS.MUC_USER, xml('status', { code }))),
  );
  for (const jid of room.seats.keys()) send(service, notice.with({ to: jid }));
}

/** The changes from submitted lists of owners and admins, which are complete (§10.2). */
function peopleChanges(room: Room, values: ReadonlyMap<string, string[]>): AffiliationChange[] {
  const owners = peopleIn(room, values.get(OWNERS_FIELD));
  const admins = peopleIn(room, values.get(ADMINS_FIELD));
  const concerned = new Set([
    ...(owners ?? []),
    ...(admins ?? []),
    ...holders(room, 'owner'),
    ...holders(room, 'admin'),
  ]);
  return [...concerned]
    .map((bare) => ({ bare, before: room.affiliations.get(bare)?.affiliation ?? 'none' }) as const)
    .map(({ bare, before }) => ({ bare, before, affiliation: listed(bare, before, owners, admins) }))
    .filter(({ before, affiliation }) => before !== affiliation)
    .map(({ bare, affiliation }) => ({ bare, affiliation }));
}

/**
 * A user's affiliation after the two lists; a list that was not submitted changes nothing. A former owner stays admin.
 */
function listed(
  bare: string,
  before: Affiliation,
  owners: ReadonlySet<string> | undefined,
  admins: ReadonlySet<string> | undefined,
): Affiliation {
  if (owners ? owners.has(bare) : before === 'owner') return 'owner';
  if (admins ? admins.has(bare) : before === 'admin') return 'admin';
  if (before === 'owner') return 'admin';
  return before === 'admin' ? 'none' : before;
}

function peopleIn(room: Room, values: readonly string[] | undefined): Set<string> | undefined {
  return values && new Set(values.filter((text) => text !== '').map((text) => bareOf(room, text)));
}

function bareOf(room: Room, text: string): string {
  const jid = Jid.tryParse(text);
  if (jid?.local === undefined)
    throw roomError(room.jid, 'not-acceptable', {
      text: 'Owners and admins must be addresses such as name@example.org',
    });
  return jid.bare;
}

/** The bare JIDs of all users with an affiliation. */
export function holders(room: Room, affiliation: Affiliation): string[] {
  return [...room.affiliations]
    .filter(([, entry]) => entry.affiliation === affiliation)
    .map(([bare]) => bare);
}
