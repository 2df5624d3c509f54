// The options, and the spans of time that follow from them. All spans shrink with `ping_muc_delay`, so that a test with a
// delay of one second takes seconds.

import { boolean, duration, type Infer, integer, number } from 'enjamb/api';

export const options = {
  ping_muc_delay: duration('How long to wait after a link broke before rooms are asked', {
    default: '60 seconds',
    min: '1 second',
  }),
  ping_muc_jitter: number('Random part added to the delay, as a share of it', {
    default: 0.1,
    min: 0,
    max: 1,
  }),
  ping_muc_timeout: duration(
    'How long a room may take to answer; default: half the delay, at most 30 seconds',
    {
      optional: true,
      min: '0.1 seconds',
    },
  ),
  ping_muc_give_up: duration(
    'When clients are told although their rooms cannot be reached; default: ten times the delay, 0: at once',
    { optional: true, never: true },
  ),
  ping_muc_fast: boolean('Ask as soon as a broken link is up again, without waiting for the delay', {
    default: false,
  }),
  ping_muc_silence: duration('After how long without a word a room is asked for no other reason; 0: never', {
    default: '15 minutes',
  }),
  ping_muc_rate: integer('Questions to one domain in a second, at most', { default: 200, min: 1 }),
  ping_muc_notify_rate: integer('Clients told about rooms of one domain in a second, at most', {
    default: 100,
    min: 1,
  }),
  ping_muc_emit_330: boolean('Add status 330 to what clients are told, as older clients know it', {
    default: true,
  }),
  answer_relayed_pings: boolean('Answer self-pings that rooms pass on to a client, in its place', {
    default: true,
  }),
  answer_pings_for_hibernating: boolean(
    'Answer pings by which rooms and their services find out whether a client that sleeps is still there',
    { default: true },
  ),
  normalise_self_ping_errors: boolean(
    'Tell clients that ask about a room that exists no longer that they are not in it, as they may misread the room’s words',
    { default: false },
  ),
};

/** All in milliseconds, if nothing else is said. */
export interface Settings {
  readonly delay: number;
  /** The most that is added to `delay`. */
  readonly jitter: number;
  readonly timeout: number;
  /** From the first trigger; Infinity for never. */
  readonly giveUp: number;
  readonly fast: boolean;
  /** Before the second attempt to reach a domain; doubles with each, up to `longestPause`. */
  readonly firstPause: number;
  readonly longestPause: number;
  /** Between two attempts to make a link, while nobody can be asked. */
  readonly scout: number;
  /** After a stream is up again: this, and up to `wakeUpSpread` more. */
  readonly wakeUp: number;
  readonly wakeUpSpread: number;
  /** Between two wake-ups. */
  readonly wakeUpGap: number;
  /** Before an answer that did not decide is asked for again. */
  readonly soon: number;
  readonly later: number;
  /** How long a nick change may stay unanswered before it is asked about. */
  readonly renaming: number;
  /** How long a client that knows it is out has to join again before it is told too. */
  readonly ownAction: number;
  /** How long streams that stayed up may still bring what was sent before the link broke. */
  readonly settle: number;
  /** How old a verdict about a sleeping client may be when it wakes up. */
  readonly stale: number;
  /** How long a room may be silent; 0 for as long as it likes. */
  readonly silence: number;
  /** Between two rooms of a domain that are asked because they are silent. */
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
  /** The nominal span, or its share of a shorter delay. */
  const scaled = (seconds: number) => seconds * Math.min(1_000, delay / 60);
  return {
    delay,
    jitter: delay * given.ping_muc_jitter,
    timeout: given.ping_muc_timeout ?? Math.min(30_000, delay / 2),
    giveUp: given.ping_muc_give_up ?? 10 * delay,
    fast: given.ping_muc_fast,
    firstPause: delay / 4,
    longestPause: 5 * delay,
    scout: scaled(30),
    wakeUp: scaled(2),
    wakeUpSpread: scaled(3),
    wakeUpGap: scaled(30),
    soon: scaled(5),
    later: scaled(10),
    renaming: scaled(60),
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
