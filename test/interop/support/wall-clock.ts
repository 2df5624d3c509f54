// A separate wall clock for one program, by libfaketime. Its monotonic clock and its timers are not affected, like
// when an administrator, or NTP, sets the clock of the machine.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** ld.so replaces $LIB by the folder of this architecture. */
const LIBRARY = '/usr/$LIB/faketime/libfaketime.so.1';

export class WallClock {
  readonly #file: string;

  /** Shows the time of this machine until it jumps. @param folder where it keeps a file */
  static async make(folder: string): Promise<WallClock> {
    const clock = new WallClock(join(folder, 'wall-clock'));
    await clock.jumpTo(0);
    return clock;
  }

  private constructor(file: string) {
    this.#file = file;
  }

  /** The environment of a program that has this clock. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** Sets it some days ahead of this machine's clock, or behind it. */
  async jumpTo(days: number): Promise<void> {
    await writeFile(this.#file, `${days < 0 ? '' : '+'}${days}d\n`);
  }
}
