// A DNS server in its own network.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clean } from '../../support/clean-up.ts';
import type { ZoneEntry } from '../../support/dns-fixture.ts';
import type { DnsMode } from './dns-process.ts';
import type { Network } from './network.ts';
import { Program } from './program.ts';

const SCRIPT = fileURLToPath(new URL('./dns-process.ts', import.meta.url));
const ANSWER_MS = 10_000;

export interface DnsProgramOptions {
  readonly network: Network;
  /** It listens there, on port 53. */
  readonly addresses: readonly string[];
  readonly zone: Record<string, ZoneEntry>;
  readonly folder: string;
}

export class DnsProgram {
  readonly #t: Clean;
  readonly #options: DnsProgramOptions;
  #program: Program | undefined;
  #orders = 0;

  private constructor(t: Clean, options: DnsProgramOptions) {
    this.#t = t;
    this.#options = options;
  }

  /** Answers properly. It ends with the test. */
  static async start(t: Clean, options: DnsProgramOptions): Promise<DnsProgram> {
    const dns = new DnsProgram(t, options);
    await dns.start();
    return dns;
  }

  /** Starts it again. */
  async start(): Promise<void> {
    const { network, addresses, zone, folder } = this.#options;
    this.#program = new Program(this.#t, 'dns', {
      command: process.execPath,
      args: ['--conditions=source', SCRIPT, ...addresses],
      logFile: join(folder, 'dns.log'),
      network,
    });
    await this.#program.line((line) => line === 'ready', ANSWER_MS);
    await this.#order({ zone });
  }

  /** Changes its behaviour. */
  async behave(mode: DnsMode): Promise<void> {
    await this.#order({ mode });
  }

  /** Closes its port. */
  async stop(): Promise<void> {
    this.#program?.kill('SIGKILL');
    await this.#program?.exited;
  }

  async #order(order: object): Promise<void> {
    const line = JSON.stringify({ ...order, number: this.#orders++ });
    this.#program?.writeLine(line);
    await this.#program?.line((answer) => answer === `done ${line}`, ANSWER_MS);
  }
}
