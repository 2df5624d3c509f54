// Requests of ours, and who may answer them.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { IqAnswer, IqQuestion } from '../../../../src/api/iq.ts';
import { MAX_QUESTIONS } from '../../../../src/core/iq/pending.ts';
import type { Stanza } from '../../../../src/xml/element.ts';
import { xml } from '../../../../src/xml/element.ts';
import { IqTimeoutError } from '../../../../src/xml/errors.ts';
import { FakeClock } from '../../../support/clock.ts';
import { assertFaults } from '../../../support/server.ts';
import { startBench } from '../harness.ts';

const ROMEO = 'romeo@montague.lit/orchard';
const ROOM = 'hall@rooms.capulet.lit/Romeo';

/** Asks in the name of Romeo's client; notes what becomes of each question. */
async function scene(t: TestContext) {
  const clock = new FakeClock();
  const bench = await startBench(t, clock);
  const romeo = await bench.client(ROMEO);
  const { router } = bench.test.server;
  const pending = router.pendingIqs;
  const answers: IqAnswer[] = [];
  const send = (stanza: Stanza) => router.route(stanza, bench.host.origin);
  const asker = { name: 'test' };
  const ask = (more: Partial<IqQuestion> = {}, to = ROOM, from = ROMEO) =>
    pending.ask(
      asker,
      xml('iq', { type: 'get', id: 'ours', from, to }, xml('ping', 'urn:xmpp:ping')),
      { onAnswer: (answer) => void answers.push(answer), ...more },
      send,
    );
  const arrive = (id: string, from = ROOM, to = ROMEO) =>
    bench.arrive(`<iq type='result' id='${id}' from='${from}' to='${to}'/>`);
  return { clock, bench, romeo, pending, answers, asker, ask, arrive, send };
}

test('RFC 6120 §8.1.3: a request of the server gets an unguessable id in place of its own', async (t) => {
  const { ask, bench } = await scene(t);
  const ids = [ask().id, ask().id];
  assert.notEqual(ids[0], ids[1]);
  for (const id of ids) assert.match(id, /^[\w-]{20}$/);
  assert.deepEqual(
    bench.sent.map(({ attrs }) => attrs.id),
    ids,
  );
});

test('delivers answers in order, in their tick, before any hook, and to no client', async (t) => {
  const { ask, arrive, answers, bench, romeo } = await scene(t);
  bench.hook('iq/full', ({ from }) => assert.notEqual(from.toString(), ROOM), 'guard');
  const ids = [ask().id, ask().id, ask().id].reverse();
  for (const [index, id] of ids.entries()) {
    arrive(id);
    assert.equal(answers.length, index + 1);
  }
  assert.deepEqual(
    answers.map((answer) => answer.kind === 'answer' && answer.stanza.attrs.id),
    ids,
  );
  await romeo.receivesNothing();
});

test('drops and counts an answer from another address; the right one is still accepted', async (t) => {
  const { ask, arrive, answers, pending, romeo } = await scene(t);
  const { id } = ask();
  const strangers = ['mallory@evil.lit', 'hall@rooms.capulet.lit', `${ROOM}x`, 'rooms.capulet.lit'];
  for (const from of strangers) arrive(id, from);
  assert.deepEqual([answers.length, pending.forged], [0, strangers.length]);
  arrive(id, 'Hall@Rooms.Capulet.LIT/Romeo');
  assert.equal(answers.length, 1, 'RFC 7622 §3.2: another spelling is the same address');
  await romeo.receivesNothing();
});

test('passes a request, and an answer with the id of another question', async (t) => {
  const { ask, arrive, answers, bench, romeo } = await scene(t);
  const { id } = ask();
  const other = await bench.client('juliet@montague.lit/balcony');
  arrive(id, ROOM, other.jid);
  await other.receives(`<iq type='result' id='${id}' from='${ROOM}' to='${other.jid}'/>`);
  bench.arrive(`<iq type='get' id='${id}' from='${ROOM}' to='${ROMEO}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await romeo.receives(
    `<iq type='get' id='${id}' from='${ROOM}' to='${ROMEO}'><ping xmlns='urn:xmpp:ping'/></iq>`,
  );
  assert.equal(answers.length, 0);
});

test('`accepts` gets the prepared address; when it throws, the answer is dropped', async (t) => {
  const { ask, arrive, answers, bench } = await scene(t);
  const { id } = ask({ accepts: (from) => from.toString() === 'rooms.capulet.lit' });
  arrive(id);
  arrive(id, 'Rooms.Capulet.lit');
  assert.equal(answers.length, 1);
  const broken = ask({
    accepts: () => {
      throw new Error('broken');
    },
  });
  arrive(broken.id);
  assert.equal(answers.length, 1);
  assertFaults(bench.host.faults, { handler: 1 });
});

test('each question has its own timeout; a late answer is delivered once, marked late', async (t) => {
  const { ask, arrive, answers, clock, romeo, pending } = await scene(t);
  const { id } = ask({ timeoutMs: 1_000, lateMs: 5_000 });
  const second = ask({ timeoutMs: 1_000 });
  await clock.advance(999);
  assert.equal(answers.length, 0);
  await clock.advance(1);
  assert.deepEqual(answers.splice(0), [{ kind: 'timeout' }, { kind: 'timeout' }]);
  arrive(id);
  assert.equal(answers[0]?.kind === 'answer' && answers[0].late, true);
  assert.equal(pending.size, 0);
  arrive(second.id);
  await romeo.receives(`<iq type='result' id='${second.id}' from='${ROOM}' to='${ROMEO}'/>`);
  assert.equal(answers.length, 1);
});

test('drops answers, also late ones, after the asker has unloaded', async (t) => {
  const { ask, arrive, answers, clock, romeo, pending, asker } = await scene(t);
  const ids = [ask({ lateMs: 60_000 }).id, ask({ lateMs: 60_000 }).id];
  pending.forget(asker);
  arrive(ids[0]!);
  await clock.advance(59_999);
  arrive(ids[1]!);
  assert.deepEqual([answers.length, pending.size], [0, 0]);
  await romeo.receivesNothing();
});

test('a cancelled question gets no answer and returns its quota', async (t) => {
  const { ask, arrive, answers } = await scene(t);
  const quota = { of: {}, max: 1 };
  const asked = ask({ quota });
  asked.cancel();
  arrive(asked.id);
  ask({ quota });
  assert.equal(answers.length, 0);
});

test('a quota counts pending questions: an answer or a timeout returns one', async (t) => {
  const { ask, arrive, clock, bench } = await scene(t);
  const quota = { of: {}, max: 2 };
  const { id } = ask({ quota, lateMs: 60_000 });
  ask({ quota, lateMs: 60_000 });
  assert.throws(() => ask({ quota }), { name: 'StanzaError', condition: 'resource-constraint' });
  assert.equal(bench.sent.length, 2);
  ask({ quota: { of: {}, max: 2 } });
  arrive(id);
  ask({ quota });
  await clock.advance(30_000);
  ask({ quota });
  ask({ quota });
  assert.throws(() => ask({ quota }), { condition: 'resource-constraint' });
});

test('`left` is true once a question has reached a service of ours', async (t) => {
  const { ask } = await scene(t);
  assert.equal(ask().left, false);
  assert.equal(ask({}, 'verona.lit', 'montague.lit').left, true);
});

test('the timeout of a question that has waited for the link counts from when it leaves', async (t) => {
  const { ask, answers, bench, clock, pending } = await scene(t);
  ask();
  await clock.advance(29_000);
  pending.left(bench.sent.at(-1)!);
  await clock.advance(29_000);
  assert.deepEqual(answers, []);
  pending.left(bench.sent.at(-1)!); // Only the first time counts.
  await clock.advance(1_000);
  assert.deepEqual(answers, [{ kind: 'timeout' }]);
});

test('marks an error of this server as local', async (t) => {
  const { answers, bench, ask } = await scene(t);
  bench.test.server.router.remote = undefined;
  ask();
  assert.equal(answers[0]?.kind === 'answer' && answers[0].local, true);
});

test('keeps at most 200,000 questions: late ones make room, pending ones do not', async (t) => {
  const { pending, answers, asker, clock } = await scene(t);
  const ping = xml('iq', { type: 'get', from: ROMEO, to: ROOM });
  const onAnswer = (answer: IqAnswer) => void answers.push(answer);
  const ask = (timeoutMs: number) =>
    pending.ask(asker, ping, { timeoutMs, lateMs: 600_000, onAnswer }, () => {});
  ask(1_000);
  await clock.advance(1_000);
  for (let i = 1; i < MAX_QUESTIONS; i++) ask(30_000);
  ask(30_000);
  assert.throws(() => ask(30_000), { condition: 'resource-constraint' });
  assert.equal(pending.size, MAX_QUESTIONS);
  assert.ok(clock.pending < 20, 'not a timer for each');
  pending.close();
});

test('`request` resolves with the result, and rejects with the error, the timeout, or the reason to stop', async (t) => {
  const { pending, asker, send, bench, arrive, clock } = await scene(t);
  const ping = xml('iq', { type: 'get', from: ROMEO, to: ROOM }, xml('ping', 'urn:xmpp:ping'));
  const abort = new AbortController();
  const request = () => pending.request(asker, ping, {}, send, abort.signal);
  const result = request();
  arrive(bench.sent.at(-1)!.attrs.id!);
  assert.equal((await result).attrs.from, ROOM);
  const refused = request();
  bench.arrive(
    `<iq type='error' id='${bench.sent.at(-1)!.attrs.id}' from='${ROOM}' to='${ROMEO}'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  );
  await assert.rejects(refused, { name: 'StanzaError', condition: 'not-acceptable' });
  const silent = assert.rejects(request(), IqTimeoutError);
  await clock.advance(30_000);
  await silent;
  const reason = new DOMException('unloaded', 'AbortError');
  const stopped = request();
  abort.abort(reason);
  await assert.rejects(stopped, reason);
  await assert.rejects(request(), reason);
});
