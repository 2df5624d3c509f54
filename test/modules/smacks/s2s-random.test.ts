// Two servers, and lines between them that break at random: every stanza arrives once, and in order.
//
//     ENJAMB_SEED=7 ENJAMB_STEPS=20000 npx node --conditions=source --test test/modules/smacks/s2s-random.test.ts

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAPULET, type Domain, type Line, linked, MONTAGUE, other, type S2SScene } from './s2s-scene.ts';

const SEED = Number(process.env.ENJAMB_SEED ?? 1);
const STEPS = Number(process.env.ENJAMB_STEPS ?? 1_500);
const DOMAINS = [MONTAGUE, CAPULET] as const;
const SIDES = ['caller', 'called'] as const;
/** A stanza that was under way when too many links broke is given back, so that none is for ever. */
const MAX_FAULTS = 3;

for (const [what, modules] of [
  ['one stream for each direction', ['dialback', 'smacks']],
  ['streams for both directions (XEP-0288)', ['dialback', 's2s_bidi', 'smacks']],
] as const) {
  test(`XEP-0198 §5: lines break ${STEPS} steps long, nothing is lost, nothing comes twice: ${what}`, async (t) => {
    t.mock.method(Math, 'random', () => 0.5); // Pauses between attempts are the same in each run.
    const machine = new Machine(await linked(t, { modules }), SEED);
    t.diagnostic(`seed ${SEED}`);
    for (let step = 0; step < STEPS; step++) await machine.step();
    await machine.recover();
    t.diagnostic(JSON.stringify(machine.counts));
  });
}

class Machine {
  readonly counts: Record<string, number> = {};
  readonly #scene: S2SScene;
  readonly #sent: Record<Domain, string[]> = { [MONTAGUE]: ['hello'], [CAPULET]: ['hello'] };
  #faults = 0;
  #state: number;

  constructor(scene: S2SScene, seed: number) {
    this.#scene = scene;
    this.#state = seed;
  }

  async step(): Promise<void> {
    const chance = this.#below(100);
    if (chance < 55) this.#talk();
    else if (chance < 65) await this.#scene.settle();
    else if (chance < 78) await this.#scene.pass(this.#below(1_500));
    else if (this.#faults < MAX_FAULTS) await this.#fault();
    else await this.recover();
  }

  /** Everything works again, and is given time: what was said has arrived. */
  async recover(): Promise<void> {
    const scene = this.#scene;
    scene.isDown = false;
    for (const line of scene.open) {
      line.left = { caller: Number.POSITIVE_INFINITY, called: Number.POSITIVE_INFINITY };
      for (const side of SIDES) line.release(side);
    }
    await scene.pass(20_000, 1_000);
    await scene.pass(50_000, 5_000);
    for (const domain of DOMAINS) {
      assert.deepEqual(scene.ids(domain), this.#sent[other(domain)], `what has arrived at ${domain}`);
      scene.arrived[domain] = [];
      this.#sent[other(domain)] = [];
    }
    scene.lines.splice(0, scene.lines.length, ...scene.open);
    this.#faults = 0;
    this.#count('recovered');
  }

  #talk(): void {
    const from = this.#one(DOMAINS);
    for (let left = 1 + this.#below(4); left > 0; left--) {
      const id = `${this.#below(1e9)}`;
      this.#sent[from].push(id);
      this.#scene.message(from, id);
      this.#count('messages');
    }
  }

  async #fault(): Promise<void> {
    const { open } = this.#scene;
    const line = open.length > 0 ? this.#one(open) : undefined;
    const [name, act] = this.#one<[string, (line: Line) => void | Promise<void>]>([
      ['cut', (it) => it.cut()],
      ['cut all', () => this.#scene.cutAll()],
      ['cut soon', (it) => it.cutAfter(this.#one(SIDES), 1 + this.#below(900))],
      ['held', (it) => it.hold(this.#one(SIDES))],
      ['dead', (it) => it.die()],
      [
        'held and cut',
        async (it) => {
          it.hold(this.#one(SIDES));
          this.#talk();
          await this.#scene.settle();
          it.cut();
        },
      ],
      [
        'down',
        async () => {
          this.#scene.isDown = true;
          this.#scene.cutAll();
          this.#talk();
          await this.#scene.pass(this.#below(20_000), 1_000);
          this.#scene.isDown = false;
        },
      ],
    ]);
    this.#faults++;
    this.#count(name);
    if (line) await act(line);
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  /** mulberry32. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }
}
