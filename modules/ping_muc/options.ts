// The options, and the times derived from them. All times shrink with `ping_muc_delay`, so that a test with a delay
// of one second takes seconds.

import { boolean, duration, type Infer, integer, number } from 'enjamb/api';

export const options = {
  ping_muc_delay: duration('Time between the loss of a link and the first question to a room', {
    default: '60 seconds',
    min: '1 second',
  }),
  ping_muc_jitter: number('Random addition to the delay, as a fraction of it', {
    default: 0.1,
    min: 0,
    max: 1,
  }),
  ping_muc_timeout: duration('Time for a room to answer; default: half the delay, at most 30 seconds', {
    optional: true,
    min: '0.1 seconds',
  }),
  ping_muc_give_up: duration(
    'Time after which clients get notices even if their rooms are unreachable; default: ten times the delay, 0: immediately',
    { optional: true, never: true },
  ),
  ping_muc_fast: boolean('Whether rooms are asked as soon as the link is up again, without the delay', {
    default: false,
  }),
  ping_muc_silence: duration('Silence of a room after which it is asked; 0: never', {
    default: '15 minutes',
  }),
  ping_muc_rate: integer('Maximum number of questions a second to one domain', { default: 200, min: 1 }),
  ping_muc_notify_rate: integer('Maximum number of notices a second about rooms of one domain', {
    default: 100,
    min: 1,
  }),
  ping_muc_emit_330: boolean('Whether notices also have status 330, for older clients', {
    default: true,
  }),
  answer_relayed_pings: boolean('Whether the server answers self-pings that rooms relay to a client', {
    default: true,
  }),
  answer_pings_for_hibernating: boolean(
    'Whether the server answers pings of rooms and their services to sleeping clients',
    { default: true },
  ),
  normalise_self_ping_errors: boolean(
    'Whether a self-ping to a room that no longer exists gets the error for an absent occupant; some clients misread the original error',
    { default: false },
  ),
};

/** In milliseconds, unless a member says otherwise. */
export interface Settings {
  readonly delay: number;
  /** The most that is added to `delay`. */
  readonly jitter: number;
  readonly timeout: number;
  /** From the first trigger; Infinity for never. */
  readonly giveUp: number;
  readonly fast: boolean;
  /** The time between the first two canaries; doubles with each, up to `longestPause`. */
  readonly firstPause: number;
  readonly longestPause: number;
  /** The time between the return of the link and the question; up to `wakeUpSpread` is added. */
  readonly wakeUp: number;
  readonly wakeUpSpread: number;
  /** The least time between two wake-ups. */
  readonly wakeUpGap: number;
  /** The times before a question is repeated because its answer did not decide. */
  readonly soon: number;
  readonly later: number;
  /** The time that the room has to answer a nick change before it is asked. */
  readonly renaming: number;
  /** The time that a gateway has to answer a join. */
  readonly entering: number;
  /** The time that a client that knows of the loss has to join again before it gets a notice. */
  readonly ownAction: number;
  /** The time for which streams that stayed up may deliver stanzas from before the loss of the link. */
  readonly settle: number;
  /** Maximum age of a verdict about a client that wakes up. */
  readonly stale: number;
  /** Silence of a room after which it is asked; 0 for never. */
  readonly silence: number;
  /** The time between two questions to silent rooms of one remote. */
  readonly silenceGap: number;
  /** Per second. */
  readonly rate: number;
  readonly notifyRate: number;
  readonly emit330: boolean;
  readonly answerRelayed: boolean;
  readonly answerForSleeping: boolean;
  readonly normaliseErrors: boolean;
}

export function settingsFrom(given: Infer<typeof options>): Settings {
  const delay = given.ping_muc_delay;
  /** A time for a delay of 60 s, scaled down for a shorter one. */
  const scaled = (seconds: number) => seconds * Math.min(1_000, delay / 60);
  return {
    delay,
    jitter: delay * given.ping_muc_jitter,
    timeout: given.ping_muc_timeout ?? Math.min(30_000, delay / 2),
    giveUp: given.ping_muc_give_up ?? 10 * delay,
    fast: given.ping_muc_fast,
    firstPause: delay / 4,
    longestPause: 5 * delay,
    wakeUp: scaled(2),
    wakeUpSpread: scaled(3),
    wakeUpGap: scaled(30),
    soon: scaled(5),
    later: scaled(10),
    renaming: scaled(60),
    entering: scaled(120),
    ownAction: scaled(30),
    settle: scaled(2),
    stale: scaled(60),
    silence: given.ping_muc_silence,
    silenceGap: 2_000,
    rate: given.ping_muc_rate,
    notifyRate: given.ping_muc_notify_rate,
    emit330: given.ping_muc_emit_330,
    answerRelayed: given.answer_relayed_pings,
    answerForSleeping: given.answer_pings_for_hibernating,
    normaliseErrors: given.normalise_self_ping_errors,
  };
}
