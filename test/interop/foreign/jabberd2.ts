// The parts of a real jabberd2 for other servers: its router and its s2s, with Debian's configuration except
// for addresses and files. Its users are a component of the test (XEP-0114), which records all their stanzas.

import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { atEnd, type Clean } from '../../support/clean-up.ts';
import { ScriptedComponent } from '../../support/component.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/waiting.ts';

export const JABBERD2 = { address: '127.0.0.5', s2s: 15_269, router: 15_347 };
const FILES = '/etc/jabberd2';
const SECRET = 'secret';
const START_MS = 15_000;

export interface Jabberd2Options {
  readonly folder: string;
  /** "127.0.0.1:5353" */
  readonly dns: string;
  /** Certificate and key in one file, for TLS. Debian's configuration has none. */
  readonly pem?: string;
}

/** Starts both programs and connects the domain of its users. All ends with the test. */
export async function startJabberd2(
  t: Clean,
  { folder, dns, pem }: Jabberd2Options,
  domain: string,
): Promise<ScriptedComponent> {
  await mkdir(folder, { recursive: true });
  const { address, router, s2s } = JABBERD2;
  await start(t, 'router', { folder, port: router });
  const [nameServer = '', port = ''] = dns.split(':');
  const env = { NAMESERVERS: nameServer, RES_OPTIONS: `port:${port}` };
  await start(t, 's2s', { folder, port: s2s, env, pem });
  const socket = connect(router, address);
  atEnd(t, () => void socket.destroy());
  await once(socket, 'connect');
  const component = new ScriptedComponent(socket);
  await component.header(domain);
  component.prove(SECRET);
  await component.receives('<handshake/>');
  return component;
}

interface Part {
  readonly folder: string;
  readonly port: number;
  readonly env?: Record<string, string>;
  readonly pem?: string | undefined;
}

async function start(t: Clean, name: 'router' | 's2s', part: Part): Promise<void> {
  const { folder, port, env = {} } = part;
  const file = join(folder, `${name}.xml`);
  await writeFile(file, adapted(await readFile(join(FILES, `${name}.xml`), 'utf8'), part));
  const program = new Program(t, `jabberd2-${name}`, {
    command: `/usr/sbin/jabberd2-${name}`,
    args: ['-c', file],
    logFile: join(folder, `${name}.out`),
    env,
  });
  await until(`jabberd2's ${name} listens`, () => isListening(program, port), START_MS);
}

async function isListening(program: Program, port: number): Promise<true | undefined> {
  if (!program.isRunning) throw new Error(`${program.name} ended:\n${program.tail()}`);
  const socket = connect(port, JABBERD2.address);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

/** Addresses, ports and files of the test's own. */
function adapted(configuration: string, { folder, pem }: Part): string {
  const { address, router, s2s } = JABBERD2;
  return configuration
    .replaceAll(/<ip>[^<]*<\/ip>/g, `<ip>${address}</ip>`)
    .replaceAll('<port>5347</port>', `<port>${router}</port>`)
    .replaceAll(
      '<port>5269</port>',
      `<port>${s2s}</port>${pem === undefined ? '' : `<pemfile>${pem}</pemfile>`}`,
    )
    .replaceAll('/var/run/jabberd2/', `${folder}/`)
    .replaceAll('/var/log/jabberd2/', `${folder}/`)
    .replaceAll("<log type='file'>", "<log type='stdout'>");
}
