// Requests: one handler, one answer, to whoever asked.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleError } from '../../../../src/core/errors.ts';
import { IqHandlers } from '../../../../src/core/iq/handlers.ts';
import type { Element } from '../../../../src/xml/element.ts';
import { xml } from '../../../../src/xml/element.ts';
import { StanzaError } from '../../../../src/xml/errors.ts';
import { assertXml } from '../../../support/match.ts';
import { assertFaults } from '../../../support/server.ts';
import { startBench, TEST_NS } from '../harness.ts';

const ROMEO = 'romeo@montague.lit/orchard';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

function errorXml(condition: string, type: string, text = ''): string {
  return `<error type='${type}'><${condition} xmlns='${STANZAS}'/>${text && `<text xmlns='${STANZAS}' xml:lang='en'>${text}</text>`}</error>`;
}

// ── Requests to us ─────────────────────────────────────────────────────────────────────────────────────────────

test('RFC 6120 §8.2.3: answers a request once, with its id, from the address that it was sent to', async (t) => {
  const bench = await startBench(t);
  bench.handleIq(({ payload, from, to }) =>
    xml('query', { xmlns: TEST_NS, asked: `${payload.attrs.q} ${from} ${to}` }),
  );
  const romeo = await bench.client(ROMEO);
  romeo.send(`<iq type='get' id='a&amp;1' to='montague.lit'><query xmlns='${TEST_NS}' q='why'/></iq>`);
  const answer = await romeo.receives(
    `<iq type='result' id='a&amp;1' from='montague.lit' to='${ROMEO}'><query xmlns='${TEST_NS}' asked='why ${ROMEO} montague.lit'/></iq>`,
  );
  assert.equal(answer.attrs.id, 'a&1');
  await romeo.receivesNothing();
});

test('RFC 6120 §8.2.3: a handler that returns nothing gives an empty result', async (t) => {
  const bench = await startBench(t);
  bench.handleIq(() => undefined, { type: 'set' });
  const romeo = await bench.client(ROMEO);
  romeo.send(`<iq type='set' id='1' to='montague.lit'><query xmlns='${TEST_NS}'/></iq>`);
  await romeo.receives(`<iq type='result' id='1' from='montague.lit' to='${ROMEO}'/>`);
});

test('RFC 6120 §8.4: refuses a request without a handler with service-unavailable', async (t) => {
  const bench = await startBench(t);
  bench.handleIq(() => undefined);
  const romeo = await bench.client(ROMEO);
  for (const [type, xmlns] of [
    ['set', TEST_NS],
    ['get', 'urn:enjamb:other'],
  ]) {
    romeo.send(`<iq type='${type}' id='${type}' to='montague.lit'><query xmlns='${xmlns}'/></iq>`);
    await romeo.receives(
      `<iq type='error' id='${type}' from='montague.lit' to='${ROMEO}'>${errorXml('service-unavailable', 'cancel')}</iq>`,
    );
  }
});

test('RFC 6120 §10.3.3: the own account answers a request without `to`, with results and errors', async (t) => {
  const bench = await startBench(t);
  bench.handleIq(() => undefined, { to: ['self'] });
  const romeo = await bench.client(ROMEO);
  romeo.send(`<iq type='get' id='1'><query xmlns='${TEST_NS}'/></iq>`);
  await romeo.receives(`<iq type='result' id='1' from='romeo@montague.lit' to='${ROMEO}'/>`);
  romeo.send(`<iq type='get' id='2'><query xmlns='urn:enjamb:other'/></iq>`);
  await romeo.receives(
    `<iq type='error' id='2' from='romeo@montague.lit' to='${ROMEO}'>${errorXml('service-unavailable', 'cancel')}</iq>`,
  );
  romeo.send(`<iq type='get' id='3'/>`);
  await romeo.receives(
    `<iq type='error' id='3' from='romeo@montague.lit' to='${ROMEO}'>${errorXml('bad-request', 'modify', '{any}')}</iq>`,
  );
});

test('a request to `self` falls back to the handler of `bare`, and not the reverse', async (t) => {
  const bench = await startBench(t);
  bench.handleIq(() => xml('query', { xmlns: TEST_NS, by: 'bare' }), { to: ['bare'] });
  bench.handleIq(() => xml('own', { xmlns: TEST_NS }), { to: ['self'], name: 'own' });
  const romeo = await bench.client(ROMEO);
  const juliet = await bench.client('juliet@montague.lit/balcony');
  romeo.send(`<iq type='get' id='1' to='romeo@montague.lit'><query xmlns='${TEST_NS}'/></iq>`);
  await romeo.receives(
    `<iq type='result' id='1' from='romeo@montague.lit' to='${ROMEO}'><query xmlns='${TEST_NS}' by='bare'/></iq>`,
  );
  juliet.send(`<iq type='get' id='2' to='romeo@montague.lit'><own xmlns='${TEST_NS}'/></iq>`);
  await juliet.receives(
    `<iq type='error' id='2' from='romeo@montague.lit' to='juliet@montague.lit/balcony'>${errorXml('service-unavailable', 'cancel')}</iq>`,
  );
});

test('RFC 6120 §8.2.3: two children, or none, are a bad-request, from clients and from servers', async (t) => {
  const bench = await startBench(t);
  bench.handleIq(() => assert.fail('handled'));
  const romeo = await bench.client(ROMEO);
  for (const children of ['', `<query xmlns='${TEST_NS}'/><query xmlns='${TEST_NS}'/>`]) {
    romeo.send(`<iq type='get' id='1' to='montague.lit'>${children}</iq>`);
    await romeo.receives(
      `<iq type='error' id='1' from='montague.lit' to='${ROMEO}'>${errorXml('bad-request', 'modify', '{any}')}</iq>`,
    );
    bench.arrive(`<iq type='get' id='2' from='capulet.lit' to='montague.lit'>${children}</iq>`);
    assertXml(
      bench.sent.shift()!,
      `<iq type='error' id='2' from='montague.lit' to='capulet.lit'>${errorXml('bad-request', 'modify', '{any}')}</iq>`,
    );
  }
});

test('RFC 6120 §8.2.3: a result and an error are never answered', async (t) => {
  const bench = await startBench(t);
  const romeo = await bench.client(ROMEO);
  for (const to of [
    'montague.lit',
    'romeo@montague.lit',
    'nobody@montague.lit',
    'nobody@montague.lit/x',
    ROMEO,
  ]) {
    bench.arrive(`<iq type='result' id='1' from='capulet.lit' to='${to}'/>`);
    bench.arrive(`<iq type='error' id='1' from='capulet.lit' to='${to}'>${errorXml('gone', 'cancel')}</iq>`);
  }
  await romeo.receives(`<iq type='result' id='1' from='capulet.lit' to='${ROMEO}'/>`);
  await romeo.receives(
    `<iq type='error' id='1' from='capulet.lit' to='${ROMEO}'>${errorXml('gone', 'cancel')}</iq>`,
  );
  await romeo.receivesNothing();
  assert.deepEqual(bench.sent, []);
});

test('a handler may be asynchronous; its rejection refuses the request', async (t) => {
  const bench = await startBench(t);
  const answers = new Map<string, () => Promise<Element | undefined>>([
    ['late', () => Promise.resolve(xml('query', { xmlns: TEST_NS, late: 'yes' }))],
    ['empty', () => Promise.resolve(undefined)],
    ['refused', () => Promise.reject(new StanzaError('forbidden', { text: 'not you' }))],
    ['broken', () => Promise.reject(new Error('secret detail'))],
  ]);
  bench.handleIq(({ payload }) => answers.get(payload.attrs.q!)!());
  const romeo = await bench.client(ROMEO);
  const ask = (q: string) =>
    romeo.send(`<iq type='get' id='${q}' to='montague.lit'><query xmlns='${TEST_NS}' q='${q}'/></iq>`);
  const head = (type: string) => `<iq type='${type}' from='montague.lit' to='${ROMEO}'`;
  ask('late');
  await romeo.receives(`${head('result')} id='late'><query xmlns='${TEST_NS}' late='yes'/></iq>`);
  ask('empty');
  await romeo.receives(`${head('result')} id='empty'/>`);
  ask('refused');
  await romeo.receives(`${head('error')} id='refused'>${errorXml('forbidden', 'auth', 'not you')}</iq>`);
  ask('broken');
  await romeo.receives(`${head('error')} id='broken'>${errorXml('internal-server-error', 'cancel')}</iq>`);
  assertFaults(bench.host.faults, { handler: 1 });
});

test('a handler that throws refuses the request, without internal details', async (t) => {
  const bench = await startBench(t);
  const errors = [new StanzaError('not-allowed'), new Error('secret detail')];
  bench.handleIq(() => {
    throw errors.shift();
  });
  const romeo = await bench.client(ROMEO);
  for (const condition of ['not-allowed', 'internal-server-error']) {
    romeo.send(`<iq type='get' id='1' to='montague.lit'><query xmlns='${TEST_NS}'/></iq>`);
    await romeo.receives(
      `<iq type='error' id='1' from='montague.lit' to='${ROMEO}'>${errorXml(condition, 'cancel')}</iq>`,
    );
  }
  assertFaults(bench.host.faults, { handler: 1 });
});

test('a refusal in an event that the handler fires refuses the request', async (t) => {
  const bench = await startBench(t);
  const romeo = await bench.client(ROMEO);
  bench.hook('user-create', () => {
    throw new StanzaError('policy-violation');
  });
  bench.handleIq(() => void bench.host.hooks.fire('user-create', { user: 'x' }));
  romeo.send(`<iq type='get' id='1' to='montague.lit'><query xmlns='${TEST_NS}'/></iq>`);
  await romeo.receives(
    `<iq type='error' id='1' from='montague.lit' to='${ROMEO}'>${errorXml('policy-violation', 'modify')}</iq>`,
  );
});

test('a request has one handler: a second one is refused, and both modules are named', () => {
  const handlers = new IqHandlers();
  const match = { type: 'get', to: ['host', 'bare'], name: 'query', xmlns: TEST_NS } as const;
  const remove = handlers.add(match, () => undefined, 'first');
  assert.throws(
    () => handlers.add({ ...match, to: ['self', 'bare'] }, () => undefined, 'second'),
    (error) =>
      error instanceof ModuleError &&
      error.code === 'MODULE_HANDLER_CONFLICT' &&
      error.message.includes('first') &&
      error.message.includes('second'),
  );
  const query = xml('query', TEST_NS);
  assert.equal(
    handlers.find('get', 'self', query)?.owner,
    'first',
    'the refused one has left nothing behind',
  );
  handlers.add({ ...match, type: 'set' }, () => undefined, 'second');
  remove();
  assert.equal(handlers.find('get', 'bare', query), undefined);
  assert.equal(handlers.find('set', 'bare', query)?.owner, 'second');
});
