// The subjects of rooms, and their shared budget. Only this file changes them.

import { type ByteBudget, detach } from 'enjamb/api';
import type { Room, Subject } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** The most characters of a subject, which is sent to every new occupant. */
const MAX_LENGTH = 4096;
/** The most bytes in all rooms of a service: 10,000 rooms with 400 characters each. */
export const MAX_ALL_SUBJECT_BYTES = 8 * 1024 * 1024;
/** The bytes that each room may use even when all rooms together are at their bound. */
const FREE_BYTES = 512;
/** The bytes of one character. */
const CHARACTER_BYTES = 2;

interface Memory {
  readonly budgets: { readonly subjects: ByteBudget };
}

/**
 * @throws StanzaError 'policy-violation' for a subject that is too long, 'resource-constraint' at the service's bound
 */
export function checkSubject({ budgets }: Memory, room: Room, text: string): void {
  if (text.length > MAX_LENGTH) {
    throw roomError(room.jid, 'policy-violation', {
      text: `A subject must have at most ${MAX_LENGTH} characters`,
    });
  }
  const bytes = bytesOf(text);
  const added = bytes - subjectBytes(room);
  const { used, max } = budgets.subjects;
  if (bytes <= FREE_BYTES || added <= 0 || used + added <= max) return;
  throw roomError(room.jid, 'resource-constraint', {
    text: 'The subjects on this service take too much memory: use a shorter subject',
  });
}

/** Replaces the subject; `undefined` removes it when the room ends. */
export function replaceSubject({ budgets }: Memory, room: Room, subject: Subject | undefined): void {
  budgets.subjects.give(subjectBytes(room));
  room.subject = subject && { ...subject, text: detach(subject.text) };
  budgets.subjects.force(subjectBytes(room));
}

/** The memory of a room's subject, in bytes. */
export function subjectBytes({ subject }: Room): number {
  return subject === undefined ? 0 : bytesOf(subject.text);
}

function bytesOf(text: string): number {
  return CHARACTER_BYTES * text.length;
}
