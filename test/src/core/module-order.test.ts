// The order of modules: `depends` is needed, `after` and `before` only order what is there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModuleDefinition } from '../../../src/api/module.ts';
import { Hooks } from '../../../src/core/hooks.ts';
import { arranged, inOrder } from '../../../src/core/module-order.ts';
import { Faults } from '../../../src/util/faults.ts';
import { silentLogger } from '../../../src/util/logger.ts';

type Order = Pick<ModuleDefinition, 'depends' | 'after' | 'before'>;

function modules(orders: Record<string, Order>): ModuleDefinition[] {
  return Object.entries(orders).map(([name, order]) => ({ name, summary: '', load() {}, ...order }));
}

function namesOf(definitions: readonly ModuleDefinition[]): string {
  return definitions.map(({ name }) => name).join(' ');
}

const arrange = (orders: Record<string, Order>) => namesOf(arranged(modules(orders)));

test('`after` and `before` order modules, and the rest stays as it is', () => {
  assert.equal(arrange({ a: {}, b: {}, c: {} }), 'a b c');
  assert.equal(arrange({ a: { after: ['c'] }, b: {}, c: {} }), 'c a b');
  assert.equal(arrange({ a: {}, b: {}, c: { before: ['a'] } }), 'c a b');
  assert.equal(arrange({ mam: {}, mds: { before: ['mam'], depends: ['pep'] }, pep: {} }), 'pep mds mam');
  assert.equal(arrange({ a: { after: ['b'] }, b: { after: ['c'] }, c: {} }), 'c b a');
});

test('ignores names of modules that are not loaded', async () => {
  const all = new Map(
    modules({ a: { after: ['x'], before: ['b'] }, b: {}, x: {} }).map((it) => [it.name, it]),
  );
  const source = { import: async (name: string) => all.get(name)!, has: () => false };
  const order = await inOrder(['b', 'a'], { domain: 'montague.lit', kind: 'local' }, source);
  assert.equal(namesOf(order), 'a b');
});

test('refuses a circle of any kind of dependency', () => {
  const circles: [Record<string, Order>, RegExp][] = [
    [{ a: { after: ['b'] }, b: { after: ['a'] } }, /a → b → a/],
    [{ a: { before: ['b'] }, b: { before: ['a'] } }, /a → b → a/],
    [{ a: { depends: ['b'] }, b: { after: ['a'] } }, /a → b → a/],
    [{ a: { depends: ['b'], before: ['b'] }, b: {} }, /a → b → a/],
    [{ a: { after: ['a'] } }, /a → a/],
    [{ z: {}, a: { after: ['b'] }, b: { after: ['c'] }, c: { after: ['a'] } }, /a → b → c → a/],
  ];
  for (const [orders, message] of circles)
    assert.throws(() => arrange(orders), { code: 'MODULE_DEPENDENCY_CIRCULAR', message });
});

test('handlers run in the order of their modules, in each stage, whenever they were registered', () => {
  const hooks = new Hooks(new Faults(silentLogger));
  const ran: string[] = [];
  const add = (owner: string, stage: 'guard' | 'rewrite') =>
    hooks.add('link-needed', () => void ran.push(`${owner} ${stage}`), stage, owner);
  add('component', 'rewrite');
  hooks.rank(['mam']);
  add('mam', 'rewrite');
  add('core', 'rewrite');
  hooks.rank(['mds', 'mam']);
  add('mds', 'rewrite');
  add('mam', 'guard');
  hooks.fire('link-needed', { remote: 'capulet.lit' });
  assert.deepEqual(ran, ['mam guard', 'component rewrite', 'mds rewrite', 'mam rewrite', 'core rewrite']);
  ran.length = 0;
  hooks.notify('link-needed', { remote: 'capulet.lit' });
  assert.deepEqual(ran, ['component rewrite', 'mds rewrite', 'mam rewrite', 'mam guard', 'core rewrite']);
});
