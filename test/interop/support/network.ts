// Separate networks (network namespaces of Linux, which need root), and a cable between two of them that can
// be unplugged.

import assert from 'node:assert/strict';
import { atEnd, type Clean } from '../../support/clean-up.ts';
import { run } from './program.ts';

interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/** Programs in it reach each other over loopback, and others only over a cable. */
export class Network {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Exists until the test ends; `name` is unique within a test. */
  static async make(t: Clean, name: string): Promise<Network> {
    const network = new Network(`enjamb-${process.pid}-${name}`);
    await ip('netns', 'add', network.name);
    atEnd(t, () => ip('netns', 'delete', network.name));
    await network.ip('link', 'set', 'lo', 'up');
    return network;
  }

  /** The same command, to be run in there. */
  enter({ command, args }: Command): Command {
    return { command: 'nsenter', args: [`--net=/run/netns/${this.name}`, '--', command, ...args] };
  }

  async ip(...words: string[]): Promise<void> {
    await ip('-netns', this.name, ...words);
  }

  /** A setting of the system's network, such as "net.ipv6.conf.all.disable_ipv6". */
  async set(setting: string, value: number): Promise<void> {
    const write = `echo ${value} > /proc/sys/${setting.replaceAll('.', '/')}`;
    const { command, args } = this.enter({ command: 'bash', args: ['-c', write] });
    const { code, stderr } = await run(command, args);
    assert.equal(code, 0, stderr);
  }

  /** Whether a program listens on this port. */
  async accepts(host: string, port: number): Promise<boolean> {
    const knock = { command: 'bash', args: ['-c', `exec 3<>/dev/tcp/${host}/${port}`] };
    const { command, args } = this.enter(knock);
    return (await run(command, args)).code === 0;
  }
}

/** One end of a cable, with the addresses that it has when it is plugged in. */
export interface Plug {
  readonly network: Network;
  /** With the length of the prefix, such as "10.98.0.1/24". */
  readonly addresses: readonly string[];
}

export class Cable {
  readonly #ends: readonly [Plug, Plug];

  private constructor(ends: readonly [Plug, Plug]) {
    this.#ends = ends;
  }

  /** Not plugged in yet. */
  static async make(near: Plug, far: Plug): Promise<Cable> {
    const cable = new Cable([near, far]);
    await near.network.ip('link', 'add', 'cable', 'type', 'veth', 'peer', 'cable', 'netns', far.network.name);
    return cable;
  }

  async plugIn(): Promise<void> {
    for (const { network, addresses } of this.#ends) {
      await network.ip('link', 'set', 'cable', 'up');
      for (const address of addresses) {
        const isSix = address.includes(':');
        await network.ip('address', 'replace', address, 'dev', 'cable', ...(isSix ? ['nodad'] : []));
      }
    }
  }

  /** As seen at the near end: no carrier, no route, no address. */
  async unplug(): Promise<void> {
    const [{ network }] = this.#ends;
    await network.ip('link', 'set', 'cable', 'down');
    await network.ip('address', 'flush', 'dev', 'cable');
  }
}

async function ip(...words: string[]): Promise<void> {
  const { code, stderr } = await run('ip', words);
  assert.equal(code, 0, `ip ${words.join(' ')} (as root?): ${stderr}`);
}
