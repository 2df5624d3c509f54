// Prints the results as a table, with their goals.

import type { Result } from './trial.ts';

/** Goals for the honest clients in any attack, on two processors. */
export const GOALS = { p99: 100, max: 500, rss: 512 } as const;

/** Goal for the log that unauthenticated peers cause, in KiB per second. */
const LOG_GOAL = 64;

/** Share of one processor. More load of other programs makes the figures unreliable. */
const OTHERS_SHARE = 0.1;

const COLUMNS = [
  ['attack', 23],
  ['ping p50', 9],
  ['p99', 9],
  ['max', 9],
  ['login p50', 10],
  ['max', 9],
  ['RSS', 9],
  ['CPU s', 12],
] as const;

export function heading(): string {
  const goals = `at most: p99 ${GOALS.p99} ms, max ${GOALS.max} ms, RSS ${GOALS.rss} MiB; ! marks a miss`;
  const titles = COLUMNS.map(([title, width], i) => (i === 0 ? title.padEnd(width) : title.padStart(width)));
  return `${goals}\n${titles.join('')}  outcome`;
}

export function row({ attack, seconds, figures, rss, cpu, ...rest }: Result): string {
  const { p50, p99, max, loginP50, loginMax } = figures;
  const cells = [
    attack,
    number(p50),
    mark(number(p99), isOver(p99, GOALS.p99)),
    mark(number(max), isOver(max, GOALS.max)),
    number(loginP50),
    number(loginMax),
    mark(rss.toFixed(0), isOver(rss, GOALS.rss)),
    `${cpu.toFixed(1)} of ${seconds}`,
  ];
  const padded = cells.map((cell, i) =>
    i === 0 ? cell.padEnd(COLUMNS[i]![1]) : cell.padStart(COLUMNS[i]![1]),
  );
  const remarks = remarksOn({ attack, seconds, figures, rss, cpu, ...rest });
  return `${padded.join('')}  ${rest.outcome}${remarks.map((remark) => `; ${remark}`).join('')}`;
}

/** The goals that a result misses, in words; empty if it misses none. */
export function missesOf(result: Result): string[] {
  const { figures, rss } = result;
  const misses = [
    isOver(figures.p99, GOALS.p99) ? `p99 ${number(figures.p99)} ms` : '',
    isOver(figures.max, GOALS.max) ? `max ${number(figures.max)} ms` : '',
    isOver(rss, GOALS.rss) ? `RSS ${rss.toFixed(0)} MiB` : '',
    ...remarksOn(result).filter((remark) => remark.startsWith('!')),
  ];
  return misses.filter((miss) => miss !== '');
}

function remarksOn({ isAlive, figures, finding, log, seconds, who, cpuOfOthers }: Result): string[] {
  const { loginsFailed, cut, unanswered, ownDelay } = figures;
  const remarks = [
    isAlive ? '' : '! the server died',
    loginsFailed > 0 ? `! honest logins failed: ${loginsFailed}` : '',
    cut > 0 ? `! the honest client was disconnected ${cut}×` : '',
    unanswered > 0 ? `! unanswered pings: ${unanswered}` : '',
    finding === undefined ? '' : `${finding.isGood ? '' : '! '}${finding.text}`,
    log.errors.length > 0 ? `! errors in the log: ${log.errors.join(', ')}` : '',
    who === 'stranger' && log.kiB > LOG_GOAL * seconds ? `! log ${log.kiB} KiB` : '',
    cpuOfOthers > OTHERS_SHARE * seconds
      ? `(other programs used ${cpuOfOthers.toFixed(1)} s of CPU time)`
      : '',
    ownDelay > GOALS.p99 ? `(the benchmark itself was delayed by ${ownDelay.toFixed(0)} ms)` : '',
  ];
  return remarks.filter((remark) => remark !== '');
}

/** NaN is a miss too. */
function isOver(figure: number, goal: number): boolean {
  return !(figure <= goal);
}

function number(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
}

function mark(text: string, isMissed: boolean): string {
  return isMissed ? `!${text}` : text;
}
