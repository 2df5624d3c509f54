// The settings of a room: each is a field of the configuration form (XEP-0045 §16.5.3). acts/configure.ts has the
// effects of their changes.

import { StanzaError } from 'enjamb/api';
import { booleanValue } from 'enjamb/xep';
import type { MucSettings } from './options.ts';

interface Setting<V> {
  /** The form variable. */
  readonly field: string;
  readonly label: string;
  readonly type: 'boolean' | 'list-single' | 'text-private' | 'text-single';
  /** For lists: value → label. */
  readonly choices?: Readonly<Record<string, string>>;
  /** The value for a new room. */
  initial(options: MucSettings): V;
  /** Parses a submitted value. @throws StanzaError 'not-acceptable' */
  read(value: string, options: MucSettings): V;
  /** The value for the form. */
  write(value: V): string;
  /** The status code that notifies occupants of a change; default 104 (§10.2.1). */
  notice?(value: V): string;
}

// ── Kinds of fields ─────────────────────────────────────────────────────────────────────────────────────────────

function unacceptable(label: string): StanzaError {
  return new StanzaError('not-acceptable', { text: `Invalid value: ${label}` });
}

/** The common members of boolean settings (XEP-0004 §3.3). */
function yesOrNo(label: string) {
  return {
    label,
    type: 'boolean' as const,
    read(value: string): boolean {
      const read = value === '' ? false : booleanValue(value);
      if (read === undefined) throw unacceptable(label);
      return read;
    },
    write: formValue,
  };
}

/** The common members of text settings. `maxLength` is in characters. */
function text(label: string, maxLength: number) {
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

/** The common members of settings with a few choices. */
function choice<const C extends Readonly<Record<string, string>>>(label: string, choices: C) {
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

/** The common members of settings with an integer from 0 to `max`. */
function count(label: string, max: (options: MucSettings) => number) {
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

// ── The settings ────────────────────────────────────────────────────────────────────────────────────────────────

/** The name of the room. */
const name: Setting<string> = {
  field: 'muc#roomconfig_roomname',
  ...text('Name of the room', 256),
  initial: () => '',
};

/** The description of the room. */
const description: Setting<string> = {
  field: 'muc#roomconfig_roomdesc',
  ...text('Short description of the room', 4096),
  initial: () => '',
};

/** The main language of the room, as a language tag. */
const language: Setting<string> = {
  field: 'muc#roomconfig_lang',
  ...text('Language of the room, such as en', 64),
  initial: (options) => options.muc_room_default_language,
};

/** The room persists after the last occupant has left, and across restarts (XEP-0045 §4.2). */
const persistent: Setting<boolean> = {
  field: 'muc#roomconfig_persistentroom',
  ...yesOrNo('Keep the room when it is empty?'),
  initial: (options) => options.muc_room_default_persistent,
};

/** The room is in the service's list (XEP-0045 §6.3). */
const listed: Setting<boolean> = {
  field: 'muc#roomconfig_publicroom',
  ...yesOrNo('List the room publicly?'),
  initial: (options) => options.muc_room_default_public,
};

/** Only members may be in the room (XEP-0045 §7.2.6). */
const membersOnly: Setting<boolean> = {
  field: 'muc#roomconfig_membersonly',
  ...yesOrNo('Only let members in?'),
  initial: (options) => options.muc_room_default_members_only,
};

/** In a members-only room, members may invite users, who become members (XEP-0045 §9.5). */
const allowInvites: Setting<boolean> = {
  field: 'muc#roomconfig_allowinvites',
  ...yesOrNo('May members invite others to a members-only room?'),
  initial: (options) => options.muc_room_default_allow_member_invites,
};

/** Users who are not members enter without voice (XEP-0045 §5.1.2). */
const moderated: Setting<boolean> = {
  field: 'muc#roomconfig_moderatedroom',
  ...yesOrNo('Only let members and users with voice speak?'),
  initial: (options) => options.muc_room_default_moderated,
};

/** Entering the room needs the password (XEP-0045 §7.2.5). */
const passwordProtected: Setting<boolean> = {
  field: 'muc#roomconfig_passwordprotectedroom',
  ...yesOrNo('Is a password needed to enter?'),
  initial: () => false,
};

/** The password, which is used while `passwordProtected` is set. */
const password: Setting<string> = {
  field: 'muc#roomconfig_roomsecret',
  ...text('Password', 1024),
  type: 'text-private',
  initial: () => '',
};

/** Who sees the real addresses of occupants (XEP-0045 §7.2.3, §7.2.4). */
const whois: Setting<'anyone' | 'moderators'> = {
  field: 'muc#roomconfig_whois',
  ...choice('Who may see real addresses?', { moderators: 'Moderators only', anyone: 'Anyone' }),
  initial: (options) => (options.muc_room_default_public_jids ? 'anyone' : 'moderators'),
  // §10.2.1: one code for each new value.
  notice: (value) => (value === 'anyone' ? '172' : '173'),
};

/** Participants, not only moderators, may change the subject (XEP-0045 §8.1). */
const changeSubject: Setting<boolean> = {
  field: 'muc#roomconfig_changesubject',
  ...yesOrNo('May participants change the subject?'),
  initial: (options) => options.muc_room_default_change_subject,
};

/** Who may send private messages (XEP-0045 §7.5). */
const allowPm: Setting<'anyone' | 'participants' | 'moderators' | 'none'> = {
  field: 'muc#roomconfig_allowpm',
  ...choice('Who may send private messages?', {
    anyone: 'Anyone',
    participants: 'Anyone with voice',
    moderators: 'Moderators only',
    none: 'Nobody',
  }),
  initial: () => 'anyone',
};

/** The number of messages that the room keeps for new occupants (XEP-0045 §7.2.13). */
const historyLength: Setting<number> = {
  field: 'muc#maxhistoryfetch',
  ...count('Messages kept for new occupants', (options) => options.max_history_messages),
  initial: (options) => Math.min(options.muc_room_default_history_length, options.max_history_messages),
};

const MAX_OCCUPANTS = 'Most occupants';
const bounded = count(MAX_OCCUPANTS, (options) => options.muc_max_occupants);

/** The most clients in the room (XEP-0045 §7.2.9); 0: the limit of the service. */
const maxOccupants: Setting<number> = {
  ...bounded,
  field: 'muc#roomconfig_maxusers',
  type: 'list-single',
  choices: {
    none: 'No limit',
    '10': '10',
    '20': '20',
    '50': '50',
    '100': '100',
    '500': '500',
    '1000': '1000',
  },
  initial: () => 0,
  read(value, options) {
    if (value === 'none') return 0;
    const most = bounded.read(value, options);
    if (most === 0) throw unacceptable(MAX_OCCUPANTS);
    return most;
  },
  write: (value) => (value === 0 ? 'none' : String(value)),
};

// ── All together, in the order of the form ──────────────────────────────────────────────────────────────────────

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

type OwnConfig = {
  readonly [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer V> ? V : never;
};

/** The configuration of a room. */
export interface RoomConfig extends OwnConfig {
  /** Values of the settings that other modules add, by name. */
  readonly extra: Readonly<Record<string, SettingValue>>;
}

/** A value that can be stored; the module that adds the setting bounds its length. */
export type SettingValue = string | number | boolean;

/** A setting that another module adds to every room (item `muc-setting`). */
export interface ExtraSetting {
  /** The key in `room.config.extra`. */
  readonly name: string;
  /** The form variable. */
  readonly field: string;
  readonly label: string;
  readonly type: Setting<SettingValue>['type'];
  /** For lists: value → label. */
  readonly choices?: Readonly<Record<string, string>>;
  readonly initial: SettingValue;
  /** Parses a submitted value. @throws StanzaError 'not-acceptable' */
  read(value: string): SettingValue;
}

/** A setting with its place in the configuration. */
export interface SettingPlace {
  readonly key: keyof OwnConfig | undefined;
  readonly setting: Setting<SettingValue>;
  get(config: RoomConfig): SettingValue;
  /** Returns a changed copy. */
  put(config: RoomConfig, value: SettingValue): RoomConfig;
}

/** Every setting, in the order of the form. */
export function settingPlaces(extras: readonly ExtraSetting[]): SettingPlace[] {
  const own = Object.entries(SETTINGS) as [keyof OwnConfig, Setting<SettingValue>][];
  return [
    ...own.map(
      ([key, setting]): SettingPlace => ({
        key,
        setting,
        get: (config) => config[key],
        put: (config, value) => ({ ...config, [key]: value }),
      }),
    ),
    ...extras.map(extraPlace),
  ];
}

function extraPlace(extra: ExtraSetting): SettingPlace {
  const { name, initial } = extra;
  return {
    key: undefined,
    setting: { ...extra, initial: () => initial, write: (value) => formValue(value) },
    get: ({ extra: values }) => values[name] ?? initial,
    put: (config, value) => ({ ...config, extra: { ...config.extra, [name]: value } }),
  };
}

/** XEP-0004 §3.3: a boolean is 0 or 1. */
function formValue(value: SettingValue): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : `${value}`;
}

/** The configuration of a new room; `stored` is that of a stored one, which an older version may have saved. */
export function initialConfig(options: MucSettings, stored: Partial<RoomConfig> = {}): RoomConfig {
  const kept = stored as Record<string, unknown>;
  const own = Object.entries(SETTINGS).map(([key, setting]) => [key, kept[key] ?? setting.initial(options)]);
  return { ...(Object.fromEntries(own) as OwnConfig), extra: stored.extra ?? {} };
}
