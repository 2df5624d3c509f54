// What the demo stands on: two servers as processes of their own, a DNS for their names, scripted clients.

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
const READY_MS = 20_000;
const PATIENCE_MS = 30_000;

/** One enjamb, as a child process. */
export class Performer {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #clientPort: number;
  #process: ChildProcess | undefined;

  constructor(folder: string, clientPort: number, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#clientPort = clientPort;
    this.#env = env;
  }

  /** Resolves when every port is open. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [...ENJAMB, 'start', '-c', join(this.#folder, 'enjamb.toml')], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    let said = '';
    child.stderr?.on('data', (text: Buffer) => {
      said += text.toString();
    });
    const gone = once(child, 'exit').then(() => Promise.reject(new Error(`the server ended:\n${said}`)));
    gone.catch(() => {}); // Its end is expected later on.
    await within(READY_MS, Promise.race([ready(child), gone]), 'the server did not start');
  }

  async addUser(jid: string): Promise<void> {
    const args = [...ENJAMB, 'user', 'add', jid, '--password-stdin', '-c', join(this.#folder, 'enjamb.toml')];
    const child = spawn(process.execPath, args, { env: this.#env, stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin?.end('secret\n');
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`${jid} could not be created`);
  }

  /** Nothing is said to anybody any more. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async login(jid: string): Promise<ScriptedClient> {
    const socket = connect(this.#clientPort, '127.0.0.1');
    await once(socket, 'connect');
    return new ScriptedClient(socket, PATIENCE_MS).login(jid);
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

/** Prepares folders, ports, certificates and names; everything goes away with `strike`. */
export class Stage {
  readonly #folder: string;
  readonly #zone: Record<string, ZoneEntry> = {};
  readonly #undo: (() => Promise<void>)[] = [];
  readonly #performers: Performer[] = [];
  #dns = '';

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async build(): Promise<Stage> {
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'enjamb-demo-')));
    const dns = await dnsFixture({ after: (task) => stage.#undo.push(task) }, stage.#zone);
    stage.#dns = dns.address;
    return stage;
  }

  /** A server for some hosts (`rooms.…` becomes a room service), not started yet; `options` go to the top of its configuration. */
  async hire(hosts: readonly string[], options = ''): Promise<Performer> {
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
      configuration(hosts, clientPort!, serverPort!, this.#dns, options),
    );
    const performer = new Performer(folder, clientPort!, { ...process.env, NODE_EXTRA_CA_CERTS: caPath });
    this.#performers.push(performer);
    return performer;
  }

  async strike(): Promise<void> {
    for (const performer of this.#performers) await performer.stop();
    for (const undo of this.#undo) await undo();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function configuration(
  hosts: readonly string[],
  c2s: number,
  s2s: number,
  dns: string,
  options: string,
): string {
  const sections = hosts.map(
    (host) => `[hosts."${host}"]\n${host.startsWith('rooms.') ? 'component = "muc"\n' : ''}`,
  );
  return `
interfaces = ["127.0.0.1"]
certificates = "../certs"
c2s_ports = [${c2s}]
s2s_ports = [${s2s}]
c2s_direct_tls_ports = []
s2s_direct_tls_ports = []
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
dns_servers = ["${dns}"]
${options}
${sections.join('\n')}`;
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
