// Requests for voice in a moderated room, and their approval (XEP-0045 §7.13, §8.6).

import { NS, newId, type StanzaEvent, share, xml } from 'enjamb/api';
import { buildForm, readForm } from 'enjamb/xep';
import { applyRole, checkRole } from '../acts/roles.ts';
import { askModules } from '../engine/ask.ts';
import { type Service, send } from '../engine/service.ts';
import { mainSeat, moderatorOf, type Occupant, type Room, seatOf } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** Handles a `muc#request` form. Returns false if the message has none. @throws StanzaError if the sender may not send it */
export function handleVoiceForm(service: Service, room: Room, event: StanzaEvent): boolean {
  const form = event.stanza.getChild('x', NS.DATA_FORMS);
  if (form?.attrs.type !== 'submit') return false;
  const values = readForm(form);
  const first = (field: string) => values.get(field)?.[0];
  if (first('FORM_TYPE') !== NS.MUC_REQUEST || first('muc#role') !== 'participant') return false;
  const allow = first('muc#request_allow');
  if (allow === undefined) requestVoice(service, room, event);
  else if (allow === 'true' || allow === '1') {
    grantVoice(service, room, event, first('muc#roomnick'), first('muc#jid'));
  }
  return true;
}

function requestVoice(service: Service, room: Room, event: StanzaEvent): void {
  const occupant = seatOf(room, event.from)?.occupant;
  if (!occupant)
    throw roomError(room.jid, 'not-acceptable', { type: 'cancel', text: 'You are not in the room' });
  if (occupant.role !== 'visitor') return;
  askModules(service, room, event, 'voice');
  const question = share(xml('message', { id: newId(), from: room.jid }, questionForm(occupant)));
  for (const seat of room.seats.values()) {
    if (seat.occupant.role === 'moderator') send(service, question.with({ to: seat.jid }));
  }
}

function questionForm(occupant: Occupant) {
  return buildForm({
    type: 'form',
    formType: NS.MUC_REQUEST,
    title: 'Request for voice',
    fields: [
      { var: 'muc#role', type: 'list-single', label: 'Requested role', values: ['participant'] },
      { var: 'muc#jid', type: 'jid-single', label: 'User', values: [mainSeat(occupant).jid] },
      { var: 'muc#roomnick', type: 'text-single', label: 'Nickname', values: [occupant.nick] },
      { var: 'muc#request_allow', type: 'boolean', label: 'Grant voice to this user?', values: ['0'] },
    ],
  });
}

/** Grants voice if the nick still belongs to the user whom the request was about. */
function grantVoice(
  service: Service,
  room: Room,
  { from }: StanzaEvent,
  nick: string | undefined,
  jid: string | undefined,
): void {
  const moderator = moderatorOf(room, from);
  if (!moderator) throw roomError(room.jid, 'forbidden');
  const occupant = room.occupants.get(nick ?? '');
  if (!occupant || jid === undefined || !occupant.seats.has(jid)) throw roomError(room.jid, 'item-not-found');
  if (occupant.role !== 'visitor') return; // Another moderator has already granted it.
  const change = { occupant, role: 'participant' } as const;
  checkRole(room, from, change);
  applyRole(service, room, moderator.nick, change);
}
