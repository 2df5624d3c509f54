// Two servers with stream management, and lines between them that a test holds, cuts in the middle, or lets die.

import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import type { TestContext } from 'node:test';
import type { Ledger } from '../../../modules/smacks/s2s/ledger.ts';
import type { Kind, Target } from '../../../src/api/events.ts';
import type { LocalHost } from '../../../src/core/host.ts';
import { Connection } from '../../../src/net/connection.ts';
import { NetError } from '../../../src/net/errors.ts';
import type { S2SStream } from '../../../src/s2s/stream.ts';
import type { Element } from '../../../src/xml/element.ts';
import { FakeClock } from '../../support/clock.ts';
import { parseXml } from '../../support/match.ts';
import { startServer, type TestServer } from '../../support/server.ts';

export const MONTAGUE = 'montague.lit';
export const CAPULET = 'capulet.lit';
export type Domain = typeof MONTAGUE | typeof CAPULET;

/** A connection with somebody in the middle. */
export class Line {
  readonly from: Domain;
  /** All that has passed, by who said it. */
  readonly said: Record<'caller' | 'called', string> = { caller: '', called: '' };
  /** How many more bytes pass before the line is cut. */
  left: Record<'caller' | 'called', number> = {
    caller: Number.POSITIVE_INFINITY,
    called: Number.POSITIVE_INFINITY,
  };
  isCut = false;
  moved = 0;
  #isHeld: Record<'caller' | 'called', boolean> = { caller: false, called: false };
  readonly #held: Record<'caller' | 'called', Buffer[]> = { caller: [], called: [] };
  readonly #middle: Record<'caller' | 'called', Duplex>;
  readonly #ends: Record<'caller' | 'called', Duplex>;

  constructor(from: Domain) {
    this.from = from;
    const [callerEnd, callerMiddle] = duplexPair();
    const [calledEnd, calledMiddle] = duplexPair();
    this.#ends = { caller: callerEnd, called: calledEnd };
    this.#middle = { caller: callerMiddle, called: calledMiddle };
    for (const side of ['caller', 'called'] as const) {
      this.#middle[side].on('data', (data: Buffer) => this.#take(side, data));
      this.#middle[side].on('end', () => this.#other(side).end());
      this.#middle[side].on('error', () => {});
      this.#ends[side].on('close', () => this.#other(side).destroy());
    }
  }

  end(side: 'caller' | 'called'): Duplex {
    return this.#ends[side];
  }

  /** What one side says arrives later, or never. */
  hold(side: 'caller' | 'called'): void {
    this.#isHeld[side] = true;
  }

  release(side: 'caller' | 'called'): void {
    this.#isHeld[side] = false;
    for (const data of this.#held[side].splice(0)) this.#take(side, data);
  }

  /** Passes so many more bytes of one side, and breaks. */
  cutAfter(side: 'caller' | 'called', bytes: number): void {
    this.left[side] = bytes;
  }

  /** Neither side hears the other any more, and nobody is told. */
  die(): void {
    this.hold('caller');
    this.hold('called');
  }

  /** Both sides are told that the connection was reset. */
  cut(): void {
    this.isCut = true;
    for (const side of ['caller', 'called'] as const) this.#ends[side].destroy(new Error('read ECONNRESET'));
  }

  #take(side: 'caller' | 'called', data: Buffer): void {
    if (this.isCut) return;
    if (this.#isHeld[side]) {
      this.#held[side].push(data);
      return;
    }
    const part = data.subarray(0, this.left[side]);
    this.left[side] -= part.length;
    this.moved += part.length;
    this.said[side] += part.toString();
    if (part.length > 0) this.#other(side).write(part);
    if (this.left[side] <= 0) setImmediate(() => this.cut());
  }

  #other(side: 'caller' | 'called'): Duplex {
    return this.#middle[side === 'caller' ? 'called' : 'caller'];
  }
}

export interface SceneOptions {
  /** Lines for the top of the configuration, of each domain or of both. */
  config?: string;
  modules?: readonly string[];
  /** Of capulet.lit, when they are others. */
  theirModules?: readonly string[];
}

export class S2SScene {
  readonly clock = new FakeClock();
  readonly servers = new Map<Domain, TestServer>();
  /** What has come for users, in order. */
  readonly arrived: Record<Domain, Element[]> = { [MONTAGUE]: [], [CAPULET]: [] };
  readonly lines: Line[] = [];
  /** Nobody can be called. */
  isDown = false;

  host(domain: Domain): LocalHost {
    return this.servers.get(domain)!.server.router.hosts.get(domain)!;
  }

  /** Somebody at a domain sends something to somebody at the other. */
  send(from: Domain, xml: string): void {
    const stanza = parseXml(xml).with({ from: `user@${from}/x`, to: `user@${other(from)}/x` });
    this.servers.get(from)!.server.router.route(stanza, this.host(from).origin);
  }

  message(from: Domain, id: string | number): void {
    this.send(from, `<message id='${id}'><body>${id}</body></message>`);
  }

  /** The ids of what has arrived at a domain, errors marked. */
  ids(domain: Domain): string[] {
    return this.arrived[domain].map(({ attrs }) =>
      attrs.type === 'error' ? `error ${attrs.id}` : attrs.id!,
    );
  }

  /** Lets everything happen that takes no time. */
  async settle(): Promise<void> {
    for (let quiet = 0, moved = -1; quiet < 4; ) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = this.lines.reduce((sum, line) => sum + line.moved, 0);
      quiet = now === moved ? quiet + 1 : 0;
      moved = now;
    }
  }

  async pass(ms: number, step = 250): Promise<void> {
    await this.settle();
    for (let left = ms; left > 0; left -= step) {
      await this.clock.advance(Math.min(step, left));
      await this.settle();
    }
  }

  get open(): Line[] {
    return this.lines.filter(({ isCut }) => !isCut);
  }

  /** The newest line that was opened by a domain. */
  line(from: Domain): Line {
    const line = this.lines.findLast((it) => it.from === from);
    assert.ok(line, `${from} has called`);
    return line;
  }

  cutAll(): void {
    for (const line of this.open) line.cut();
  }

  /** The session that carries the stanzas of a domain. */
  carrier(from: Domain): S2SStream {
    const session = this.servers
      .get(from)!
      .server.links.list()
      .links.find(({ host, remote }) => host.domain === from && remote === other(from))?.carrier;
    assert.ok(session, `${from} has a link`);
    return session;
  }

  ledger(from: Domain): Ledger {
    const ledger = this.carrier(from).state.smacks;
    assert.ok(ledger, 'the stream is counted');
    return ledger;
  }

  dial(from: Domain, remote: string): Connection {
    if (this.isDown) throw new NetError('connect-failed', 'connection refused');
    const to = this.servers.get(remote as Domain);
    if (!to) throw new NetError('no-such-domain', `there is no ${remote}`, { permanent: true });
    const line = new Line(from);
    this.lines.push(line);
    const { clock } = this;
    to.server.acceptServer(new Connection(line.end('called'), { remoteAddress: '192.0.2.2', clock }));
    return new Connection(line.end('caller'), { remoteAddress: '192.0.2.3', clock });
  }
}

export function other(domain: Domain): Domain {
  return domain === MONTAGUE ? CAPULET : MONTAGUE;
}

/** montague.lit and capulet.lit, in plaintext, with dialback; time stands still. */
export async function s2sScene(t: TestContext, options: SceneOptions = {}): Promise<S2SScene> {
  const scene = new S2SScene();
  t.after(() => scene.cutAll()); // So that nobody waits for anybody when the servers stop.
  const modules = options.modules ?? ['dialback', 'smacks'];
  for (const domain of [MONTAGUE, CAPULET] as const) {
    const own = domain === CAPULET ? (options.theirModules ?? modules) : modules;
    const server = await startServer(t, {
      clock: scene.clock,
      dial: async (remote) => scene.dial(domain, remote),
      config: `
modules_enabled = ${JSON.stringify(own)}
${options.config ?? ''}
[hosts."${domain}"]`,
    });
    scene.servers.set(domain, server);
    watch(scene, domain);
  }
  return scene;
}

/** The same, with a link in each direction on which everything is confirmed. */
export async function linked(t: TestContext, options: SceneOptions = {}): Promise<S2SScene> {
  const scene = await s2sScene(t, options);
  for (const domain of [MONTAGUE, CAPULET] as const) {
    scene.message(domain, 'hello');
    await scene.pass(2_000);
  }
  await scene.pass(20_000, 5_000);
  assert.deepEqual([scene.ids(MONTAGUE), scene.ids(CAPULET)], [['hello'], ['hello']]);
  return scene;
}

function watch(scene: S2SScene, domain: Domain): void {
  const { hooks } = scene.host(domain);
  for (const kind of ['message', 'presence', 'iq'] satisfies Kind[]) {
    for (const target of ['full', 'bare'] satisfies Target[]) {
      hooks.add(
        `${kind}/${target}`,
        ({ stanza }) => {
          scene.arrived[domain].push(stanza);
          return 'handled';
        },
        'guard',
        'test',
      );
    }
  }
}
