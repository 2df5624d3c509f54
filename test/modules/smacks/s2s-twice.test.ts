// How much of what is said comes twice when the other server goes, or the line: exact numbers, and nothing is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAPULET, linked, MONTAGUE, type S2SScene, type SceneOptions } from './s2s-scene.ts';

const EVERY_MS = 40;
const WITHOUT: SceneOptions = { modules: ['dialback', 'ping', 'smacks'], theirModules: ['dialback', 'ping'] };

/** Says numbers from `first` to `last`, 25 in a second. */
async function say(scene: S2SScene, first: number, last: number): Promise<void> {
  for (let number = first; number <= last; number++) {
    scene.message(MONTAGUE, number);
    await scene.pass(EVERY_MS, 20);
  }
}

/** The numbers that have come, in order; and those that came twice. */
function heard(scene: S2SScene): { firsts: number[]; twice: number[] } {
  const all = scene.ids(CAPULET).slice(1).map(Number); // The first word is "hello".
  const firsts = [...new Set(all)];
  return { firsts, twice: firsts.filter((number) => all.indexOf(number) !== all.lastIndexOf(number)) };
}

function upTo(last: number): number[] {
  return Array.from({ length: last + 1 }, (_, number) => number);
}

/** The last number before the end, and how many of those before it have not been confirmed then. */
const ENDS: readonly (readonly [last: number, twice: number])[] = [
  [10, 1],
  [11, 2],
  [12, 0],
];

for (const how of ['is cut', 'is closed in order by the other server'] as const) {
  for (const [last, twice] of ENDS) {
    test(`without XEP-0198 the line ${how} after number ${last}: ${twice} come twice`, async (t) => {
      const scene = await linked(t, WITHOUT);
      await say(scene, 0, last);
      if (how === 'is cut') scene.cutAll();
      else for (const session of scene.servers.get(CAPULET)!.server.links.list().incoming) session.close();
      await scene.pass(3_000);
      await say(scene, last + 1, 30);
      await scene.pass(10_000);
      assert.deepEqual(heard(scene), { firsts: upTo(30), twice: upTo(last).slice(last + 1 - twice) });
      assert.deepEqual(scene.ids(MONTAGUE), ['hello']);
    });
  }
}

test('without XEP-0198, ten pings a second at most, and one for five stanzas', async (t) => {
  const scene = await linked(t, WITHOUT);
  const asked = () => scene.carrier(MONTAGUE).overhead.out;
  const before = asked();
  await say(scene, 0, 99);
  const slow = asked() - before;
  assert.ok(slow <= 41, `${slow} in four seconds`);
  for (let number = 100; number < 600; number++) {
    scene.message(MONTAGUE, number);
    if (number % 5 === 4) await scene.settle();
  }
  assert.ok(asked() - before - slow <= 101, `${asked() - before - slow} for 500`);
  await scene.pass(10_000);
  assert.deepEqual(heard(scene), { firsts: upTo(599), twice: [] });
});

for (const last of [10, 11, 12]) {
  test(`XEP-0198 §5: the line is cut after number ${last}: nothing comes twice`, async (t) => {
    const scene = await linked(t);
    await say(scene, 0, last);
    scene.cutAll();
    await scene.pass(3_000);
    await say(scene, last + 1, 30);
    await scene.pass(10_000);
    assert.deepEqual(heard(scene), { firsts: upTo(30), twice: [] });
  });

  test(`XEP-0198 §4: the other server dies and forgets, and has not confirmed what follows number ${last}: that comes twice`, async (t) => {
    const scene = await linked(t, { config: 's2s_resumption_time = "1 second"' });
    await say(scene, 0, last);
    for (const line of scene.open) line.hold('called'); // It goes on, but is not heard any more.
    await say(scene, last + 1, last + 3);
    scene.isDown = true;
    scene.cutAll();
    await scene.pass(2_000);
    scene.isDown = false;
    await scene.pass(3_000);
    await say(scene, last + 4, 30);
    await scene.pass(10_000);
    assert.deepEqual(heard(scene), { firsts: upTo(30), twice: [last + 1, last + 2, last + 3] });
  });
}
