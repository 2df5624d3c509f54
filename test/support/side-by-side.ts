// Runs test files side by side, each by a `node --test` of its own, in a network, a process tree and a table of mounts
// of its own: all of them may use the same addresses and ports, and no process outlives its file. The output of a file
// is printed whole when it ends.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { report } from './slow-files.ts';

/** The first line of a file that needs the machine for itself, or the machine's own network. */
const ALONE = /^\/\/ Runs alone\b/;
const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const SETUP = [
  'ip link set lo up',
  'ip address add 192.0.2.1/32 dev lo', // glibc finds no names where there is no address but 127.0.0.1.
  'mkdir -p /run/netns', // Here ip(8) keeps the networks that a test makes.
  'mount -t tmpfs tmpfs /run/netns',
].join(' && ');
/** Not by `exec`: the shell reaps the processes whose parents have ended. */
export const ISOLATED: readonly string[] = [
  'unshare',
  ...NAMESPACES,
  'sh',
  '-c',
  `${SETUP} && "$@"; exit $?`,
  'sh',
];
/** Node's own limit comes first, because its error names the test. */
const GRACE_MS = 30_000;
const NONE = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
const CLOSING_LINE = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)\n/gm;

type Counts = Record<keyof typeof NONE, number>;

export interface Options {
  /** How many files run simultaneously. 0: all run alone, where namespaces are not allowed. */
  readonly width: number;
  /** Of one file. */
  readonly limitMs: number;
  readonly print: (text: string) => void;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Returns whether all tests passed. Files that run alone come last, in the machine's own network. */
export async function runSideBySide(
  files: readonly string[],
  { width, limitMs, print }: Options,
): Promise<boolean> {
  const start = performance.now();
  const total: Counts = { ...NONE };
  const times: { path: string; ms: number }[] = [];
  const failed: string[] = [];
  const take = async (queue: string[], prefix: readonly string[]): Promise<void> => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const { output, isGood, ms } = await runFile(path, prefix, limitMs);
      const { counts, rest } = countsOf(output, isGood);
      print(`== ${path} (${(ms / 1_000).toFixed(1)} s)${isGood ? '' : ' FAILED'}\n${rest}\n`);
      for (const [name, count] of Object.entries(counts)) total[name as keyof Counts] += count;
      times.push({ path, ms });
      if (!isGood) failed.push(`  ${path}\n`);
    }
  };
  const isAlone = (path: string) => width === 0 || runsAlone(path);
  const others = files.filter((path) => !isAlone(path));
  await Promise.all(Array.from({ length: width }, () => take(others, ISOLATED)));
  await take(files.filter(isAlone), []);
  for (const [name, count] of Object.entries(total)) print(`ℹ ${name} ${count}\n`);
  print(`ℹ duration_ms ${Math.round(performance.now() - start)}\n${report(times)}`);
  if (failed.length > 0) print(`failed files:\n${failed.join('')}`);
  return failed.length === 0;
}

/** Why files cannot have namespaces of their own; undefined: they can. */
export function whyNotIsolated(): string | undefined {
  const [command = '', ...args] = [...ISOLATED, 'true'];
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

export function runsAlone(path: string): boolean {
  return ALONE.test(readFileSync(path, 'utf8'));
}

/** Takes the closing lines out of the output of `node --test`. A run that ended badly has at least one failure. */
export function countsOf(output: string, isGood: boolean): { counts: Counts; rest: string } {
  const counts: Counts = { ...NONE };
  const rest = output.replace(CLOSING_LINE, (_, name: string, value: string) => {
    if (name in counts) counts[name as keyof Counts] += Number(value);
    return '';
  });
  if (isGood || counts.fail + counts.cancelled > 0) return { counts, rest };
  return { counts: { ...counts, tests: counts.tests + 1, fail: 1 }, rest };
}

async function runFile(path: string, prefix: readonly string[], limitMs: number) {
  const start = performance.now();
  const flags = ['--conditions=source', '--test', '--test-force-exit', `--test-timeout=${limitMs}`];
  const [command = '', ...args] = [...prefix, process.execPath, ...flags, '--test-reporter=spec', path];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined }, // With it, `node --test` runs nothing in a test.
    timeout: limitMs + GRACE_MS,
    killSignal: 'SIGKILL',
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  running.delete(child);
  if (code === null) output += `killed by ${child.signalCode}; a file may take ${limitMs / 1_000} s\n`;
  return { output, isGood: code === 0, ms: performance.now() - start };
}
