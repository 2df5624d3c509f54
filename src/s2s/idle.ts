// Closes unused streams in order. Otherwise the peer may close one just when a stanza is on its way.

import { HOST_OPTIONS } from '../config/core-options.ts';
import type { LocalHost } from '../core/host.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { S2SStream } from './stream.ts';

const OPTIONS = { s2s_idle_time: HOST_OPTIONS.s2s_idle_time };
/** Interval of the check: a stream may live this much longer than `s2s_idle_time`. */
const CHECK_MS = 15_000;

interface Use {
  /** The number of stanzas at the last check, in both directions and without overhead. */
  readonly stanzas: number;
  /** The last check at which the number had grown, in ms of `clock.elapsed`. */
  readonly at: number;
}

/** How long a stream may stay unused before it is closed, in ms; may be infinite. */
export function idleTimeOf({ config }: LocalHost): number {
  return config.get(OPTIONS).s2s_idle_time;
}

export class IdleWatch {
  readonly #clock: Clock;
  readonly #streams: () => readonly S2SStream[];
  readonly #uses = new WeakMap<S2SStream, Use>();
  #timer: Timer | undefined;

  constructor(clock: Clock, streams: () => readonly S2SStream[]) {
    this.#clock = clock;
    this.#streams = streams;
  }

  /** Checks from now on, while there are streams. */
  start(): void {
    this.#timer ??= this.#clock.after(CHECK_MS, () => this.#check());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #check(): void {
    this.#timer = undefined;
    const streams = this.#streams();
    if (streams.length > 0) this.start(); // First: what follows may throw (docs/adr/0024).
    for (const stream of streams) if (this.#isIdle(stream)) stream.close(undefined, 'idle');
  }

  #isIdle(stream: S2SStream): boolean {
    const now = this.#clock.elapsed();
    const limit = idleTimeOf(stream.host);
    const use = this.#uses.get(stream);
    const stanzas = payloadOf(stream);
    if (!use || use.stanzas !== stanzas) {
      this.#uses.set(stream, { stanzas, at: use ? now : (stream.authenticatedAt ?? now) });
      return false;
    }
    return now - use.at >= limit && !stream.isNeeded;
  }
}

/** The number of stanzas in both directions, without overhead. */
function payloadOf({ stanzasIn, stanzasOut, overhead }: S2SStream): number {
  return stanzasIn - overhead.in + stanzasOut - overhead.out;
}
