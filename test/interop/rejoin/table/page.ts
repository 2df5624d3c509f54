// Writes the tables into docs/clients.md, between two comments.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '../../matrix/service.ts';
import { type Cell, failures, type Mode } from './cells.ts';
import { FAULTS, type FaultName } from './faults.ts';
import { PROGRAMS } from './programs.ts';
import { allResults, type Results } from './results.ts';
import { WORDS } from './words.ts';

const PAGE = join(import.meta.dirname, '../../../../docs/clients.md');
const [BEGIN, END] = ['<!-- npm run table:rejoin writes this -->', '<!-- until here -->'];
const MODES: readonly Mode[] = ['silent', 'assisted'];
const REMOTES: readonly Kind[] = ['Prosody', 'ejabberd'];

interface Place {
  readonly remote: Kind;
  readonly fault: FaultName;
  readonly cell: Cell;
}

export function writePage(): void {
  writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8')));
}

/** The page as it should be. */
export function withTables(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end === -1) throw new Error(`${PAGE} has no place for the tables`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${tables()}\n\n${page.slice(end)}`;
}

function tables(): string {
  const faults = Object.entries(FAULTS).map(([name, { title }]) => `- *${name}*: ${title}`);
  return [faults.join('\n'), ...MODES.map(section)].join('\n\n');
}

function section(mode: Mode): string {
  const all = allResults();
  const sorted = PROGRAMS.flatMap(({ name }) => all.find(({ program }) => program === name) ?? []);
  const rows = sorted.flatMap((results) => row(results, mode));
  const notes = failed(sorted, mode);
  const heads = [
    'program',
    'alive',
    'nothing lost',
    'nothing twice',
    'people right',
    'mention alerted',
    'seconds',
  ];
  const table = [line([...heads, 'what its user sees']), line(Array(heads.length + 1).fill('---')), ...rows];
  const end = notes.length === 0 ? [] : ['What was not as if nothing had happened:', notes.join('\n')];
  return [`### muc_autorejoin = "${mode}"`, table.join('\n'), ...end].join('\n\n');
}

function row(results: Results, mode: Mode): string[] {
  const cells = placesOf(results, mode).map(({ cell }) => cell);
  if (cells.length === 0) return [];
  const lists = cells.flatMap(({ people }) => people ?? []);
  const alerts = cells.flatMap(({ alerted }) => alerted ?? []);
  const seconds = cells.flatMap((cell) => cell.seconds ?? []).toSorted((a, b) => a - b);
  return [
    line([
      `${results.program} ${results.version}`,
      share(cells, ({ alive }) => alive === 'yes'),
      share(cells, ({ lost }) => lost.length === 0),
      share(cells, ({ twice }) => twice.length === 0),
      share(
        lists,
        ({ missing, extra, repeated = [] }) => missing.length + extra.length + repeated.length === 0,
      ),
      share(alerts, (isAlerted) => isAlerted),
      seconds.length === 0 ? '–' : `${seconds[Math.floor(seconds.length / 2)]}, at most ${seconds.at(-1)}`,
      WORDS[results.program]?.[mode] ?? '',
    ]),
  ];
}

/** One line for each failure, with all programs that had it in the same places. */
function failed(all: readonly Results[], mode: Mode): string[] {
  const programs = new Map<string, string[]>();
  for (const results of all) {
    const places = new Map<string, string[]>();
    for (const { remote, fault, cell } of placesOf(results, mode)) {
      const text = failures(cell).join(', ');
      if (text !== '') places.set(text, [...(places.get(text) ?? []), `${remote} *${fault}*`]);
    }
    for (const [text, where] of places) {
      const whole = `${text} (${where.join('; ')})`;
      programs.set(whole, [...(programs.get(whole) ?? []), results.program]);
    }
  }
  return [...programs].map(([text, names]) => `- ${names.join(', ')}: ${text}`);
}

function placesOf({ cells }: Results, mode: Mode): Place[] {
  const names = Object.keys(FAULTS) as FaultName[];
  return REMOTES.flatMap((remote) =>
    names.flatMap((fault) => {
      const cell = cells[`${mode} ${remote} ${fault}`];
      return cell === undefined ? [] : [{ remote, fault, cell }];
    }),
  );
}

function share<T>(all: readonly T[], isSo: (one: T) => boolean): string {
  return all.length === 0 ? '–' : `${all.filter(isSo).length} of ${all.length}`;
}

function line(columns: readonly string[]): string {
  return `| ${columns.join(' | ')} |`;
}
