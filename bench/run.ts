// `npm run bench [-- SCENARIO… --servers enjamb,prosody-tuned --rounds 2 --json FILE]`, and the other benchmarks: `npm run
// bench xml`, `npm run bench joins`, `npm run bench rejoin`, `npm run bench soak`, `npm run bench attack`. README.md explains all
// of them.
//
// Runs the same scenarios alternately on enjamb and on the installed ones of Prosody, ejabberd and node-xmpp-server, and
// prints the CPU seconds of each. The quietest round counts, since other load only adds.

import { writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { measure, SERVERS } from './measure.ts';
import { keepAwayFromServers } from './process.ts';
import { Report } from './report.ts';
import type { Scenario } from './scenario.ts';
import { archiveChat, archivePaced } from './scenarios/archive.ts';
import { catchUp } from './scenarios/catch-up.ts';
import { chat } from './scenarios/chat.ts';
import { idle } from './scenarios/idle.ts';
import { latency } from './scenarios/latency.ts';
import { login } from './scenarios/login.ts';
import { presence } from './scenarios/presence.ts';
import { room } from './scenarios/room.ts';
import { s2s } from './scenarios/s2s.ts';

const SCENARIOS: Record<string, Scenario> = {
  chat: chat('chat, plain, 20 under way', { underWay: 20, tls: false }),
  'chat-tls': chat('chat, TLS, 20 under way', { underWay: 20, tls: true }),
  'chat-one': chat('chat, plain, one under way', { underWay: 1, tls: false }),
  room: room('room of 200, plain', { tls: false }),
  'room-tls': room('room of 200, TLS', { tls: true }),
  presence,
  s2s,
  login: login('login, SCRAM, TLS', 'SCRAM-SHA-1'),
  'login-plain': login('login, PLAIN, TLS', 'PLAIN'),
  latency,
  'archive-chat': archiveChat,
  'archive-paced': archivePaced,
  'catch-up': catchUp,
  idle: idle('memory of an idle session', { tls: false }),
  'idle-tls': idle('memory of an idle TLS session', { tls: true }),
};

/** Several scenarios under one name. */
const GROUPS: Record<string, readonly string[]> = { archive: ['archive-chat', 'archive-paced'] };

/** The other benchmarks. Each gets the arguments after its name. */
const COMMANDS: Record<string, (args: readonly string[]) => Promise<void>> = {
  xml: async (args) => (await import('./xml.ts')).benchXml(args),
  joins: async (args) => (await import('./joins/joins.ts')).joins(args),
  rejoin: async (args) => (await import('./rejoin/rejoin.ts')).rejoin(args),
  soak: async (args) => (await import('./soak/soak.ts')).soak(args),
  'archive-large': async (args) => (await import('./archive-large/archive-large.ts')).archiveLarge(args),
  attack: async (args) => (await import('./attack/attack.ts')).attack(args),
};

const [first, ...rest] = process.argv.slice(2);
const command = first === undefined ? undefined : COMMANDS[first];
await (command ? command(rest) : benchScenarios());
process.exit();

async function benchScenarios(): Promise<void> {
  const { scenarios, servers, rounds, json, hasPrecedence } = chosen();
  keepAwayFromServers();
  if (hasPrecedence) setPriority(constants.priority.PRIORITY_HIGHEST); // Servers inherit it.
  const report = new Report();
  for (const name of scenarios) {
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) {
        const scenario = SCENARIOS[name]!;
        try {
          const outcome = await measure(scenario, server);
          if (outcome) report.add(scenario, server, outcome);
        } catch (error) {
          report.failed(scenario, server, error);
        }
      }
    }
  }
  report.print();
  if (json !== undefined) await writeFile(json, report.json());
}

function chosen(): {
  scenarios: string[];
  servers: string[];
  rounds: number;
  json: string | undefined;
  hasPrecedence: boolean;
} {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      servers: { type: 'string', default: Object.keys(SERVERS).join(',') },
      rounds: { type: 'string', default: '2' },
      json: { type: 'string' },
      precedence: { type: 'boolean', default: false },
    },
  });
  const named = positionals.flatMap((name) => GROUPS[name] ?? [name]);
  const scenarios = named.length > 0 ? named : Object.keys(SCENARIOS);
  const servers = values.servers.split(',');
  const unknown = [
    ...scenarios.filter((name) => !SCENARIOS[name]),
    ...servers.filter((name) => !SERVERS[name]),
  ];
  if (unknown.length > 0) {
    process.stderr.write(
      `unknown: ${unknown.join(' ')}\nscenarios: ${Object.keys({ ...SCENARIOS, ...GROUPS }).join(' ')}\n` +
        `servers: ${Object.keys(SERVERS).join(' ')}\nothers: ${Object.keys(COMMANDS).join(' ')}\n`,
    );
    process.exit(2);
  }
  return {
    scenarios,
    servers,
    rounds: Number(values.rounds),
    json: values.json,
    hasPrecedence: values.precedence,
  };
}
