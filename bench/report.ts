// Prints the figures of a run as a table and as JSON.

import type { Outcome } from './measure.ts';
import type { Scenario } from './scenario.ts';

interface Figure {
  readonly scenario: string;
  readonly server: string;
  readonly unit: string;
  readonly per: number;
  /** CPU seconds for `per` units in the quietest round; undefined for scenarios that measure something else. */
  cpu: number | undefined;
  /** The other figures, each of its best round. */
  readonly extra: Record<string, number>;
  perSecond: number;
}

export class Report {
  readonly #figures = new Map<string, Figure>();

  add(scenario: Scenario, server: string, { cpu, perSecond, extra }: Outcome): void {
    const value = scenario.isCpu === false ? undefined : cpu;
    process.stderr.write(
      `  ${scenario.name}, ${server}: ${value?.toFixed(2) ?? ''} ${JSON.stringify(extra)} ${perSecond.toFixed(0)}/s\n`,
    );
    const key = `${scenario.name} ${server}`;
    const known = this.#figures.get(key);
    if (known) return better(known, value, perSecond, extra);
    const { name, unit, per } = scenario;
    const figure = { scenario: name, server, unit, per, cpu: value, extra: { ...extra }, perSecond };
    this.#figures.set(key, figure);
  }

  failed(scenario: Scenario, server: string, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`  ${scenario.name}, ${server}: FAILED: ${why}\n`);
    process.exitCode = 1;
  }

  json(): string {
    return `${JSON.stringify([...this.#figures.values()], undefined, 2)}\n`;
  }

  print(): void {
    const all = [...this.#figures.values()];
    process.stdout.write(
      '\nCPU seconds of the server (user + system), quietest round; × is the ratio to enjamb\n\n',
    );
    for (const scenario of new Set(all.map((figure) => figure.scenario))) {
      const rows = all.filter((figure) => figure.scenario === scenario);
      const own = rows.find(({ server }) => server === 'enjamb');
      process.stdout.write(`${scenario} (per ${rows[0]!.per} × ${rows[0]!.unit})\n`);
      for (const row of rows) process.stdout.write(`  ${line(row, own)}\n`);
    }
  }
}

function better(known: Figure, cpu: number | undefined, perSecond: number, extra: Outcome['extra']): void {
  known.cpu = cpu === undefined ? undefined : Math.min(cpu, known.cpu ?? cpu);
  known.perSecond = Math.max(known.perSecond, perSecond);
  for (const [name, figure] of Object.entries(extra))
    known.extra[name] = Math.min(figure, known.extra[name] ?? figure);
}

function line({ server, cpu, extra, perSecond }: Figure, own: Figure | undefined): string {
  const more = Object.entries(extra).map(([name, figure]) => {
    const ratio = own?.extra[name] ? ` (${(figure / own.extra[name]).toFixed(1)}×)` : '';
    return `${name} ${figure.toFixed(2)}${ratio}`;
  });
  const parts =
    cpu === undefined
      ? more
      : [
          cpu.toFixed(2),
          own?.cpu ? `${(cpu / own.cpu).toFixed(1)}×` : '',
          `${perSecond.toFixed(0)}/s`,
          ...more,
        ];
  return `${server.padEnd(17)}${parts.filter((part) => part !== '').join('   ')}`;
}
