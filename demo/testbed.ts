// Servers as child processes, a name server for their domains, and scripted clients.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeDevelopmentCertificates } from '../src/net/dev-certificates.ts';
import { ScriptedClient } from '../test/support/client.ts';
import { dnsFixture, type ZoneEntry } from '../test/support/dns-fixture.ts';

const ENJAMB = ['--conditions=source', join(import.meta.dirname, '../src/main.ts')];
/** The start takes about two seconds of processor time, of which a busy machine gives a small share. */
const READY_MS = 120_000;
const ELEMENT_MS = 300_000;

/** One enjamb server in a child process. */
export class ServerProcess {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #clientPort: number;
  #process: ChildProcess | undefined;

  constructor(folder: string, clientPort: number, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#clientPort = clientPort;
    this.#env = env;
  }

  /** Resolves when all ports are open. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [...ENJAMB, 'start', '-c', join(this.#folder, 'enjamb.toml')], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    let errors = '';
    child.stderr?.on('data', (text: Buffer) => {
      errors += text.toString();
    });
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`the server ended:\n${errors}`)));
    ended.catch(() => {}); // The demo ends the process later.
    await within(READY_MS, Promise.race([ready(child), ended]), 'the server did not start');
  }

  async addUser(jid: string): Promise<void> {
    const args = [...ENJAMB, 'user', 'add', jid, '--password-stdin', '-c', join(this.#folder, 'enjamb.toml')];
    const child = spawn(process.execPath, args, { env: this.#env, stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin?.end('secret\n');
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`${jid} could not be created`);
  }

  /** Ends the process without closing any stream. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async login(jid: string): Promise<ScriptedClient> {
    const socket = connect(this.#clientPort, '127.0.0.1');
    await once(socket, 'connect');
    return new ScriptedClient(socket, ELEMENT_MS).login(jid);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
}

/** Folders, ports, certificates and names of the servers. `close` stops the servers and removes everything. */
export class Testbed {
  readonly #folder: string;
  readonly #zone: Record<string, ZoneEntry> = {};
  readonly #cleanups: (() => Promise<void>)[] = [];
  readonly #servers: ServerProcess[] = [];
  #dns = '';

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<Testbed> {
    const testbed = new Testbed(await mkdtemp(join(tmpdir(), 'enjamb-demo-')));
    const dns = await dnsFixture({ after: (task) => testbed.#cleanups.push(task) }, testbed.#zone);
    testbed.#dns = dns.address;
    return testbed;
  }

  /** Configures a server that is not started yet: its hosts with their options, and options for all of them, as TOML. */
  async addServer(sections: Readonly<Record<string, string>>, options = ''): Promise<ServerProcess> {
    const hosts = Object.keys(sections);
    const [clientPort, serverPort] = await freePorts(2);
    const folder = join(this.#folder, hosts[0]!);
    await mkdir(folder);
    for (const host of hosts) {
      this.#zone[host] = { A: ['127.0.0.1'] };
      this.#zone[`_xmpp-server._tcp.${host}`] = { SRV: [`0 0 ${serverPort} ${host}`] };
    }
    const { caPath } = await makeDevelopmentCertificates(join(this.#folder, 'certs'), hosts);
    await writeFile(
      join(folder, 'enjamb.toml'),
      configuration(sections, clientPort!, serverPort!, this.#dns, options),
    );
    const server = new ServerProcess(folder, clientPort!, { ...process.env, NODE_EXTRA_CA_CERTS: caPath });
    this.#servers.push(server);
    return server;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.stop();
    for (const cleanup of this.#cleanups) await cleanup();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function configuration(
  sections: Readonly<Record<string, string>>,
  c2s: number,
  s2s: number,
  dns: string,
  options: string,
): string {
  const hosts = Object.entries(sections).map(([host, toml]) => `[hosts."${host}"]\n${toml}\n`);
  return `
interfaces = ["127.0.0.1"]
certificates = "../certs"
c2s_ports = [${c2s}]
s2s_ports = [${s2s}]
c2s_direct_tls_ports = []
s2s_direct_tls_ports = []
s2s_refused_addresses = "none"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
dns_servers = ["${dns}"]
${options}
${hosts.join('\n')}`;
}

async function ready(child: ChildProcess): Promise<void> {
  for await (const line of createInterface({ input: child.stdout! })) if (line.startsWith('ready')) return;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.push((server.address() as { port: number }).port);
  }
  for (const server of servers) server.close();
  return ports;
}

async function within<T>(ms: number, work: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
