// Who acts in the machine, and how chance chooses.

import { xml } from '../../../../src/xml/element.ts';

export const CLIENTS = ['romeo@montague.lit/desk', 'romeo@montague.lit/phone', 'benvolio@montague.lit/desk'];
export const RESIDENTS = ['juliet', 'nurse', 'tybalt', 'paris'].map((name) => `${name}@capulet.lit/home`);

export function pick<T>(list: readonly T[], die = 0): T {
  return list[Math.floor(die * list.length)]!;
}

export function nameOf(jid: string): string {
  return jid.split('@')[0]!;
}

export function nickOf(full: string): string {
  const name = nameOf(full);
  return `${name[0]!.toUpperCase()}${name.slice(1)}`;
}

/** Presence of one kind or another. */
export function show(die = 0) {
  const shows = [undefined, 'away', 'dnd'] as const;
  const value = pick(shows, die);
  const status = die > 0.5 ? [xml('status', {}, `status ${Math.floor(die * 4)}`)] : [];
  return value === undefined ? status : [xml('show', {}, value), ...status];
}
