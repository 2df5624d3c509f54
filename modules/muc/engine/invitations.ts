// The pending invitations of a room, which can be declined through it (XEP-0045 §7.8.2). Only this file changes them,
// to keep the bounds of all rooms.

import { type ByteBudget, detach } from 'enjamb/api';
import type { Room } from '../model/room.ts';

/** The most invitations of one room. */
const MAX_INVITATIONS = 200;
/** The most characters of addresses in them. */
const MAX_CHARACTERS = 32 * 1024;
/** The most bytes in all rooms of a service. */
export const MAX_ALL_INVITATION_BYTES = 32 * 1024 * 1024;
/** The bytes of one invitation besides its addresses. */
const ENTRY_BYTES = 100;

interface Memory {
  readonly budgets: { readonly invitations: ByteBudget };
}

/** Records an invitation. To stay within the bounds, the room drops its oldest ones, and if necessary this one. */
export function rememberInvitation(memory: Memory, room: Room, invitee: string, inviter: string): void {
  forgetInvitation(memory, room, invitee);
  room.invitations.set(detach(invitee), detach(inviter));
  memory.budgets.invitations.force(bytesOf(invitee, inviter));
  let characters = 0;
  for (const [to, from] of room.invitations) characters += to.length + from.length;
  for (const [to, from] of room.invitations) {
    const isTooMany = room.invitations.size > MAX_INVITATIONS || characters > MAX_CHARACTERS;
    const { used, max } = memory.budgets.invitations;
    if (!isTooMany && used <= max) return;
    forgetInvitation(memory, room, to);
    characters -= to.length + from.length;
  }
}

/** Removes an invitation that was declined or has no use any more. */
export function forgetInvitation({ budgets }: Memory, room: Room, invitee: string): void {
  const inviter = room.invitations.get(invitee);
  if (inviter === undefined) return;
  room.invitations.delete(invitee);
  budgets.invitations.give(bytesOf(invitee, inviter));
}

/** Removes all invitations, since the room ends. */
export function forgetInvitations(memory: Memory, room: Room): void {
  for (const invitee of [...room.invitations.keys()]) forgetInvitation(memory, room, invitee);
}

/** The memory of a room's invitations, in bytes. */
export function invitationBytes({ invitations }: Room): number {
  let bytes = 0;
  for (const [invitee, inviter] of invitations) bytes += bytesOf(invitee, inviter);
  return bytes;
}

function bytesOf(invitee: string, inviter: string): number {
  return ENTRY_BYTES + 2 * (invitee.length + inviter.length);
}
