// A real ejabberd with rooms and users, at the addresses and under the names that Prosody has in other tests.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clean } from '../../support/clean-up.ts';
import { parseXml } from '../../support/match.ts';
import { AWAY, PROSODY, ROOMS } from '../support/addresses.ts';
import type { Program } from '../support/program.ts';
import type { WireStanza } from '../support/prosody.ts';
import { withinMs } from '../support/waiting.ts';
import { ejabberdIn, resolver } from '../support-security/ejabberd.ts';

const API_PORT = 15_280;
const START_MS = 30_000;
const STOP_MS = 20_000;

export interface EjabberdRoomsOptions {
  readonly folder: string;
  readonly certificates: string;
  readonly caPath: string;
  /** "127.0.0.1:5353" */
  readonly dns: string;
  /** Lines of YAML for the top of the configuration. */
  readonly config?: readonly string[];
  /** Lines of YAML for further modules. */
  readonly modules?: readonly string[] | undefined;
}

export class EjabberdRooms {
  readonly #t: Clean;
  readonly #options: EjabberdRoomsOptions;
  #program: Program | undefined;
  /** The log of earlier runs. */
  #past: string[] = [];

  private constructor(t: Clean, options: EjabberdRoomsOptions) {
    this.#t = t;
    this.#options = options;
  }

  /** Started and listening. It is killed when the test ends. */
  static async start(t: Clean, options: EjabberdRoomsOptions): Promise<EjabberdRooms> {
    const ejabberd = new EjabberdRooms(t, options);
    const { folder } = options;
    await mkdir(join(folder, 'spool'), { recursive: true });
    await writeFile(join(folder, 'ejabberd.yml'), configuration(options));
    await writeFile(join(folder, 'inetrc'), resolver(options.dns));
    await ejabberd.start();
    return ejabberd;
  }

  /** Starts it again with its data, and the present certificates. */
  async start(): Promise<void> {
    assert.ok(!this.#program?.isRunning, 'ejabberd does not run yet');
    this.#past.push(...(this.#program?.lines ?? []));
    const { folder, certificates } = this.#options;
    for (const domain of [AWAY, ROOMS]) await writePem(certificates, domain, folder);
    this.#program = ejabberdIn(folder, this.#t);
    const listens = `Start accepting TCP connections at ${PROSODY.address}:${PROSODY.s2s}`;
    await this.#program.line((line) => line.includes(listens), START_MS);
    await this.#program.line((line) => line.includes('is started in the node'), START_MS);
  }

  async kill9(): Promise<void> {
    this.#running.kill('SIGKILL');
    await this.#running.exited;
  }

  async stop(): Promise<void> {
    this.#running.signal('SIGTERM');
    await withinMs(STOP_MS, 'the end of ejabberd', this.#running.exited);
  }

  async addUser(user: string, password: string): Promise<void> {
    await this.#api('register', { user, host: AWAY, password });
  }

  /** The real addresses of the occupants of a room; `undefined` if it does not exist. */
  async occupants(room: string): Promise<string[] | undefined> {
    const [name, service] = room.split('@');
    const answer = await this.#ask('get_room_occupants', { name, service });
    if (answer.status !== 200) return undefined;
    return (answer.body as { jid: string }[]).map(({ jid }) => jid).sort();
  }

  /** Makes a persistent room. @param more options of it */
  async createPersistent(room: string, more: Readonly<Record<string, string>> = {}): Promise<void> {
    const [name, service] = room.split('@');
    const options = Object.entries({ persistent: 'true', ...more }).map(([name, value]) => ({ name, value }));
    await this.#api('create_room_with_opts', { name, service, host: AWAY, options });
  }

  /** Restarts only the room service; streams with other servers stay. */
  async restartRooms(): Promise<void> {
    await this.#api('restart_module', { host: AWAY, module: 'mod_muc' });
  }

  /** Stanzas exchanged with other servers so far, over restarts. When it is busy, its log leaves some out. */
  async wire(): Promise<WireStanza[]> {
    return [...this.#past, ...this.#running.lines].flatMap(stanzasIn);
  }

  get log(): string {
    return this.#running.lines.join('\n');
  }

  async #api(command: string, args: object): Promise<void> {
    const { status, body } = await this.#ask(command, args);
    assert.equal(status, 200, `${command}: ${JSON.stringify(body)}`);
  }

  async #ask(command: string, args: object): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`http://${PROSODY.address}:${API_PORT}/api/${command}`, {
      method: 'POST',
      body: JSON.stringify(args),
    });
    return { status: response.status, body: await response.json() };
  }

  get #running(): Program {
    assert.ok(this.#program, 'ejabberd was started');
    return this.#program;
  }
}

/** ejabberd writes what it sends and receives into its log as an Erlang binary, after the moment and a process. */
const XML_LINE = /^(\S+ \S+?) .*(Received|Send) XML on stream = <<"(.*)">>$/;

function stanzasIn(line: string): WireStanza[] {
  const [, at, way, quoted] = XML_LINE.exec(line) ?? [];
  if (at === undefined || quoted === undefined || !/^<(message|presence|iq)\b/.test(quoted)) return [];
  const text = quoted.replaceAll('\\"', '"').replaceAll('\\\\', '\\');
  const dir = way === 'Received' ? 'in' : 'out';
  return parseXml(`<several>${text}</several>`)
    .elements()
    .filter(({ attrs }) => attrs.from !== undefined && attrs.to !== undefined) // Not a client's own.
    .map((element) => ({ at: Date.parse(at), dir, element }));
}

async function writePem(certificates: string, domain: string, folder: string): Promise<void> {
  const files = ['crt', 'key'].map((end) => readFile(join(certificates, `${domain}.${end}`), 'utf8'));
  await writeFile(join(folder, `${domain}.pem`), (await Promise.all(files)).join(''), { mode: 0o600 });
}

function configuration({ folder, caPath, config = [], modules = [] }: EjabberdRoomsOptions): string {
  return `
hosts: ["${AWAY}"]
loglevel: debug
certfiles: ["${join(folder, `${AWAY}.pem`)}", "${join(folder, `${ROOMS}.pem`)}"]
ca_file: "${caPath}"
s2s_use_starttls: required
auth_password_format: scram
disable_sasl_mechanisms: ["X-OAUTH2"]
${config.join('\n')}
listen:
  - port: ${PROSODY.s2s}
    ip: "${PROSODY.address}"
    module: ejabberd_s2s_in
  - port: ${PROSODY.c2s}
    ip: "${PROSODY.address}"
    module: ejabberd_c2s
    starttls_required: true
  - port: ${API_PORT}
    ip: "${PROSODY.address}"
    module: ejabberd_http
    request_handlers:
      /api: mod_http_api
api_permissions:
  everything:
    who:
      ip: 127.0.0.0/8
    what: "*"
modules:
  mod_ping: {}
  mod_disco: {}
  mod_roster: {}
  mod_offline: {}
  mod_s2s_dialback: {}
  mod_admin_extra: {}
  mod_muc_admin: {}
  mod_muc:
    host: "${ROOMS}"
${modules.join('\n')}
`;
}
