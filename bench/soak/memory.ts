// The memory of a server over minutes.

import { pause } from '../scenario.ts';
import type { BenchServer } from '../servers/server.ts';

const EVERY_MS = 5_000;
/** The first part of the time, in which code is compiled and heaps grow to their size. */
const WARM_UP_SHARE = 0.25;

export interface Trend {
  /** Slope of the regression line after the warm-up, in KiB per minute. */
  readonly perMinute: number;
  /** Rise of that line, in KiB. */
  readonly first: number;
  readonly last: number;
  /** KiB, after the warm-up. */
  readonly least: number;
  readonly most: number;
}

export class MemoryWatch {
  readonly #server: BenchServer;
  readonly #samples: { minute: number; kiB: number }[] = [];

  constructor(server: BenchServer) {
    this.#server = server;
  }

  async watch(ms: number): Promise<void> {
    const began = performance.now();
    while (performance.now() - began < ms) {
      await pause(Math.min(EVERY_MS, ms));
      const minute = (performance.now() - began) / 60_000;
      const kiB = this.#server.memory();
      this.#samples.push({ minute, kiB });
      process.stderr.write(`  ${minute.toFixed(2)} min: ${kiB} KiB\n`);
    }
  }

  trend(): Trend {
    const settled = this.#samples.slice(Math.floor(this.#samples.length * WARM_UP_SHARE));
    const meanMinute = mean(settled.map(({ minute }) => minute));
    const meanKiB = mean(settled.map(({ kiB }) => kiB));
    let [above, below] = [0, 0];
    for (const { minute, kiB } of settled) {
      above += (minute - meanMinute) * (kiB - meanKiB);
      below += (minute - meanMinute) ** 2;
    }
    const perMinute = below === 0 ? 0 : above / below;
    const at = (minute: number) => Math.round(meanKiB + perMinute * (minute - meanMinute));
    return {
      perMinute,
      first: at(settled[0]!.minute),
      last: at(settled.at(-1)!.minute),
      least: Math.min(...settled.map(({ kiB }) => kiB)),
      most: Math.max(...settled.map(({ kiB }) => kiB)),
    };
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
