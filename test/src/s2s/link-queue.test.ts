import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkQueue, QueueBudget } from '../../../src/s2s/queue.ts';
import type { Stanza } from '../../../src/xml/element.ts';
import { xml } from '../../../src/xml/element.ts';
import { LazyElement } from '../../../src/xml/lazy.ts';
import { share } from '../../../src/xml/serialize.ts';
import { FakeClock } from '../../support/clock.ts';
import { parseXml } from '../../support/match.ts';

const MINUTE_MS = 60_000;

interface Scene {
  readonly clock: FakeClock;
  readonly waiting: LinkQueue;
  readonly expired: string[];
}

const SERVICE = { name: 'rooms.lit', share: 1 };

function scene(budget = new QueueBudget()): Scene {
  const clock = new FakeClock();
  const expired: string[] = [];
  const onExpired = (stanzas: Stanza[]) => void expired.push(...stanzas.map(idOf));
  const waiting = new LinkQueue(clock, budget, () => SERVICE, onExpired);
  return { clock, waiting, expired };
}

function message(id: string | number): Stanza {
  return xml('message', { id: `${id}` });
}

function idOf({ attrs }: Stanza): string {
  return attrs.id ?? '';
}

function leaving(waiting: LinkQueue): string[] {
  const ids: string[] = [];
  for (let next = waiting.next(); next; next = waiting.next()) ids.push(idOf(next));
  return ids;
}

test('stanzas leave in order, those that were sent before first', () => {
  const { clock, waiting } = scene();
  const deadline = clock.elapsed() + MINUTE_MS;
  for (const id of [1, 2, 3, 4]) waiting.add(message(id), deadline);
  assert.equal(idOf(waiting.next()!), '1');
  waiting.putFirst([message('a'), message('b')], () => deadline);
  assert.equal(waiting.size, 5);
  assert.equal(idOf(waiting.next()!), 'a');
  waiting.add(message(5), deadline);
  assert.deepEqual(leaving(waiting), ['b', '2', '3', '4', '5']);
  assert.equal(waiting.size, 0);
  assert.equal(clock.pending, 0);
});

test('each stanza expires at its own deadline, and none after it has left', async () => {
  const { clock, waiting, expired } = scene();
  const now = clock.elapsed();
  for (const [id, minutes] of [
    [1, 1],
    [2, 3],
    [3, 1],
    [4, 2],
  ] as const)
    waiting.add(message(id), now + minutes * MINUTE_MS);
  waiting.next();
  await clock.advance(MINUTE_MS);
  assert.deepEqual(expired, ['3']);
  assert.deepEqual([...leaving(waiting)], ['2', '4']);
  await clock.advance(5 * MINUTE_MS);
  assert.deepEqual(expired, ['3']);
});

test('stanzas that leave or are dropped make room', () => {
  const { clock, waiting } = scene();
  const deadline = clock.elapsed() + MINUTE_MS;
  const stanzas = Array.from({ length: 1_000 }, (_, index) => message(index));
  waiting.putFirst(stanzas, () => deadline);
  while (waiting.size < 20_000) assert.equal(waiting.add(message(waiting.size), deadline), undefined);
  assert.equal(waiting.add(message('more'), deadline)?.condition, 'resource-constraint');
  waiting.next();
  waiting.drop(new Set(stanzas.slice(1, 3)));
  assert.equal(waiting.size, 19_997);
  for (const id of ['x', 'y', 'z']) assert.equal(waiting.add(message(id), deadline), undefined);
  assert.equal(waiting.add(message('more'), deadline)?.condition, 'resource-constraint');
  assert.equal(waiting.all().length, 20_000);
  assert.equal(waiting.size, 0);
});

test('80,000 unacknowledged stanzas leave in linear time', () => {
  const { clock, waiting } = scene();
  const stanzas = Array.from({ length: 80_000 }, (_, index) => message(index));
  waiting.putFirst(stanzas, () => clock.elapsed() + MINUTE_MS);
  const begin = process.cpuUsage();
  assert.equal(leaving(waiting).length, 80_000);
  const { user, system } = process.cpuUsage(begin);
  assert.ok(user + system < 2_000_000, `${(user + system) / 1000} ms`);
});

test('an exception for one stanza leaves the others in the queue', () => {
  const { clock, waiting } = scene();
  for (const id of [1, 2, 3]) waiting.add(message(id), clock.elapsed() + MINUTE_MS);
  assert.throws(() =>
    waiting.drain(
      () => true,
      () => assert.fail('broken'),
      () => assert.fail('not done'),
    ),
  );
  assert.equal(waiting.isDraining, false);
  const taken: string[] = [];
  waiting.drain(
    () => taken.length < 1,
    (stanza) => void taken.push(idOf(stanza)),
    () => taken.push('done'),
  );
  assert.deepEqual([taken, waiting.size], [['2', 'done'], 1]);
});

test('a long queue is drained over several turns, in order, with stanzas added meanwhile last', async () => {
  const { clock, waiting } = scene();
  const deadline = clock.elapsed() + MINUTE_MS;
  for (let id = 0; id < 1_000; id++) waiting.add(heavy(id), deadline);
  const taken: string[] = [];
  let turns = 0;
  const isDone = new Promise<void>((done) => {
    waiting.drain(
      () => true,
      (stanza) => void taken.push(idOf(stanza)),
      done,
    );
  });
  assert.ok(waiting.isDraining && taken.length < 1_000, `${taken.length} in the first turn`);
  waiting.add(message(1_000), deadline);
  while (waiting.isDraining && ++turns < 100_000) await new Promise(setImmediate);
  await isDone;
  assert.deepEqual(
    taken,
    Array.from({ length: 1_001 }, (_, id) => `${id}`),
  );
});

test('a later drain replaces the one under way', async () => {
  const { clock, waiting } = scene();
  for (let id = 0; id < 1_000; id++) waiting.add(heavy(id), clock.elapsed() + MINUTE_MS);
  let isFirstOpen = true;
  const taken: string[] = [];
  const take = (stanza: Stanza) => void taken.push(idOf(stanza));
  waiting.drain(
    () => isFirstOpen,
    take,
    () => assert.fail('the first stream has ended'),
  );
  isFirstOpen = false;
  await new Promise<void>((done) => waiting.drain(() => true, take, done));
  assert.equal(new Set(taken).size, 1_000);
  assert.equal(waiting.isDraining, false);
});

/** Takes about 0.1 ms to parse. */
function heavy(id: number): Stanza {
  return parseXml(`<message id='${id}'>${'<x/>'.repeat(150)}</message>`);
}

test('a stanza that has waited is unchanged', () => {
  const { waiting, clock } = scene();
  const text = `<message from='a@b/ü' to='c@d' xml:lang='de'><body>a &lt; 'b' &amp; 🏳️‍🌈\n&#13;</body><x xmlns='urn:x'><y/></x></message>`;
  const stanza = parseXml(text);
  waiting.add(stanza, clock.elapsed() + MINUTE_MS);
  assert.deepEqual(`${waiting.next()}`, `${stanza}`);
});

test('a stanza that has waited too long returns with its attributes and its content', async () => {
  const clock = new FakeClock();
  const expired: Stanza[] = [];
  const queue = new LinkQueue(
    clock,
    new QueueBudget(),
    () => SERVICE,
    (stanzas) => void expired.push(...stanzas),
  );
  const stanza = parseXml(`<message from='a@b/ü' to='c@d' xml:lang='de'><body>a &lt; 'b'</body></message>`);
  queue.add(stanza, clock.elapsed() + MINUTE_MS);
  await clock.advance(MINUTE_MS);
  assert.deepEqual(expired.map(String), [`${stanza}`]);
});

/** Messages of a room to many occupants, which share their content. */
function reflections(occupants: number, id: number, body: string): Stanza[] {
  const message = share(xml('message', { type: 'groupchat', id: `${id}` }, xml('body', {}, body)));
  return Array.from({ length: occupants }, (_, index) => message.with({ to: `x@capulet.lit/${index}` }));
}

/** Adds stanzas until one is refused. Returns the number of those before. */
function fill(waiting: LinkQueue, stanzas: Iterable<Stanza>): number {
  let count = 0;
  for (const stanza of stanzas) {
    if (waiting.add(stanza, 10 * MINUTE_MS)) return count;
    count++;
  }
  return assert.fail(`${count} stanzas fit`);
}

function* endless(stanzasOf: (id: number) => Iterable<Stanza>): Generator<Stanza> {
  for (let id = 0; ; id++) yield* stanzasOf(id);
}

test('one link has 20,000 stanzas', () => {
  const stanzas = endless((id) => [xml('message', { id: `${id}` })]);
  assert.equal(fill(scene().waiting, stanzas), 20_000);
});

test('one link has 4 MiB of distinct text', () => {
  const stanzas = endless((id) => [xml('message', {}, xml('body', {}, `${id} ${'x'.repeat(100_000)}`))]);
  assert.equal(fill(scene().waiting, stanzas), 41);
});

test('the text that stanzas share counts once: 40 occupants of one server have 40 messages of 100,000 bytes', () => {
  const { waiting } = scene();
  const stanzas = endless((id) => reflections(40, id, `${id} ${'x'.repeat(100_000)}`));
  const count = fill(waiting, stanzas);
  assert.ok(count >= 40 * 40 && count < 42 * 40, `${count}`);
  const left = waiting.next();
  assert.equal(left?.getChildText('body'), `0 ${'x'.repeat(100_000)}`);
});

test('shared text is released with the last stanza that has it', () => {
  const budget = new QueueBudget();
  const { waiting, clock } = scene(budget);
  const body = 'x'.repeat(10_000);
  for (const stanza of reflections(3, 0, body)) waiting.add(stanza, clock.elapsed() + MINUTE_MS);
  const usedBytes = [budget.used.bytes];
  while (waiting.next()) usedBytes.push(budget.used.bytes);
  const hasText = usedBytes.map((bytes) => bytes > 10_000 && bytes < 12_000);
  assert.deepEqual(hasText, [true, true, true, false], `${usedBytes}`);
  assert.deepEqual(budget.used, { queues: 0, stanzas: 0, bytes: 0 });
});

test('each payer pays for the same text', () => {
  const budget = new QueueBudget();
  const payerOf = ({ attrs }: Stanza) => ({ name: attrs.from!, share: 1 });
  const waiting = new LinkQueue(new FakeClock(), budget, payerOf, () => {});
  for (const from of ['romeo', 'mercutio', 'romeo'])
    waiting.add(xml('message', { from }, xml('body', {}, 'x'.repeat(10_000))), MINUTE_MS);
  assert.ok(budget.used.bytes > 20_000 && budget.used.bytes < 22_000, `${budget.used.bytes}`);
  waiting.all();
  assert.deepEqual(budget.used, { queues: 0, stanzas: 0, bytes: 0 });
});

test('an account that has its share of bytes cannot add to a queue; another account can', () => {
  const payerOf = ({ attrs }: Stanza) => ({ name: attrs.from!, share: 1 / 64 });
  const waiting = new LinkQueue(new FakeClock(), new QueueBudget(), payerOf, () => {});
  const body = xml('body', {}, 'x'.repeat(100_000));
  const stanzas = endless((id) => [xml('message', { from: 'romeo' }, body, `${id}`)]);
  assert.equal(fill(waiting, stanzas), 10);
  assert.equal(waiting.add(xml('message', { from: 'mercutio' }, body), MINUTE_MS), undefined);
});

test('a recipient gets as much of the share of a service as is left, so that others on its server get something', () => {
  const budget = new QueueBudget();
  const payer = { name: 'rooms to capulet.lit', share: 1 / 32, group: { name: 'rooms', share: 1 / 2 } };
  const waiting = new LinkQueue(
    new FakeClock(),
    budget,
    () => payer,
    () => {},
  );
  const to = (user: string, body: string) =>
    xml('message', { to: `${user}@capulet.lit/phone` }, xml('body', {}, body));
  const own = endless((id) => [to('tybalt', `${id} ${'x'.repeat(100_000)}`)]);
  assert.equal(fill(waiting, own), 10);
  const body = 'y'.repeat(100_000);
  for (const user of ['juliet', 'nurse']) assert.equal(waiting.add(to(user, body), MINUTE_MS), undefined);
  assert.equal(
    fill(
      waiting,
      endless((id) => [to('juliet', `${id} ${'z'.repeat(100_000)}`)]),
    ),
    5,
  );
  waiting.all();
  assert.deepEqual(budget.used, { queues: 0, stanzas: 0, bytes: 0 });
  assert.equal(
    fill(
      waiting,
      endless((id) => [to('juliet', `${id} ${body}`)]),
    ),
    10,
  );
});

test('stanzas wait for at most 20,000 links', () => {
  const budget = new QueueBudget();
  const links = Array.from({ length: 20_001 }, () => scene(budget).waiting);
  const refused = links.map((waiting) => waiting.add(message(1), MINUTE_MS)?.condition);
  assert.deepEqual(refused.indexOf('resource-constraint'), 20_000);
  assert.equal(links[0]!.add(message(2), MINUTE_MS), undefined);
  links[1]!.all();
  assert.equal(links.at(-1)!.add(message(1), MINUTE_MS), undefined);
});

test('many deadlines cause few searches of the queue', async () => {
  const clock = new FakeClock();
  const groups: number[] = [];
  const onExpired = (stanzas: Stanza[]) => void groups.push(stanzas.length);
  const waiting = new LinkQueue(clock, new QueueBudget(), () => SERVICE, onExpired);
  for (let id = 0; id < 5_000; id++) waiting.add(message(id), clock.elapsed() + MINUTE_MS + id);
  await clock.advance(MINUTE_MS);
  assert.deepEqual(groups, [1]);
  await clock.advance(5_000);
  assert.equal(
    groups.reduce((sum, count) => sum + count),
    5_000,
  );
  assert.ok(groups.length <= 52, `${groups.length}`);
});

test('the queues of all links together are bounded in bytes, and stanzas that leave make room', () => {
  const budget = new QueueBudget();
  const scenes = Array.from({ length: 30 }, () => scene(budget).waiting);
  const body = 'ü'.repeat(200_000);
  const large = () => endless((id) => [xml('message', {}, xml('body', {}, `${id} ${body}`))]);
  const counts = scenes.map((waiting) => fill(waiting, large()));
  assert.deepEqual([counts[0], counts.at(-1)], [10, 0]);
  assert.ok(budget.used.bytes <= 64 * 1024 * 1024 && budget.used.bytes > 63 * 1024 * 1024);
  scenes[0]!.all();
  assert.equal(fill(scenes.at(-1)!, large()), 10);
  for (const waiting of scenes) waiting.all();
  assert.deepEqual(budget.used, { queues: 0, stanzas: 0, bytes: 0 });
});

test('a stanza that is sent again counts with its text, not with its tree', () => {
  const budget = new QueueBudget();
  const { waiting, clock } = scene(budget);
  const many = Array.from({ length: 10_000 }, () => xml('a'));
  const stanza = new LazyElement(xml('message', {}, ...many).flattened);
  waiting.putFirst([stanza], () => clock.elapsed() + MINUTE_MS);
  const { bytes } = budget.used;
  assert.ok(bytes > 40_000 && bytes < 41_000, `${bytes}`);
  waiting.next();
  assert.deepEqual(budget.used, { queues: 0, stanzas: 0, bytes: 0 });
});
