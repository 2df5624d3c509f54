// What a room setting is: one field of the configuration form (XEP-0045 §15.5.3) and what it does to the room.

import { StanzaError } from 'enjamb/api';
import type { MucSettings } from '../options.ts';
import type { Room } from '../room.ts';
import type { Service } from '../service.ts';

export interface Setting<V> {
  /** The form variable. */
  readonly field: string;
  readonly label: string;
  readonly type: 'boolean' | 'list-single' | 'text-private' | 'text-single';
  /** For lists: value → label. */
  readonly choices?: Readonly<Record<string, string>>;
  /** What a new room has. */
  initial(options: MucSettings): V;
  /** Reads what the owner submitted. @throws StanzaError 'not-acceptable' */
  read(value: string, options: MucSettings): V;
  /** What the form shows. */
  write(value: V): string;
  /** The status code that tells occupants of a change; default 104 (§10.2.1). */
  notice?(value: V): string;
  /** What else a change brings about; runs once the whole configuration is in force. */
  effect?(service: Service, room: Room): void;
}

export function unacceptable(label: string): StanzaError {
  return new StanzaError('not-acceptable', { text: `Not a possible value: ${label}` });
}

/** The parts of a yes-or-no setting that are always the same (XEP-0004 §3.3). */
export function yesOrNo(label: string) {
  return {
    label,
    type: 'boolean' as const,
    read(value: string): boolean {
      if (value === '1' || value === 'true') return true;
      if (value === '0' || value === 'false' || value === '') return false;
      throw unacceptable(label);
    },
    write: (value: boolean): string => (value ? '1' : '0'),
  };
}

/** The parts of a text setting that are always the same. `maxLength` is in characters. */
export function text(label: string, maxLength: number) {
  return {
    label,
    type: 'text-single' as const,
    read(value: string): string {
      if (value.length > maxLength) throw unacceptable(label);
      return value;
    },
    write: (value: string): string => value,
  };
}

/** The parts of a setting with a few choices. */
export function choice<const C extends Readonly<Record<string, string>>>(label: string, choices: C) {
  return {
    label,
    type: 'list-single' as const,
    choices,
    read(value: string): keyof C & string {
      if (!Object.hasOwn(choices, value)) throw unacceptable(label);
      return value as keyof C & string;
    },
    write: (value: keyof C & string): string => value,
  };
}

/** The parts of a setting with a whole number from 0 to `max`. */
export function count(label: string, max: (options: MucSettings) => number) {
  return {
    label,
    type: 'text-single' as const,
    read(value: string, options: MucSettings): number {
      if (!/^\d{1,9}$/.test(value) || Number(value) > max(options)) throw unacceptable(label);
      return Number(value);
    },
    write: (value: number): string => String(value),
  };
}
