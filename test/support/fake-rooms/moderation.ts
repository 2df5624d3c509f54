// What moderators, admins and owners do to a room (XEP-0045 §8, §9, §10).

import { type Element, xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import type { Affiliation, Role } from './occupants.ts';
import type { Room, RoomConfig } from './room.ts';

/** §8.2. */
export function kick(room: Room, nick: string, reason?: string, actor = 'moderator'): void {
  room.expel(nick, { codes: ['307'], ...(reason === undefined ? {} : { reason }), actor });
}

/** §9, §10.3–10.8. The occupant's role follows; who may not stay is removed. */
export function affiliate(room: Room, account: string, affiliation: Affiliation): void {
  const before = room.affiliation(account);
  if (before === affiliation) return;
  if (affiliation === 'none') room.affiliations.delete(account);
  else room.affiliations.set(account, affiliation);
  const occupants = [...room.occupants].filter((occupant) => occupant.account === account);
  for (const occupant of occupants) {
    if (affiliation === 'outcast') room.expel(occupant.nick, { codes: ['301'], actor: 'admin' });
    else if (affiliation === 'none' && room.config.membersOnly) room.expel(occupant.nick, { codes: ['321'] });
    else {
      occupant.role = room.roleFor(affiliation);
      room.show(occupant);
    }
  }
  // §9.3, §9.4: the occupants of a members-only room learn of members who are not in it.
  if (occupants.length === 0 && room.config.membersOnly && room.config.nonAnonymous)
    room.notify(undefined, xml('item', { affiliation, jid: account, role: 'none' }));
}

/** §8.3, §8.4, §9.6. */
export function giveRole(room: Room, nick: string, role: Exclude<Role, 'none'>): void {
  const occupant = room.occupants.named(nick);
  if (occupant === undefined || occupant.role === role) return;
  occupant.role = role;
  room.show(occupant);
}

/** §10.2. */
export function configure(room: Room, change: Partial<RoomConfig>): void {
  const before = { ...room.config };
  Object.assign(room.config, change);
  const codes = [
    before.logging === room.config.logging ? undefined : room.config.logging ? '170' : '171',
    before.nonAnonymous === room.config.nonAnonymous ? undefined : room.config.nonAnonymous ? '172' : '173',
  ].filter((code) => code !== undefined);
  const told = codes.length > 0 ? codes : ['104'];
  room.notify('groupchat', ...told.map((code) => xml('status', { code })));
  if (room.config.membersOnly && !before.membersOnly) {
    const strangers = [...room.occupants].filter(({ account }) => room.affiliation(account) === 'none');
    for (const { nick } of strangers) room.expel(nick, { codes: ['322'] }); // §9.?
  }
  room.service.closeIfEmpty(room);
}

/** §10.9. A `venue` is another room. */
export function destroy(room: Room, venue?: string, reason?: string): void {
  const parting: Element[] = [];
  for (const [full, { nick }] of room.occupants.everybody()) {
    room.service.expelled(room, full);
    parting.push(
      xml(
        'presence',
        { type: 'unavailable', from: `${room.jid}/${nick}`, to: full },
        xml(
          'x',
          NS.MUC_USER,
          xml('item', { affiliation: 'none', role: 'none' }),
          xml('destroy', { jid: venue }, reason === undefined ? undefined : xml('reason', {}, reason)),
        ),
      ),
    );
  }
  room.occupants.clear();
  room.service.close(room);
  for (const presence of parting) room.send(presence);
}
