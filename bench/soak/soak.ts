// `npm run bench soak -- [--minutes 10] [--clients 1000] [--rate 500] [--json FILE]`
//
// A thousand clients chat for ten minutes. Then the server is stopped, started, and killed. Measures memory, losses, the time
// to stop, and the database after the kill. The exit code is 1 if a condition fails.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { furnish } from '../measure.ts';
import { keepAwayFromServers } from '../process.ts';
import { pause } from '../scenario.ts';
import { checkEnjambStorage, prepareEnjamb, startEnjamb } from '../servers/enjamb.ts';
import { type BenchServer, type BenchSetup, DOMAIN } from '../servers/server.ts';
import { Crowd } from './crowd.ts';
import { MemoryWatch } from './memory.ts';
import { Verdict } from './verdict.ts';

const PORT = 25_422;
const STRAGGLERS_MS = 5_000;
const STOP_LIMIT_MS = 10_000;
const RECOVERY_LIMIT_MS = 10_000;
/** Allowed rise of the memory after the warm-up, as a share: the garbage collector causes as much. A longer soak is stricter. */
const RISE_LIMIT = 0.1;
const UNDER_LOAD_MS = 5_000;

interface SoakOptions {
  readonly minutes: number;
  readonly clients: number;
  /** Messages per second. */
  readonly rate: number;
}

export async function soak(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '10' },
      clients: { type: 'string', default: '1000' },
      rate: { type: 'string', default: '500' },
      json: { type: 'string' },
    },
  });
  const options = {
    minutes: Number(values.minutes),
    clients: Number(values.clients),
    rate: Number(values.rate),
  };
  keepAwayFromServers();
  const verdict = new Verdict();
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-soak-'));
  try {
    const place = { address: '127.0.0.1', port: PORT, domain: DOMAIN };
    const setup = { ...(await furnish(place, folder)), users: options.clients };
    await prepareEnjamb(setup);
    await chatAndStop(setup, options, verdict);
    await killAndRecover(setup, options, verdict);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  verdict.print();
  if (values.json !== undefined) await writeFile(values.json, verdict.json());
  process.exitCode = verdict.isGood ? 0 : 1;
}

/** Minutes of chat; then SIGTERM with all clients connected. */
async function chatAndStop(setup: BenchSetup, options: SoakOptions, verdict: Verdict): Promise<void> {
  const server = await startEnjamb(setup);
  const crowd = await Crowd.login(server, options.clients);
  const memory = new MemoryWatch(server);
  const cpu = server.cpu();
  crowd.chat(options.rate);
  await memory.watch(options.minutes * 60_000);
  await crowd.rest(STRAGGLERS_MS);
  report(crowd, server.cpu() - cpu, verdict);
  reportMemory(memory, verdict);
  const began = performance.now();
  const exit = await server.end('SIGTERM');
  const took = performance.now() - began;
  verdict.check(
    'SIGTERM: orderly shutdown within 10 s',
    took <= STOP_LIMIT_MS && exit === 0,
    `${took.toFixed(0)} ms, exit code ${exit}`,
  );
  await pause(200);
  verdict.check(
    'every stream was closed, not only its connection',
    crowd.streamsClosed === options.clients,
    `${crowd.streamsClosed} of ${options.clients}`,
  );
  crowd.leave();
}

function report(crowd: Crowd, cpu: number, verdict: Verdict): void {
  const { sent, received, doubled, swapped, p50, p99, written } = crowd.figures();
  verdict.fact('messages', `${sent} sent, ${received} received`);
  verdict.check('no message is lost', sent === received, `${sent - received} lost`);
  verdict.check(
    'no message arrives twice or out of order',
    doubled + swapped === 0,
    `${doubled} and ${swapped}`,
  );
  verdict.fact('latency', `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`);
  verdict.fact('roster changes written', `${written}`);
  verdict.fact('CPU seconds per 100,000 messages', ((cpu / received) * 100_000).toFixed(2));
}

function reportMemory(memory: MemoryWatch, verdict: Verdict): void {
  const { perMinute, first, last, least, most } = memory.trend();
  verdict.fact('memory (Pss, KiB) after the warm-up: least and most', `${least}, ${most}`);
  const rise = (last - first) / first;
  const line = `${perMinute.toFixed(0)} KiB/min, from ${first} to ${last} (${(rise * 100).toFixed(1)} %)`;
  verdict.check('memory is constant', rise <= RISE_LIMIT, line);
}

/** kill -9 during chat and roster changes; then checks the database, and logs in all clients again. */
async function killAndRecover(setup: BenchSetup, options: SoakOptions, verdict: Verdict): Promise<void> {
  const server = await startEnjamb(setup);
  const crowd = await Crowd.login(server, options.clients);
  crowd.chat(options.rate);
  await pause(UNDER_LOAD_MS);
  await server.end('SIGKILL');
  const acknowledged = crowd.acknowledged();
  crowd.leave();

  const { code, said } = checkEnjambStorage(setup);
  verdict.check('kill -9: the database is intact', code === 0, said);
  await recovered(setup, options, acknowledged, verdict);
}

async function recovered(
  setup: BenchSetup,
  { clients }: SoakOptions,
  acknowledged: ReadonlyMap<string, number>,
  verdict: Verdict,
): Promise<void> {
  const began = performance.now();
  const server: BenchServer = await startEnjamb(setup);
  const took = performance.now() - began;
  verdict.check('the server starts again within 10 s', took <= RECOVERY_LIMIT_MS, `${took.toFixed(0)} ms`);
  try {
    const crowd = await Crowd.login(server, clients);
    verdict.check('all clients log in again', crowd.size === clients, `${crowd.size} of ${clients}`);
    const lost = await crowd.missingOf(acknowledged);
    verdict.check(
      'every acknowledged roster change is there',
      lost === 0,
      `${lost} missing, in ${acknowledged.size} rosters`,
    );
    crowd.leave();
  } finally {
    await server.stop();
  }
}
