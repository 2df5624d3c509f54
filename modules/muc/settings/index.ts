// All settings of a room, in the order of the form.

import type { MucSettings } from '../options.ts';
import { allowInvites } from './allow_invites.ts';
import { allowPm } from './allow_pm.ts';
import { changeSubject } from './change_subject.ts';
import { description } from './description.ts';
import { historyLength } from './history_length.ts';
import { language } from './language.ts';
import { listed } from './listed.ts';
import { maxOccupants } from './max_occupants.ts';
import { membersOnly } from './members_only.ts';
import { moderated } from './moderated.ts';
import { name } from './name.ts';
import { password } from './password.ts';
import { passwordProtected } from './password_protected.ts';
import { persistent } from './persistent.ts';
import type { Setting } from './setting.ts';
import { whois } from './whois.ts';

const SETTINGS = {
  name,
  description,
  language,
  persistent,
  listed,
  membersOnly,
  allowInvites,
  moderated,
  passwordProtected,
  password,
  whois,
  changeSubject,
  allowPm,
  historyLength,
  maxOccupants,
};

/** The configuration of a room. */
export type RoomConfig = {
  readonly [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer V> ? V : never;
};

/** Every setting with its place in the configuration; what they read and write is that place's type. */
export function allSettings(): [keyof RoomConfig, Setting<unknown>][] {
  return Object.entries(SETTINGS) as [keyof RoomConfig, Setting<unknown>][];
}

/** What a new room has; `stored` is what an older version may have saved, with fewer settings or others. */
export function initialConfig(options: MucSettings, stored: Partial<RoomConfig> = {}): RoomConfig {
  const kept = stored as Record<string, unknown>;
  return Object.fromEntries(
    allSettings().map(([key, setting]) => [key, kept[key] ?? setting.initial(options)]),
  ) as RoomConfig;
}
