// CPU time and memory of a process and its children, from the operating system.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** The processor for the servers. The load generator uses the other one. */
export const SERVER_CPU = '0';
const LOAD_CPU = '1';
const TICKS_PER_SECOND = 100; // USER_HZ is 100 on every Linux that Node runs on.

interface Stat {
  readonly parent: number;
  /** Of the thread or process alone. */
  readonly own: number;
  /** With its children that have ended. */
  readonly ticks: number;
}

/** User and system time of a process, its threads and its descendants, including those that have ended. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const member of family(pid)) ticks += stat(member)?.ticks ?? 0;
  return ticks / TICKS_PER_SECOND;
}

/** User and system time of the threads with this name, of a process and its descendants. */
export function threadSeconds(pid: number, name: string): number {
  const threads = family(pid).flatMap((member) =>
    readdirSync(`/proc/${member}/task`).map((id) => `/proc/${member}/task/${id}`),
  );
  const named = threads.filter((folder) => read(`${folder}/comm`)?.trim() === name);
  return named.reduce((sum, folder) => sum + (statOf(folder)?.own ?? 0), 0) / TICKS_PER_SECOND;
}

/** User and system time of all processes on this machine since it started. */
export function machineCpuSeconds(): number {
  const [user, nice, system] = (read('/proc/stat') ?? '').split(/\s+/).slice(1, 4).map(Number);
  return (user! + nice! + system!) / TICKS_PER_SECOND;
}

/** Proportional set size of a process and its descendants, in KiB. */
export function memoryKiB(pid: number): number {
  let total = 0;
  for (const member of family(pid)) {
    const rollup = read(`/proc/${member}/smaps_rollup`) ?? '';
    total += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  }
  return total;
}

/** The largest resident set so far of a process or one of its descendants, in MiB. */
export function peakMiB(pid: number): number {
  const peaks = family(pid).map((member) => {
    const kiB = /^VmHWM:\s+(\d+)/m.exec(read(`/proc/${member}/status`) ?? '')?.[1];
    return Number(kiB ?? 0) / 1024;
  });
  return Math.max(...peaks);
}

/** A process and its descendants; children follow their parents. */
export function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const found = /^\d+$/.test(entry) ? stat(Number(entry)) : undefined;
    if (found) parents.set(Number(entry), found.parent);
  }
  const members = [pid];
  for (const member of members) {
    for (const [child, parent] of parents) if (parent === member) members.push(child);
  }
  return members;
}

/** Whether a process has ended. A zombie has ended when its other threads have; until then its ports are open. */
export function isAlive(pid: number): boolean {
  const status = read(`/proc/${pid}/status`);
  if (status === undefined) return false;
  const threads = Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  return !/^State:\s+Z/m.test(status) || threads > 1;
}

/** Limits this process and its future children to two processors, since the goals are for two. */
export function useTwoProcessors(): void {
  spawnSync('taskset', ['-a', '-p', '-c', `${SERVER_CPU},${LOAD_CPU}`, `${process.pid}`]);
}

/**
 * Gives a process and its present descendants precedence over all other programs (SCHED_RR; needs root).
 * @throws Error if that is not allowed
 */
export function givePrecedence(pid: number): void {
  for (const member of family(pid)) {
    const { status, stderr } = spawnSync('chrt', ['-a', '-R', '-r', '-p', '1', `${member}`], {
      encoding: 'utf8',
    });
    if (status !== 0 && isAlive(member)) throw new Error(`chrt: ${stderr}`);
  }
}

function stat(pid: number): Stat | undefined {
  return statOf(`/proc/${pid}`);
}

function statOf(folder: string): Stat | undefined {
  const text = read(`${folder}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  const own = utime! + stime!;
  return { parent: Number(fields[1]), own, ticks: own + cutime! + cstime! };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Moves this process, the load generator, to the processor without servers. */
export function keepAwayFromServers(): void {
  spawnSync('taskset', ['-a', '-p', '-c', LOAD_CPU, `${process.pid}`]);
}
