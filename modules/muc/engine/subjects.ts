// The subjects of rooms, and the memory that they share. The one place that changes them.

import { type ByteBudget, detach } from 'enjamb/api';
import type { Room, Subject } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** Everybody who enters is sent it. In characters. */
const MAX_LENGTH = 4096;
/** Of all rooms of a service, in bytes: 10,000 rooms with 400 characters each. */
export const MAX_ALL_SUBJECT_BYTES = 8 * 1024 * 1024;
/** Each room may use this much, in bytes, even when all rooms together are at their bound. */
const FREE_BYTES = 512;
/** Of one character. */
const CHARACTER_BYTES = 2;

interface Memory {
  readonly budgets: { readonly subjects: ByteBudget };
}

/** @throws StanzaError 'policy-violation' for a subject that is too long, 'resource-constraint' when all keep too much */
export function checkSubject({ budgets }: Memory, room: Room, text: string): void {
  if (text.length > MAX_LENGTH) {
    throw roomError(room.jid, 'policy-violation', { text: `A subject has at most ${MAX_LENGTH} characters` });
  }
  const bytes = bytesOf(text);
  const added = bytes - subjectBytes(room);
  const { used, max } = budgets.subjects;
  if (bytes <= FREE_BYTES || added <= 0 || used + added <= max) return;
  throw roomError(room.jid, 'resource-constraint', {
    text: 'The subjects of all rooms here are too long together: use a shorter one',
  });
}

/** Replaces the subject; `undefined` when the room ends. */
export function replaceSubject({ budgets }: Memory, room: Room, subject: Subject | undefined): void {
  budgets.subjects.give(subjectBytes(room));
  room.subject = subject && { ...subject, text: detach(subject.text) };
  budgets.subjects.force(subjectBytes(room));
}

/** What the subject of a room takes, in bytes. */
export function subjectBytes({ subject }: Room): number {
  return subject === undefined ? 0 : bytesOf(subject.text);
}

function bytesOf(text: string): number {
  return CHARACTER_BYTES * text.length;
}
