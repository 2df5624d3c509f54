// An invitation that the room sends (XEP-0045 §7.8.2).

import { type Element, type Jid, NS, xml } from 'enjamb/api';
import { rememberInvitation } from '../engine/invitations.ts';
import { type Service, send } from '../engine/service.ts';
import type { Room } from '../model/room.ts';

export interface Invitation {
  readonly invitee: Jid;
  /** The bare JID. */
  readonly inviter: string;
  readonly id?: string | undefined;
  readonly reason?: string | undefined;
  /** XEP-0045 §7.9: the one-to-one chat that the room continues. */
  readonly continued?: Element | undefined;
}

/** Sends an invitation from the room, and records it so that it can be declined. */
export function sendInvitation(service: Service, room: Room, invitation: Invitation): void {
  const { invitee, inviter, id, reason, continued } = invitation;
  const { passwordProtected, password } = room.config;
  rememberInvitation(service, room, invitee.bare, inviter);
  send(
    service,
    xml(
      'message',
      { id, from: room.jid, to: invitee.toString() },
      xml(
        'x',
        NS.MUC_USER,
        xml(
          'invite',
          { from: inviter },
          reason === undefined ? undefined : xml('reason', {}, reason),
          continued && xml('continue', { thread: continued.attrs.thread }),
        ),
        passwordProtected ? xml('password', {}, password) : undefined,
      ),
    ),
  );
}
