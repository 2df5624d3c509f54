// `npm run bench [SCENARIO…] [--servers enjamb,prosody-tuned] [--rounds 2] [--json FILE]`
//
// Drives enjamb and, where they are installed, Prosody and ejabberd through the same scenarios, alternating, and prints
// the CPU seconds that each has taken. The quietest round counts: machines are noisy.

import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeDevelopmentCertificates } from '../src/net/dev-certificates.ts';
import { pause, type Scenario } from './scenario.ts';
import { chat } from './scenarios/chat.ts';
import { idle } from './scenarios/idle.ts';
import { latency } from './scenarios/latency.ts';
import { login } from './scenarios/login.ts';
import { presence } from './scenarios/presence.ts';
import { room } from './scenarios/room.ts';
import { ejabberd } from './servers/ejabberd.ts';
import { enjamb } from './servers/enjamb.ts';
import { nodeXmppServer } from './servers/node-xmpp-server.ts';
import { prosody } from './servers/prosody.ts';
import { DOMAIN, type Launch } from './servers/server.ts';

const SCENARIOS: Record<string, Scenario> = {
  chat: chat('chat, plain, 20 under way', { underWay: 20, tls: false }),
  'chat-tls': chat('chat, TLS, 20 under way', { underWay: 20, tls: true }),
  'chat-one': chat('chat, plain, one under way', { underWay: 1, tls: false }),
  room: room('room of 200, plain', { tls: false }),
  'room-tls': room('room of 200, TLS', { tls: true }),
  presence,
  login: login('login, SCRAM, TLS', 'SCRAM-SHA-1'),
  'login-plain': login('login, PLAIN, TLS', 'PLAIN'),
  latency,
  idle: idle('memory of an idle session', { tls: false }),
  'idle-tls': idle('memory of an idle TLS session', { tls: true }),
};

const SERVERS: Record<string, Launch> = {
  enjamb,
  'prosody-stock': prosody('stock'),
  'prosody-tuned': prosody('tuned'),
  ejabberd,
  'node-xmpp-server': nodeXmppServer,
};

interface Figure {
  readonly scenario: string;
  readonly server: string;
  readonly unit: string;
  readonly per: number;
  /** CPU seconds per `per` units; of the quietest round. */
  cpu: number | undefined;
  extra: Record<string, number>;
  perSecond: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    servers: { type: 'string', default: Object.keys(SERVERS).join(',') },
    rounds: { type: 'string', default: '2' },
    json: { type: 'string' },
  },
});
const chosen = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
const servers = values.servers.split(',');
for (const name of [
  ...chosen.filter((name) => !SCENARIOS[name]),
  ...servers.filter((name) => !SERVERS[name]),
]) {
  process.stderr.write(
    `unknown: ${name}\nscenarios: ${Object.keys(SCENARIOS).join(' ')}\nservers: ${Object.keys(SERVERS).join(' ')}\n`,
  );
  process.exit(2);
}

spawnSync('taskset', ['-a', '-p', '-c', '1', `${process.pid}`]);
const figures = new Map<string, Figure>();
let nextPort = 25_222;
for (const name of chosen) {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const server of servers) await measure(name, server);
  }
}
print([...figures.values()]);
if (values.json !== undefined)
  await writeFile(values.json, `${JSON.stringify([...figures.values()], undefined, 2)}\n`);
process.exit(0);

async function measure(name: string, serverName: string): Promise<void> {
  const scenario = SCENARIOS[name]!;
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-bench-'));
  try {
    const tls = await certificate(folder);
    const server = await SERVERS[serverName]!({ folder, port: nextPort++, users: scenario.users, tls });
    if (!server) return;
    try {
      const prepared = await scenario.prepare(server);
      await pause(1_000);
      const [cpu, began] = [server.cpu(), performance.now()];
      const { count, extra = {} } = await prepared.run();
      const seconds = (performance.now() - began) / 1000;
      record(scenario, serverName, ((server.cpu() - cpu) / count) * scenario.per, extra, count / seconds);
      prepared.close();
    } finally {
      await server.stop();
    }
  } catch (error) {
    process.stderr.write(`${name} on ${serverName}: ${error instanceof Error ? error.message : error}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function record(
  scenario: Scenario,
  server: string,
  cpu: number,
  extra: Record<string, number>,
  perSecond: number,
): void {
  const key = `${scenario.name} ${server}`;
  const known = figures.get(key);
  const value = scenario.isCpu === false ? undefined : cpu;
  process.stderr.write(
    `  ${scenario.name}, ${server}: ${value?.toFixed(2) ?? ''} ${JSON.stringify(extra)} ${perSecond.toFixed(0)}/s\n`,
  );
  if (!known) {
    figures.set(key, {
      scenario: scenario.name,
      server,
      unit: scenario.unit,
      per: scenario.per,
      cpu: value,
      extra,
      perSecond,
    });
    return;
  }
  known.cpu = value === undefined ? undefined : Math.min(value, known.cpu ?? value);
  known.perSecond = Math.max(known.perSecond, perSecond);
  for (const [name, figure] of Object.entries(extra))
    known.extra[name] = Math.min(figure, known.extra[name] ?? figure);
}

function print(all: readonly Figure[]): void {
  process.stdout.write(
    '\nCPU seconds of the server (user + system), quietest round; × is the ratio to enjamb\n\n',
  );
  for (const scenario of new Set(all.map((figure) => figure.scenario))) {
    const rows = all.filter((figure) => figure.scenario === scenario);
    const own = rows.find(({ server }) => server === 'enjamb');
    process.stdout.write(`${scenario} (per ${rows[0]!.per} × ${rows[0]!.unit})\n`);
    for (const { server, cpu, extra, perSecond } of rows) {
      const ratio = own?.cpu && cpu ? `${(cpu / own.cpu).toFixed(1)}×` : '';
      const more = Object.entries(extra).map(([name, figure]) => `${name} ${figure.toFixed(2)}`);
      const text = [cpu === undefined ? '' : cpu.toFixed(2), ratio, `${perSecond.toFixed(0)}/s`, ...more];
      process.stdout.write(`  ${server.padEnd(15)} ${text.filter((part) => part !== '').join('   ')}\n`);
    }
  }
}

async function certificate(folder: string): Promise<{ key: string; cert: string }> {
  const certs = join(folder, 'made');
  await makeDevelopmentCertificates(certs, [DOMAIN]);
  const [key, cert] = await Promise.all(
    ['key', 'crt'].map((end) => readFile(join(certs, `${DOMAIN}.${end}`), 'utf8')),
  );
  return { key: key!, cert: cert! };
}
