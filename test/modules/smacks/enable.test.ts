// XEP-0198 §2, §3: stream management is offered and enabled.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BALCONY, JULIET, SM, scene } from './scene.ts';

const REFUSED = `<failed ${SM}><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`;
const NS_SM = 'urn:xmpp:sm:3';

test('XEP-0198 §2: the feature is there once a client has authenticated, not before', async (t) => {
  const there = await scene(t);
  const client = there.test.connect();
  assert.equal((await client.open('capulet.lit')).getChild('sm', NS_SM), undefined);
  client.send(
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${btoa('\0juliet\0secret')}</auth>`,
  );
  await client.next();
  assert.ok((await client.open('capulet.lit')).getChild('sm', NS_SM));
});

test('XEP-0198 §3: without resume there is no id', async (t) => {
  const there = await scene(t);
  const client = await there.test.client(BALCONY);
  client.send(`<enable ${SM}/>`);
  await client.receives(`<enabled ${SM}/>`);
});

test('XEP-0198 §5: with resume there is an id that nobody can guess, and how long it is good', async (t) => {
  const there = await scene(t);
  const ids = new Set<string>();
  for (const [resource, wish] of [
    ['a', `resume='true'`],
    ['b', `resume='1' max='3000'`],
    ['c', `resume='true' max='nonsense'`],
  ]) {
    const client = await there.test.client(`${JULIET}/${resource}`);
    client.send(`<enable ${SM} ${wish}/>`);
    const enabled = await client.receives(`<enabled ${SM} id='{any}' resume='true' max='600'/>`);
    ids.add(enabled.attrs.id!);
  }
  assert.equal(ids.size, 3);
  for (const id of ids) assert.match(id, /^[\w-]{20}$/);
});

test('XEP-0198 §3: a client that wants to be away for a shorter time gets that', async (t) => {
  const there = await scene(t);
  const client = await there.test.client(BALCONY);
  client.send(`<enable ${SM} resume='true' max='30'/>`);
  await client.receives(`<enabled ${SM} id='{any}' resume='true' max='30'/>`);
  const session = await there.loses(client);
  await there.clock.advance(29_000);
  assert.equal(there.session(BALCONY), session);
  await there.clock.advance(1_000);
  assert.equal(there.session(BALCONY), undefined);
});

test('XEP-0198 §3: before a resource is bound the request fails, and a resource can be bound', async (t) => {
  const there = await scene(t);
  const client = await there.authenticated(JULIET);
  client.send(`<enable ${SM}/>`);
  await client.receives(REFUSED);
  client.send(`<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`);
  assert.equal((await client.next()).attrs.type, 'result');
  client.send(`<enable ${SM}/>`);
  await client.receives(`<enabled ${SM}/>`);
});

test('XEP-0198 §3: before authentication the request fails, and the stream goes on', async (t) => {
  const there = await scene(t);
  const client = there.test.connect();
  await client.open('capulet.lit');
  for (const request of [`<enable ${SM}/>`, `<resume ${SM} previd='x' h='0'/>`]) {
    client.send(request);
    await client.receives(REFUSED);
  }
});

test('XEP-0198 §3: a second request ends the stream', async (t) => {
  const there = await scene(t);
  const { client } = await there.managed(BALCONY);
  client.send(`<enable ${SM} resume='true'/>`);
  assert.ok((await client.next()).getChild('policy-violation', 'urn:ietf:params:xml:ns:xmpp-streams'));
  await client.closed();
  assert.equal(there.session(BALCONY), undefined);
});

test('XEP-0198 §6: what needs stream management fails without it, and the stream goes on', async (t) => {
  const there = await scene(t);
  const client = await there.test.client(BALCONY);
  for (const name of ['r', 'a', 'resume']) {
    client.send(`<${name} ${SM} h='0' previd='x'/>`);
    await client.receives(REFUSED);
  }
  await client.receivesNothing();
});

test('a client that has not bound and says something else than that is told so', async (t) => {
  const there = await scene(t);
  const client = await there.authenticated(JULIET);
  client.send(`<a ${SM} h='0'/>`);
  const error = await client.next();
  assert.ok(error.getChild('unsupported-stanza-type', 'urn:ietf:params:xml:ns:xmpp-streams'));
  await client.closed();
});
