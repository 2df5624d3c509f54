// A run of the machine as data: it can be made again from its seed, and shortened step by step when it fails.

import type { Behaviour } from '../../../support/fake-rooms/behaviour.ts';
import type { RoomConfig } from '../../../support/fake-rooms/room.ts';

/** What happens, and how often in relation to the others. */
const WEIGHTS = {
  // Residents of the remote.
  talk: 10,
  come: 5,
  go: 3,
  nick: 3,
  show: 3,
  // Rooms.
  role: 2,
  affiliation: 2,
  subject: 2,
  configuration: 1,
  kick: 1,
  ban: 0.5,
  destroy: 0.5,
  // The remote, and the link with it.
  cut: 2.5,
  cutOneWay: 0.5,
  outage: 1.5,
  hold: 1.5,
  heal: 4,
  restartKeepingAll: 1,
  restartKeepingRooms: 1.5,
  restartKeepingNothing: 0.7,
  renewIds: 0.5,
  restartBehindLink: 0.7,
  shutDown: 0.5,
  drop: 2,
  dropSilently: 1,
  // Our clients.
  join: 12,
  leave: 2,
  rename: 2,
  update: 3,
  write: 8,
  ping: 1,
  nap: 3,
  end: 0.7,
  // Our server.
  reload: 0.2,
  // Six quiet minutes, then everybody must believe the same.
  calm: 1.5,
} as const;

export type Kind = keyof typeof WEIGHTS;

export interface Step {
  readonly kind: Kind;
  /** Choices of this step, each from 0 to 1. */
  readonly dice: readonly number[];
  /** How much time passes afterwards. */
  readonly waitMs: number;
}

/** What stays the same during a run. */
export interface Setting {
  readonly behaviour: Partial<Behaviour>;
  readonly rooms: Readonly<Record<string, Partial<RoomConfig>>>;
  readonly queueMs: number;
  readonly roundTripMs: number;
  readonly keepsHistory: boolean;
  readonly renewsIds: boolean;
  /** Without the delay of ping_muc. */
  readonly isFast: boolean;
}

export interface Plan {
  readonly seed: number;
  readonly setting: Setting;
  readonly steps: readonly Step[];
}

export function plan(seed: number, length: number, random: () => number): Plan {
  const setting = settingFrom(random);
  const steps = Array.from({ length }, () => step(random));
  return { seed, setting, steps };
}

const TOTAL = Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0);

function step(random: () => number): Step {
  let left = random() * TOTAL;
  const [kind] = Object.entries(WEIGHTS).find(([, weight]) => {
    left -= weight;
    return left < 0;
  })!;
  return {
    kind: kind as Kind,
    dice: [random(), random(), random()],
    waitMs: Math.floor(random() ** 4 * 120_000),
  };
}

function settingFrom(random: () => number): Setting {
  /** The first value unless chance wants one of the others. */
  const mostly = <T>(likely: number, first: T, ...others: T[]): T =>
    random() < likely ? first : others[Math.floor(random() * others.length)]!;
  return {
    behaviour: {
      sharesNicks: mostly(0.9, true, false),
      messagesFirst: mostly(0.95, false, true),
      historyLimit: mostly(0.6, 20, 0, 1_000),
      historyFilter: mostly(0.6, 'exact', 'rounded', 'ignored'),
      clockSkewMs: mostly(0.7, 0, 600_000, -600_000),
      archive: mostly(0.6, 'works', 'none', 'none', 'fails', 'forbidden', 'silent'),
      // Together at most 10 s, or the messages come too late.
      ...mostly(0.6, {}, { archiveDelayMs: 2_000 }, { archivePageLimit: 3 }),
      occupantIds: mostly(0.7, true, false),
      strangers: mostly(0.5, 'kick', 'error', 'silence'),
      errorRemoval: mostly(0.5, ['333'], ['307', '333'], []),
    },
    rooms: {
      hall: { nonAnonymous: random() < 0.3 },
      garden: { persistent: false },
      crypt: { membersOnly: true, nonAnonymous: true, hidden: true },
    },
    queueMs: mostly(0.5, 90_000, 0),
    roundTripMs: mostly(0.8, 50, 500),
    keepsHistory: random() < 0.5,
    renewsIds: random() < 0.2,
    isFast: random() < 0.3,
  };
}

/** One line for a reader. */
export function describeStep({ kind, dice, waitMs }: Step): string {
  return `${kind} ${dice.map((die) => die.toFixed(2)).join(' ')}, ${(waitMs / 1_000).toFixed(1)} s`;
}
