// Which invitations of a room are under way, so that they can be declined through it (XEP-0045 §7.8.2). The one place
// that changes them, so that what all rooms remember has an end.

import { type ByteBudget, detach } from 'enjamb/api';
import type { Room } from '../model/room.ts';

/** Of one room. */
const MAX_INVITATIONS = 200;
/** The same in characters of addresses, so that long ones take no more. */
const MAX_CHARACTERS = 32 * 1024;
/** All rooms of a service together. In bytes. */
export const MAX_ALL_INVITATION_BYTES = 32 * 1024 * 1024;
/** Of one invitation beside its addresses. In bytes. */
const ENTRY_BYTES = 100;

interface Memory {
  readonly budgets: { readonly invitations: ByteBudget };
}

/** Remembers an invitation. Where that is too much, the room forgets its oldest ones, in the end this one as well. */
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

/** It was declined, or its time is over. */
export function forgetInvitation({ budgets }: Memory, room: Room, invitee: string): void {
  const inviter = room.invitations.get(invitee);
  if (inviter === undefined) return;
  room.invitations.delete(invitee);
  budgets.invitations.give(bytesOf(invitee, inviter));
}

/** The room ends. */
export function forgetInvitations(memory: Memory, room: Room): void {
  for (const invitee of [...room.invitations.keys()]) forgetInvitation(memory, room, invitee);
}

/** What a room remembers, in bytes. */
export function invitationBytes({ invitations }: Room): number {
  let bytes = 0;
  for (const [invitee, inviter] of invitations) bytes += bytesOf(invitee, inviter);
  return bytes;
}

function bytesOf(invitee: string, inviter: string): number {
  return ENTRY_BYTES + 2 * (invitee.length + inviter.length);
}
