// Kinds of messages that rooms send. Pure.

import type { Stanza } from 'enjamb/api';
import { textPrint } from './prints.ts';

export function isSubject(message: Stanza): boolean {
  return message.getChild('subject') !== undefined && message.getChild('body') === undefined;
}

export function subjectPrint(message: Stanza, seed: number): number {
  const subjects = message.getChildren('subject');
  return textPrint(subjects.map((subject) => `${subject}`).join(''), seed);
}

const CONFIGURED = new Set(['104', '170', '171', '172', '173']);

/** XEP-0045 §10.2.1. */
export function isConfiguration(codes: readonly string[]): boolean {
  return codes.some((code) => CONFIGURED.has(code));
}

const KEPT = new Set(['body', 'encrypted', 'openpgp', 'stanza-id']);

/** Whether rooms and clients store such messages: they have a text, an encrypted one, or an id in the archive. */
export function isKept({ children }: Stanza): boolean {
  for (const child of children) if (typeof child !== 'string' && KEPT.has(child.name)) return true;
  return false;
}
