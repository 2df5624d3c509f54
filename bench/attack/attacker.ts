// Tools for attacks: connections as an account, as an unauthenticated peer, or as another server.

import { setTimeout as sleep } from 'node:timers/promises';
import { listenAsStranger } from './stranger.ts';
import { Tally } from './tally.ts';
import { Wire, type WireOptions } from './wire.ts';
import { MALLORY, PASSWORD, type Site, type World } from './world.ts';

const REST_MS = 100;
/** The attacker's address. Honest clients have another one, because limits may hold for an address. */
const SOURCE = '127.78.255.1';

/** One attack. It runs in its own process until that process is killed. */
export interface Attack {
  readonly name: string;
  readonly who: 'account' | 'stranger' | 'peer';
  /** Duration in seconds. Default: that of the command. */
  readonly seconds?: number;
  /** Whether the attack needs a second enjamb. */
  readonly needsAway?: boolean;
  run(attacker: Attacker): Promise<void>;
  /** The honest witness, in the prober's process. Resolves when it is ready to watch. */
  readonly witness?: (world: World) => Promise<Witness>;
}

/** Watches until the attack is over. */
export type Witness = (over: AbortSignal) => Promise<Finding>;

export interface Finding {
  readonly text: string;
  readonly isGood: boolean;
}

export class Attacker {
  readonly world: World;
  readonly tally = new Tally();
  #stranger: Promise<void> | undefined;
  #sources = 0;

  constructor(world: World) {
    this.world = world;
  }

  get home(): Site {
    return this.world.home;
  }

  /** A session of an account, by PLAIN over TLS; it sends no presence. @throws Error when refused */
  async login(user = MALLORY, resource = 'r'): Promise<Wire> {
    const { address, domain, c2sTls: port } = this.home;
    const wire = await this.open({ address, port, tls: 'xmpp-client', servername: domain });
    const token = Buffer.from(`\0${user}\0${PASSWORD}`).toString('base64');
    await wire.send(clientHeader(domain));
    await wire.until(/<\/stream:features>/);
    await wire.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    await wire.until(/<success/);
    await wire.send(clientHeader(domain));
    await wire.until(/<\/stream:features>/);
    await wire.send(
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    const answer = await wire.until(/<\/iq>/);
    if (!answer.includes('<jid>')) {
      wire.close();
      throw new Error('not bound');
    }
    return wire;
  }

  /** Several sessions of one account. */
  sessions(count: number, user = MALLORY): Promise<Wire[]> {
    return Promise.all(Array.from({ length: count }, (_, i) => this.login(user, `r${i}`)));
  }

  /** A fresh connection to a port of the server. */
  open(options: Omit<WireOptions, 'tally'>): Promise<Wire> {
    return Wire.open({ from: SOURCE, ...options, tally: this.tally });
  }

  /** A source address of this machine that the last 60,000 calls have not returned. */
  nextSource(): string {
    const count = this.#sources++ % 60_000;
    return `127.78.${Math.floor(count / 250)}.${(count % 250) + 1}`;
  }

  /** Starts the foreign servers. */
  listen(): Promise<void> {
    this.#stranger ??= listenAsStranger(this.world);
    return this.#stranger;
  }

  /** A stream of a foreign server that dialback has authenticated as `from`. @throws Error if dialback fails */
  async peer(from: string, to: string): Promise<Wire> {
    await this.listen();
    const { address, s2sTls: port } = this.home;
    const wire = await this.open({ address, port, tls: 'xmpp-server', servername: to });
    await wire.send(serverHeader(from, to));
    await wire.until(/<\/stream:features>/);
    await wire.send(`<db:result from='${from}' to='${to}'>key</db:result>`);
    const answer = await wire.until(/<db:result [^>]*type=/);
    if (/<db:result [^>]*type=['"]valid/.test(answer)) return wire;
    wire.close();
    throw new Error(`not verified: ${answer}`);
  }

  /** Repeats the work without end, also after the connection was closed. */
  async forever(work: () => Promise<void>): Promise<never> {
    for (;;) {
      try {
        await work();
      } catch (error) {
        this.tally.failed(error);
        await sleep(REST_MS);
      }
    }
  }

  /** Runs `forever` several times in parallel; `work` gets the index. */
  async each(count: number, work: (index: number) => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, i) => this.forever(() => work(i))));
  }

  /** Calls `work` at a rate, without waiting for its end. */
  async rate(perSecond: number, work: () => Promise<unknown>): Promise<never> {
    const began = performance.now();
    for (let done = 0; ; ) {
      const due = ((performance.now() - began) / 1000) * perSecond;
      // Missed calls are not made up for.
      if (due - done > perSecond) done = Math.floor(due) - 1;
      for (; done < due; done++) work().catch((error) => this.tally.failed(error));
      await sleep(10);
    }
  }
}

export function clientHeader(domain: string): string {
  return `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
}

export function serverHeader(from: string, to: string): string {
  return `<?xml version='1.0'?><stream:stream from='${from}' to='${to}' version='1.0' xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams'>`;
}
