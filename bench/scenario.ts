// What all scenarios share.

import { LoadClient, type LoginOptions } from './client.ts';
import { type BenchServer, PASSWORD } from './servers/server.ts';

export interface Measurement {
  /** What was done so often. */
  readonly count: number;
  /** Figures that are no CPU time. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** What not every server can do. */
export type Ability = 'accounts' | 'presence' | 'rooms' | 'federation';

export interface Prepared {
  run(): Promise<Measurement>;
  close(): void;
}

export interface Scenario {
  readonly name: string;
  /** What one unit is, and how many a figure is given for. */
  readonly unit: string;
  readonly per: number;
  readonly users: number;
  /** Servers that lack it are passed over. */
  readonly needs?: Ability;
  /** Whether the figure is CPU seconds; else only `extra` counts. */
  readonly isCpu?: boolean;
  /**
   * Prepares everything and returns the part that is measured. `away` is the other server where `needs` is
   * 'federation'.
   */
  prepare(server: BenchServer, away?: BenchServer): Promise<Prepared>;
}

/** How long the measured part of a scenario takes. */
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
