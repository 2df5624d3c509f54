// The options, and the settings derived from them.

import { boolean, duration, type Infer, integer, oneOf } from 'enjamb/api';

export const options = {
  muc_autorejoin: oneOf(
    'How the server joins for a client that fell out of a room: "silent": immediately, and the client sees an unbroken room; "assisted": the client is told first, and has 30 seconds to rejoin; true: the default; false: "off"',
    ['silent', 'assisted', 'off', true, false],
    { default: 'silent' },
  ),
  muc_autorejoin_passwords: boolean(
    'Whether the server keeps the passwords of rooms in memory for that; otherwise the user must join',
    { default: false },
  ),
  muc_autorejoin_patience: duration(
    'Time until a client is told that its room is unreachable (silent mode)',
    { default: '1 hour', min: '1 minute', never: true },
  ),
  muc_autorejoin_absence: duration(
    'Time in which missing occupants can return before the client sees them leave (silent mode)',
    { default: '60 seconds', max: '10 minutes' },
  ),
  muc_autorejoin_max_occupants: integer(
    'Maximum number of occupants of a room for silent mode; larger rooms use assisted mode',
    { default: 2_000, min: 0, max: 20_000 },
  ),
  muc_autorejoin_rate: integer('Maximum number of joins a second to one domain (silent mode)', {
    default: 50,
    min: 1,
    max: 1_000,
  }),
  muc_autorejoin_archive: boolean(
    'Whether the server reads the archives of rooms for messages that clients missed (silent mode)',
    {
      default: true,
    },
  ),
  muc_autorejoin_holes: boolean(
    'Whether rooms that kept a client when a connection broke are asked for messages that were lost with it (silent mode)',
    { default: false },
  ),
};

export type Mode = 'silent' | 'assisted' | 'off';

/** In milliseconds, unless a member says otherwise. */
export interface Settings {
  readonly mode: Mode;
  readonly keepsPasswords: boolean;
  /** Infinity for never. */
  readonly patience: number;
  readonly absence: number;
  /** Occupants. */
  readonly maxOccupants: number;
  /** Joins a second. */
  readonly rate: number;
  readonly asksArchives: boolean;
  readonly findsHoles: boolean;
}

export function settingsFrom(given: Infer<typeof options>): Settings {
  return {
    mode: modeFrom(given.muc_autorejoin),
    keepsPasswords: given.muc_autorejoin_passwords,
    patience: given.muc_autorejoin_patience,
    absence: given.muc_autorejoin_absence,
    maxOccupants: given.muc_autorejoin_max_occupants,
    rate: given.muc_autorejoin_rate,
    asksArchives: given.muc_autorejoin_archive,
    findsHoles: given.muc_autorejoin_archive && given.muc_autorejoin_holes,
  };
}

function modeFrom(given: Infer<typeof options>['muc_autorejoin']): Mode {
  if (given === false) return 'off';
  return given === true ? 'silent' : given;
}
