// A real ejabberd, with all its files in one folder. It accepts every password by PLAIN.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { atEnd, type Clean } from '../../support/clean-up.ts';
import { Program } from '../support/program.ts';

/** Its own address. The ports are the same as those of the other servers. */
export const EJABBERD = { address: '127.0.0.5', c2s: 15_222, s2s: 15_269, s2sDirectTls: 15_270 };
export const VERONA = 'verona.example';

const START_MS = 20_000;
/** Where Debian has Erlang's libraries and ejabberd's own. */
const SYSTEM = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const LIBRARIES = `${SYSTEM}/erlang/lib:/usr/lib/erlang/lib:${SYSTEM}`;

export interface EjabberdOptions {
  readonly folder: string;
  /** Holds the certificate and the key of its domain. */
  readonly certificates: string;
  /** The only authority that it trusts. */
  readonly caPath: string;
  /** "127.0.0.1:5353" */
  readonly dns: string;
  /** False: only certificates authenticate a server. Default true. */
  readonly dialback?: boolean;
}

export class Ejabberd {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Started and listening. It is killed when the test ends. */
  static async start(t: Clean, options: EjabberdOptions): Promise<Ejabberd> {
    const { folder } = options;
    await mkdir(join(folder, 'spool'), { recursive: true });
    await writeFile(join(folder, 'ejabberd.yml'), configuration(options));
    await writeFile(join(folder, 'inetrc'), resolver(options.dns));
    await writeFile(join(folder, 'own.pem'), await ownCertificate(options.certificates), { mode: 0o600 });
    const program = ejabberdIn(folder, t);
    atEnd(t, async () => {
      if (!program.isRunning) return;
      program.signal('SIGTERM'); // An orderly end writes the log to its last line.
      await program.exited;
    });
    for (const port of [EJABBERD.s2s, EJABBERD.s2sDirectTls]) {
      const listens = new RegExp(`Start accepting (TCP|TLS) connections at ${EJABBERD.address}:${port}`);
      await program.line((line) => listens.test(line), START_MS);
    }
    return new Ejabberd(program);
  }

  /** Its output so far. */
  get log(): string {
    return this.#program.lines.join('\n');
  }
}

/** Runs ejabberd with the files `ejabberd.yml` and `inetrc` of a folder, and `spool` for its data. */
export function ejabberdIn(folder: string, t: Clean): Program {
  // Without a node name, so that it starts no daemon, which would outlive it.
  return new Program(t, 'ejabberd', {
    command: 'erl',
    args: ['-noinput', '-mnesia', 'dir', `"${join(folder, 'spool')}"`, '-s', 'ejabberd'],
    env: {
      EJABBERD_CONFIG_PATH: join(folder, 'ejabberd.yml'),
      EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
      ERL_INETRC: join(folder, 'inetrc'),
      ERL_LIBS: LIBRARIES,
      HOME: folder,
    },
    logFile: join(folder, 'output.log'),
  });
}

async function ownCertificate(folder: string): Promise<string> {
  const files = ['crt', 'key'].map((end) => readFile(join(folder, `${VERONA}.${end}`), 'utf8'));
  return (await Promise.all(files)).join('');
}

function configuration({ folder, caPath, dialback = true }: EjabberdOptions): string {
  return `
hosts: ["${VERONA}"]
loglevel: info
certfiles: ["${join(folder, 'own.pem')}"]
ca_file: "${caPath}"
s2s_use_starttls: required
auth_method: [anonymous]
anonymous_protocol: login_anon
listen:
  - port: ${EJABBERD.c2s}
    ip: "${EJABBERD.address}"
    module: ejabberd_c2s
    starttls_required: true
  - port: ${EJABBERD.s2s}
    ip: "${EJABBERD.address}"
    module: ejabberd_s2s_in
  - port: ${EJABBERD.s2sDirectTls}
    ip: "${EJABBERD.address}"
    module: ejabberd_s2s_in
    tls: true
modules:
  mod_disco: {}
  mod_ping: {}
  mod_roster: {}
${dialback ? '  mod_s2s_dialback: {}' : ''}
`;
}

/** Makes Erlang ask only the name server of the test; by default it would ask the system first. */
export function resolver(dns: string): string {
  const [address = '', port] = dns.split(':');
  const tuple = `{${address.replaceAll('.', ',')}}`;
  return `{resolv_conf, ""}.\n{hosts_file, ""}.\n{lookup, [dns]}.\n{nameserver, ${tuple}, ${port}}.\n`;
}
