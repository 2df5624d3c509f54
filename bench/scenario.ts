// Types of scenarios.

import { LoadClient, type LoginOptions } from './client.ts';
import { type BenchServer, PASSWORD } from './servers/server.ts';

export interface Measurement {
  /** The number of units. */
  readonly count: number;
  /** Figures other than CPU time. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** Features that some servers lack. */
export type Ability = 'accounts' | 'archive' | 'presence' | 'rooms' | 'federation';

export interface Prepared {
  run(): Promise<Measurement>;
  close(): void;
}

export interface Scenario {
  readonly name: string;
  /** The name of a unit, and the number of units for which a figure is printed. */
  readonly unit: string;
  readonly per: number;
  readonly users: number;
  /** Servers without this feature are skipped. */
  readonly needs?: Ability;
  /** Whether the figure is CPU seconds; otherwise only `extra` counts. */
  readonly isCpu?: boolean;
  /**
   * Prepares the scenario, and returns its measured part. `away` is the other server if `needs` is 'federation'.
   */
  prepare(server: BenchServer, away?: BenchServer): Promise<Prepared>;
}

/** Duration of the measured part of a scenario, in ms. */
export const RUN_MS = Number(process.env.BENCH_MS ?? 8_000);

export async function loginAll(
  server: BenchServer,
  count: number,
  options: Partial<LoginOptions> = {},
): Promise<LoadClient[]> {
  const clients: LoadClient[] = [];
  for (let i = 0; i < count; i += 20) {
    const batch = Array.from({ length: Math.min(20, count - i) }, (_, j) =>
      LoadClient.login({
        ...server.at,
        user: `u${i + j}`,
        password: PASSWORD,
        ...options,
      }),
    );
    clients.push(...(await Promise.all(batch)));
  }
  return clients;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
