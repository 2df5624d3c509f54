// Mediated invitations and their refusals (XEP-0045 §7.8.2).

import { type Element, Jid, NS, type StanzaEvent, xml } from 'enjamb/api';
import { askModules } from '../engine/ask.ts';
import { commit } from '../engine/commit.ts';
import { forgetInvitation } from '../engine/invitations.ts';
import { roomChanged } from '../engine/rooms.ts';
import { type Service, send } from '../engine/service.ts';
import { setEntry } from '../model/affiliations.ts';
import { type Affiliation, isAtLeast } from '../model/ranks.ts';
import { affiliationOf, type Room, seatOf } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import { checkSpace, stageAffiliations } from './affiliations.ts';
import { type Invitation, sendInvitation } from './invitation.ts';

/** The most invitations in one stanza. */
const MAX_INVITES = 10;

/** Relays invitations. Returns false if `x` has none. @throws StanzaError if the sender may not invite, or one is invalid */
export function handleInvites(service: Service, room: Room, event: StanzaEvent, x: Element): boolean {
  const invites = x.getChildren('invite');
  if (invites.length === 0) return false;
  if (invites.length > MAX_INVITES) {
    throw roomError(room.jid, 'policy-violation', {
      text: `At most ${MAX_INVITES} invitations in one message`,
    });
  }
  checkMayInvite(room, event.from);
  askModules(service, room, event, 'invite');
  const invitations = invites.map((invite) => readInvite(room, event, invite));
  const sendAll = () => {
    for (const invitation of invitations) sendInvitation(service, room, invitation);
  };
  if (futureMembers(room, invitations).length === 0) sendAll();
  else inviteAsMembers(service, room, event, invitations, sendAll);
  return true;
}

/** §9.5: an invitation to a members-only room makes the invitee a member; to an open room it MUST NOT. */
function inviteAsMembers(
  service: Service,
  room: Room,
  event: StanzaEvent,
  invitations: readonly Invitation[],
  then: () => void,
): void {
  commit(service, room, event, {
    check(tried) {
      checkMayInvite(tried, event.from);
      checkSpace(service, tried, futureMembers(tried, invitations));
    },
    stage: (draft) => stageAffiliations(draft, futureMembers(draft, invitations)),
    apply() {
      for (const { bare, affiliation } of futureMembers(room, invitations)) {
        setEntry(room, bare, { affiliation }, service.budgets.affiliations);
        service.module.notify('muc-affiliation', {
          room,
          bare,
          before: 'none',
          after: affiliation,
          actor: event.from.bare,
        });
      }
      roomChanged(service, room);
      then();
    },
  });
}

function futureMembers(room: Room, invitations: readonly Invitation[]) {
  if (!room.config.membersOnly) return [];
  const unknown = new Set(invitations.map(({ invitee }) => invitee.bare));
  return [...unknown]
    .filter((bare) => !room.affiliations.has(bare))
    .map((bare) => ({ bare, affiliation: 'member' }) as const);
}

/**
 * Relays a refusal to the inviter. Returns false if `x` has none. @throws StanzaError 'item-not-found' without an
 * invitation
 */
export function handleDeclines(
  service: Service,
  room: Room,
  { stanza, from }: StanzaEvent,
  x: Element,
): boolean {
  const decline = x.getChild('decline');
  if (!decline) return false;
  const inviter = Jid.tryParse(decline.attrs.to);
  if (!inviter) throw roomError(room.jid, 'jid-malformed');
  // Without this check the room would relay any text to any address.
  if (room.invitations.get(from.bare) !== inviter.bare) throw roomError(room.jid, 'item-not-found');
  forgetInvitation(service, room, from.bare);
  const reason = decline.getChildText('reason');
  send(
    service,
    xml(
      'message',
      { id: stanza.attrs.id, from: room.jid, to: inviter.toString() },
      xml(
        'x',
        NS.MUC_USER,
        xml('decline', { from: from.bare }, reason === undefined ? undefined : xml('reason', {}, reason)),
      ),
    ),
  );
  return true;
}

/** Occupants and absent members may invite; in a members-only room an invitation makes a member (§9.5). */
function checkMayInvite(room: Room, sender: Jid): void {
  const affiliation = affiliationOf(room, sender.bare);
  if (!seatOf(room, sender) && !isAtLeast(affiliation, 'member')) {
    throw roomError(room.jid, 'not-acceptable', { type: 'cancel', text: 'You are not in the room' });
  }
  const least: Affiliation = !room.config.membersOnly
    ? 'none'
    : room.config.allowInvites
      ? 'member'
      : 'admin';
  if (!isAtLeast(affiliation, least))
    throw roomError(room.jid, 'forbidden', { text: 'You may not invite users to this room' });
}

function readInvite(room: Room, { stanza, from }: StanzaEvent, invite: Element): Invitation {
  const invitee = Jid.tryParse(invite.attrs.to);
  if (!invitee)
    throw roomError(room.jid, 'jid-malformed', {
      text: 'Invalid invitee: give an address such as name@example.org',
    });
  if (affiliationOf(room, invitee.bare) === 'outcast') {
    throw roomError(room.jid, 'not-allowed', { text: 'The invitee is banned from this room' });
  }
  return {
    invitee,
    inviter: from.bare,
    id: stanza.attrs.id,
    reason: invite.getChildText('reason'),
    continued: invite.getChild('continue'),
  };
}
