// A real Prosody, with all its files in one folder.

import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Element } from '../../../src/xml/element.ts';
import type { Clean } from '../../support/clean-up.ts';
import { parseXml } from '../../support/match.ts';
import { AWAY, HALLS, PROSODY, ROOMS } from './addresses.ts';
import type { Network } from './network.ts';
import { Program, run } from './program.ts';
import { until, withinMs } from './waiting.ts';

const MODULES = fileURLToPath(new URL('./prosody-modules', import.meta.url));
/** The modules that every test needs. */
const MODULES_ENABLED = [
  'roster',
  'saslauth',
  'tls',
  'dialback',
  'disco',
  'ping',
  'posix',
  'admin_shell',
  'wire',
];
const START_MS = 15_000;
const STOP_MS = 10_000;

export interface ProsodyOptions {
  readonly folder: string;
  readonly certificates: string;
  /** Trusted for the certificates of other servers. */
  readonly caPath?: string;
  /** "127.0.0.1:5353" */
  readonly dns: string;
  /** Demand valid certificates of other servers. */
  readonly secureAuth?: boolean;
  /** False: other servers are offered no TLS, and not asked for it. Default true. */
  readonly encryption?: boolean;
  /** Further modules. */
  readonly modules?: readonly string[];
  /** Lines of Lua for the top of its configuration. */
  readonly config?: readonly string[];
  /** Lines of Lua for the room services. */
  readonly roomConfig?: readonly string[];
  /** Domains besides the usual ones, for users or, with a type, for a service. */
  readonly hosts?: readonly { readonly domain: string; readonly component?: string }[];
  /** Default: that of this machine. In another one it listens at every address. */
  readonly network?: Network;
}

/** A stanza that Prosody got from or sent to another server. */
export interface WireStanza {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** From the view of Prosody. */
  readonly dir: 'in' | 'out';
  readonly element: Element;
}

export class Prosody {
  readonly #t: Clean;
  readonly #folder: string;
  readonly #file: string;
  readonly #wireFile: string;
  readonly #network: Network | undefined;
  #program: Program | undefined;

  private constructor(t: Clean, { folder, network }: ProsodyOptions) {
    this.#t = t;
    this.#folder = folder;
    this.#network = network;
    this.#file = join(folder, 'prosody.cfg.lua');
    this.#wireFile = join(folder, 'wire.jsonl');
  }

  /** Started and listening. It is killed when the test ends. */
  static async start(t: Clean, options: ProsodyOptions): Promise<Prosody> {
    const prosody = new Prosody(t, options);
    await mkdir(join(options.folder, 'data'), { recursive: true });
    await writeFile(prosody.#wireFile, '');
    await writeFile(prosody.#file, configuration(options, prosody.#wireFile));
    await prosody.start();
    return prosody;
  }

  /** Starts it again with its data. */
  async start(): Promise<void> {
    assert.ok(!this.#program?.isRunning, 'Prosody does not run yet');
    this.#program = new Program(this.#t, 'prosody', {
      command: 'prosody',
      args: ['-F', '--config', this.#file],
      logFile: join(this.#folder, 'prosody.log'),
      network: this.#network,
    });
    const program = this.#program;
    const isUp = async (): Promise<true | undefined> => {
      assert.ok(program.isRunning, `Prosody ended:\n${program.tail()}`);
      const { address: host, c2s, s2s } = PROSODY;
      for (const port of [c2s, s2s]) {
        const isOpen = this.#network?.accepts(host, port) ?? accepts({ host, port });
        if (!(await isOpen)) return undefined;
      }
      return (await accepts({ path: this.#shellSocket })) ? true : undefined;
    };
    await until('Prosody listens', isUp, START_MS);
  }

  /** Kills the process, which can write and send nothing more. */
  async kill9(): Promise<void> {
    this.#running.kill('SIGKILL');
    await this.#running.exited;
  }

  async stop(): Promise<void> {
    this.#running.signal('SIGTERM');
    await withinMs(STOP_MS, 'the end of Prosody', this.#running.exited);
  }

  async addUser(user: string, password: string): Promise<void> {
    await this.shell('user', 'create', `${user}@${AWAY}`, password);
  }

  /** Ends all streams with another server, in both directions. */
  async closeLinks(domain: string): Promise<void> {
    await this.shell('s2s', 'closeall', domain);
  }

  /** The real addresses of the occupants of a room; `undefined` if it does not exist. */
  async occupants(room: string): Promise<string[] | undefined> {
    const host = room.slice(room.indexOf('@') + 1);
    const answer = await this.shell(
      `> (function() local room = prosody.hosts["${host}"].modules.muc.get_room_from_jid("${room}");
        if not room then return "none" end; local all = {};
        for _, occupant in room:each_occupant() do
          for jid in occupant:each_session() do all[#all + 1] = jid end
        end; table.sort(all); return "in it: "..table.concat(all, " ") end)()`.replaceAll(/\s+/g, ' '),
    );
    if (/^Result: none$/m.test(answer)) return undefined;
    const list = /^Result: in it:(.*)$/m.exec(answer)?.[1];
    assert.ok(list !== undefined, `Prosody says who is in the room: ${answer}`);
    return list.split(' ').filter((jid) => jid !== '');
  }

  /** Writes a room to the disk, as it does itself whenever the room's configuration changes. */
  async saveRoom(room: string): Promise<void> {
    const host = room.slice(room.indexOf('@') + 1);
    await this.shell(`> prosody.hosts["${host}"].modules.muc.get_room_from_jid("${room}"):save(true)`);
  }

  /** All stanzas exchanged with other servers so far, over restarts. */
  async wire(): Promise<WireStanza[]> {
    const text = await readFile(this.#wireFile, 'utf8');
    const complete = text.split('\n').slice(0, -1);
    return complete.map((line) => {
      const { at, dir, xml } = JSON.parse(line) as { at: number; dir: 'in' | 'out'; xml: string };
      return { at, dir, element: parseXml(xml) };
    });
  }

  /** Deletes the data of the room service. */
  async forgetRooms(service: string): Promise<void> {
    const folder = service.replaceAll('.', '%2e');
    await rm(join(this.#folder, 'data', folder), { recursive: true, force: true });
  }

  /** Its log since it was started last. */
  get log(): string {
    return this.#running.lines.join('\n');
  }

  /** The shell of Prosody's administrators. @throws AssertionError when it reports an error */
  async shell(...words: string[]): Promise<string> {
    const { stdout, stderr } = await run('prosodyctl', ['--config', this.#file, 'shell', ...words]);
    assert.doesNotMatch(stdout, /^(Error|!)/m, `prosodyctl shell ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  get #shellSocket(): string {
    return join(this.#folder, 'data', 'prosody.sock');
  }

  get #running(): Program {
    assert.ok(this.#program, 'Prosody was started');
    return this.#program;
  }
}

function accepts(door: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(door);
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function configuration(options: ProsodyOptions, wireFile: string): string {
  const { folder, certificates, caPath, dns, secureAuth = false, encryption = true } = options;
  const { modules = [], hosts = [], config = [], roomConfig = [], network } = options;
  const text = (value: string): string => JSON.stringify(value);
  // An option that comes twice ends Prosody if the name of the file is long.
  const isLocking = roomConfig.some((line) => line.startsWith('muc_room_locking'));
  const rooms = [...(isLocking ? [] : ['muc_room_locking = false']), ...roomConfig].join('\n');
  return `
run_as_root = true -- a bare container has no other user
pidfile = ${text(join(folder, 'prosody.pid'))}
data_path = ${text(join(folder, 'data'))}
certificates = ${text(certificates)}
plugin_paths = { ${text(MODULES)} }
interfaces = { ${(network ? ['*', '::'] : [PROSODY.address]).map(text).join(', ')} }
c2s_ports = { ${PROSODY.c2s} }
s2s_ports = { ${PROSODY.s2s} }
c2s_direct_tls_ports = {}
s2s_direct_tls_ports = { ${PROSODY.s2sDirectTls} }
http_ports = {}
https_ports = {}
log = { { levels = { min = "debug" }, to = "console" } }
modules_enabled = { ${[...MODULES_ENABLED, ...modules].map(text).join(', ')} }
wire_file = ${text(wireFile)}
${config.join('\n')}
unbound = {
  resolvconf = false;
  forward = { ${text(dns.replace(':', '@'))} };
  options = { ["do-not-query-localhost:"] = "no" };
}
${caPath === undefined ? '' : `ssl = { cafile = ${text(caPath)} }`}
c2s_require_encryption = true
s2s_require_encryption = ${encryption}
s2s_allow_encryption = ${encryption}
s2s_secure_auth = ${secureAuth}

VirtualHost ${text(AWAY)}

Component ${text(ROOMS)} "muc"
${rooms}

Component ${text(HALLS)} "muc"
muc_room_default_persistent = true
${rooms}
${hosts.map(hostLine).join('\n')}
`;
}

function hostLine({ domain, component }: { domain: string; component?: string }): string {
  if (component === undefined) return `VirtualHost ${JSON.stringify(domain)}`;
  return `Component ${JSON.stringify(domain)} ${JSON.stringify(component)}`;
}
