// enjamb, run by its command, a configuration file and signals.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clean } from '../../support/clean-up.ts';
import { ENJAMB, HOME } from './addresses.ts';
import type { Network } from './network.ts';
import { Program, run } from './program.ts';
import { until, withinMs } from './waiting.ts';

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));
const START_MS = 20_000;
/** For machines that do much else at the time. */
const COMMAND_MS = 60_000;
/** A little more than the limit that the command promises. */
const STOP_MS = 12_000;

export interface EnjambOptions {
  readonly folder: string;
  /** Holds the certificate of the host already. */
  readonly certificates: string;
  /** Further trusted authorities. */
  readonly caPath?: string;
  /** Name servers such as "127.0.0.1:5353", in order; empty: the system's. */
  readonly dns: string | readonly string[];
  /** Lines of TOML for the top of the file. */
  readonly config?: readonly string[];
  /** Its address ("*": all) and domain, if it is not the tested server. The ports are always the same. */
  readonly address?: string;
  readonly domain?: string;
  /** Default: that of this machine. */
  readonly network?: Network;
  /** How many files and sockets it may have open. Default: as many as this process. */
  readonly descriptors?: number;
  /** Another path to the checkout. */
  readonly checkout?: string;
  /** Words before the command that starts it, such as those of setpriv(1). */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A line of the log. */
export interface LogLine {
  readonly msg: string;
  readonly level: string;
  readonly [field: string]: unknown;
}

export class Enjamb {
  readonly #t: Clean;
  readonly #options: EnjambOptions;
  readonly #file: string;
  #program: Program | undefined;

  private constructor(t: Clean, options: EnjambOptions) {
    this.#t = t;
    this.#options = options;
    this.#file = join(options.folder, 'enjamb.toml');
  }

  /** Started and listening. It is killed when the test ends, if `stop` was not called. */
  static async start(t: Clean, options: EnjambOptions): Promise<Enjamb> {
    const enjamb = new Enjamb(t, options);
    await mkdir(options.folder, { recursive: true });
    await writeFile(enjamb.#file, configuration(options));
    await enjamb.start();
    return enjamb;
  }

  async addUser(jid: string, password: string): Promise<void> {
    await this.command(['user', 'add', jid, '--password-stdin'], `${password}\n`);
  }

  /** Runs `enjamb …` with the same configuration. @throws AssertionError unless it exits with 0 */
  async command(words: readonly string[], input = ''): Promise<string> {
    const [node = '', ...args] = enjambIn();
    const { code, stdout, stderr } = await run(node, [...args, ...words, '-c', this.#file], {
      input,
      limitMs: COMMAND_MS,
    });
    assert.equal(code, 0, `enjamb ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** A listing, by `--json`. */
  async list(...words: string[]): Promise<Record<string, unknown>[]> {
    return JSON.parse(await this.command([...words, '--json'])) as Record<string, unknown>[];
  }

  /** Everything logged so far. */
  get log(): LogLine[] {
    return this.#running.lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** Resolves with the first matching log line, past or future. */
  async logged(fits: (line: LogLine) => boolean, limitMs: number): Promise<LogLine> {
    const found = await this.#running.line(
      (line) => line.startsWith('{') && fits(JSON.parse(line) as LogLine),
      limitMs,
    );
    return JSON.parse(found) as LogLine;
  }

  /** An orderly stop. @throws AssertionError unless it exits with 0 in time */
  async stop(): Promise<void> {
    const program = this.#running;
    program.signal('SIGTERM');
    const exit = await withinMs(STOP_MS, 'the end of enjamb', program.exited);
    assert.deepEqual(exit, { code: 0, signal: null }, `enjamb stops in order:\n${program.tail()}`);
  }

  /** Reloads configuration and certificates, as at SIGHUP. */
  async reload(): Promise<void> {
    const count = () => this.log.filter(({ msg }) => msg === 'reloaded').length;
    const before = count();
    this.#running.signal('SIGHUP');
    await until('a reload', () => (count() > before ? true : undefined), START_MS);
  }

  /** Kills the process, which can write and send nothing more. */
  async kill9(): Promise<void> {
    this.#running.kill('SIGKILL');
    await this.#running.exited;
  }

  /** Starts it again with its data. */
  async start(): Promise<void> {
    assert.ok(!this.#program?.isRunning, 'enjamb does not run yet');
    const { caPath, folder, network, descriptors, prefix = [], env, checkout } = this.#options;
    const limit = descriptors === undefined ? [] : ['prlimit', `--nofile=${descriptors}`, '--'];
    const words = [...prefix, ...limit, ...enjambIn(checkout), 'start', '-c', this.#file];
    const [command = '', ...args] = words;
    this.#program = new Program(this.#t, 'enjamb', {
      command,
      args,
      env: { ...env, ...(caPath === undefined ? {} : { NODE_EXTRA_CA_CERTS: caPath }) },
      logFile: join(folder, 'enjamb.log'),
      network,
    });
    await this.#program.line((line) => line.startsWith('ready'), START_MS);
  }

  get #running(): Program {
    assert.ok(this.#program, 'enjamb was started');
    return this.#program;
  }
}

/** The words that run the command from there: Node, also when npm has installed it in there, and the script. */
export function enjambIn(checkout: string = CHECKOUT): string[] {
  const node = relative(CHECKOUT, process.execPath);
  return [node.startsWith('..') ? process.execPath : join(checkout, node), join(checkout, 'bin/enjamb.js')];
}

function configuration(options: EnjambOptions): string {
  const { folder, certificates, dns, config = [], address = ENJAMB.address, domain = HOME } = options;
  return [
    `data_path = ${JSON.stringify(join(folder, 'data'))}`,
    `certificates = ${JSON.stringify(certificates)}`,
    `interfaces = ["${address}"]`,
    `c2s_ports = [${ENJAMB.c2s}]`,
    `c2s_direct_tls_ports = [${ENJAMB.c2sDirectTls}]`,
    `s2s_ports = [${ENJAMB.s2s}]`,
    `s2s_direct_tls_ports = [${ENJAMB.s2sDirectTls}]`,
    'http_ports = []',
    'https_ports = []',
    `component_ports = [${ENJAMB.component}]`,
    `component_interfaces = ["${address}"]`,
    `dns_servers = ${JSON.stringify([dns].flat())}`,
    's2s_refused_addresses = "none"',
    'log_level = "debug"',
    ...config,
    `[hosts."${domain}"]`,
    '',
  ].join('\n');
}
