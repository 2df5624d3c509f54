// XEP-0198 §5: a client whose connection broke comes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StanzaEvent } from '../../../src/api/events.ts';
import type { C2SSession } from '../../../src/api/session.ts';
import { becomeAvailable, befriend, reloadModule } from '../../support/contacts.ts';
import { parseXml } from '../../support/match.ts';
import { BALCONY, CHAMBER, chat, JULIET, ROMEO, SM, says, scene } from './scene.ts';

const R = `<r ${SM}/>`;
const a = (h: number) => `<a ${SM} h='${h}'/>`;
const resumed = (id: string, h: number) => `<resumed ${SM} previd='${id}' h='${h}'/>`;
const failed = (condition: string, h = '') =>
  `<failed ${SM} ${h}><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`;
const isStreamError = (condition: string) => (element: { getChild(name: string, ns: string): unknown }) =>
  element.getChild(condition, 'urn:ietf:params:xml:ns:xmpp-streams') !== undefined;

test('XEP-0198 §5: what the client has not is sent again, in order, behind it what came meanwhile; then all goes on', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(romeo, BALCONY, '1', '2', '3');
  for (const text of ['1', '2', '3']) await client.receives(chat(ROMEO, BALCONY, text));
  says(client, ROMEO, 'got 1');
  await romeo.receives(chat(BALCONY, ROMEO, 'got 1'));
  await there.loses(client);
  says(romeo, BALCONY, '4');
  says(romeo, JULIET, '5');
  await romeo.receivesNothing();

  const back = await there.returning(BALCONY, id, 2);
  await back.receives(resumed(id, 2));
  await back.receives(chat(ROMEO, BALCONY, '2'));
  await back.receives(chat(ROMEO, BALCONY, '3'));
  await back.receives(chat(ROMEO, BALCONY, '4'));
  await back.receives(chat(ROMEO, JULIET, '5'));
  says(romeo, BALCONY, '6');
  await back.receives(chat(ROMEO, BALCONY, '6'));
  back.send(`${a(7)}${R}`);
  await back.receives(a(2));
  says(back, ROMEO, 'got all');
  await romeo.receives(chat(BALCONY, ROMEO, 'got all'));
  back.send(R);
  await back.receives(a(3));
  assert.equal(there.management(BALCONY).outbound.queue.length, 0);
  await back.receivesNothing();
});

test('XEP-0198 §5: whatever else is said to a client that comes back is said behind what it missed', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  const { hooks } = there.test.server.router.hosts.get('capulet.lit')!;
  const greet = ({ session }: { session: C2SSession }) =>
    void session.send(parseXml('<message id="hello"/>'));
  hooks.add('c2s-resume', greet, 'observe', 'test');
  await there.loses(client);
  says(romeo, BALCONY, 'missed');
  await romeo.receivesNothing();
  const back = await there.returning(BALCONY, id, 1);
  await back.receives(resumed(id, 1));
  await back.receives(chat(ROMEO, BALCONY, 'missed'));
  assert.equal((await back.next()).attrs.id, 'hello');
});

test('XEP-0198 §5: what was sent twice in vain is sent a third time, once', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  await there.loses(client);
  says(romeo, BALCONY, 'hear me');
  await romeo.receivesNothing();
  for (let i = 0; i < 3; i++) {
    const back = await there.returning(BALCONY, id, 1);
    await back.receives(resumed(id, 1));
    await back.receives(chat(ROMEO, BALCONY, 'hear me'));
    if (i < 2) await there.loses(back);
    else await back.receivesNothing();
  }
});

test('XEP-0198 §5: nobody sees that the client is away, and its presence counts', async (t) => {
  const there = await scene(t);
  await befriend(there.test, JULIET, 'romeo@capulet.lit');
  const romeo = await there.test.client(ROMEO);
  await becomeAvailable(romeo);
  const { client, id } = await there.available(BALCONY);
  await romeo.skipUntil(({ name, attrs }) => name === 'presence' && attrs.from === BALCONY);
  await there.loses(client);
  await romeo.receivesNothing();
  says(romeo, JULIET, 'asleep?');
  romeo.send(`<presence type='unavailable'/>`);
  await romeo.receives(`<presence type='unavailable' from='${ROMEO}' to='romeo@capulet.lit'/>`);
  await romeo.receivesNothing();
  const { acknowledged } = there.management(BALCONY).outbound;
  const back = await there.returning(BALCONY, id, acknowledged);
  await back.receives(resumed(id, 1));
  await back.receives(chat(ROMEO, JULIET, 'asleep?'));
  await back.receives(`<presence type='unavailable' from='${ROMEO}' to='${JULIET}'/>`);
});

test('XEP-0198 §5: a session whose old stream still seems alive: that one is closed with conflict', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  const back = await there.returning(BALCONY, id, 1);
  await back.receives(resumed(id, 1));
  assert.ok(isStreamError('conflict')(await client.next()));
  await client.closed();
  says(client, ROMEO, 'from nowhere');
  await back.receivesNothing();
  assert.equal(there.session(BALCONY)?.connected, true);
});

test('XEP-0198 §10: nobody resumes the session of somebody else', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  await there.loses(client);
  const thief = await there.returning('romeo@capulet.lit', id, 1);
  await thief.receives(failed('item-not-found'));
  const back = await there.returning(BALCONY, id, 1);
  await back.receives(resumed(id, 1));
});

test('XEP-0198 §5: a session that is not known: the client may try again, and bind', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  await there.loses(client);
  const back = await there.authenticated(JULIET);
  back.send(`<resume ${SM} previd='nonsense' h='0'/>`);
  await back.receives(failed('item-not-found'));
  for (const attributes of ['', `previd='${id}'`, `h='1'`, `previd='${id}' h='one'`]) {
    back.send(`<resume ${SM} ${attributes}/>`);
    await back.receives(failed('bad-request'));
  }
  back.send(
    `<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>chamber</resource></bind></iq>`,
  );
  assert.equal((await back.next()).attrs.type, 'result');
  assert.equal(there.session(BALCONY)?.connected, false);
  assert.equal(there.session(CHAMBER)?.connected, true);
});

test('XEP-0198 §5: a session that did not ask for it is not resumed, whatever the id', async (t) => {
  const there = await scene(t);
  const { client } = await there.managed(BALCONY, '');
  for (const previd of ['', 'undefined']) {
    const other = await there.returning(BALCONY, previd, 0);
    await other.receives(failed('item-not-found'));
  }
  client.drop();
  await there.turns();
  assert.equal(there.session(BALCONY), undefined);
});

test('XEP-0198 §6: a client that claims more than it was sent loses the new stream, and not its session', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  await there.loses(client);
  const liar = await there.returning(BALCONY, id, 2);
  const error = await liar.next();
  assert.ok(isStreamError('undefined-condition')(error));
  const { h, 'send-count': sent } = error.getChild('handled-count-too-high', 'urn:xmpp:sm:3')!.attrs;
  assert.deepEqual([h, sent], ['2', '1']);
  await liar.closed();
  const back = await there.returning(BALCONY, id, 1);
  await back.receives(resumed(id, 1));
});

test('XEP-0198 §5: a session given up is over for everybody; its client is told how much of it was handled', async (t) => {
  const there = await scene(t);
  await befriend(there.test, JULIET, 'romeo@capulet.lit');
  const romeo = await there.test.client(ROMEO);
  await becomeAvailable(romeo);
  const { client, id } = await there.available(BALCONY);
  await romeo.skipUntil(({ name, attrs }) => name === 'presence' && attrs.from === BALCONY);
  says(client, ROMEO, 'farewell');
  await romeo.receives(chat(BALCONY, ROMEO, 'farewell'));
  await there.loses(client);
  await there.clock.advance(599_999);
  await romeo.receivesNothing();
  await there.clock.advance(1);
  await romeo.receives(`<presence type='unavailable' from='${BALCONY}' to='romeo@capulet.lit'/>`);
  assert.equal(there.session(BALCONY), undefined);
  const back = await there.returning(BALCONY, id, 1);
  await back.receives(failed('item-not-found', `h='2'`));
  const thief = await there.returning('romeo@capulet.lit', id, 1);
  await thief.receives(failed('item-not-found'));
});

test('XEP-0198 §8: a client that closes its stream is gone, and does not come back', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  client.send('</stream:stream>');
  await client.closed();
  assert.equal(there.session(BALCONY), undefined);
  const back = await there.returning(BALCONY, id, 1);
  await back.receives(failed('item-not-found'));
});

test('XEP-0198 §5: a client that comes back waits until what it sent before is handled, or would send it twice', async (t) => {
  const there = await scene(t);
  const work = Promise.withResolvers<void>();
  const { hooks } = there.test.server.router.hosts.get('capulet.lit')!;
  const hold = (event: StanzaEvent): undefined => event.waitUntil(work.promise) as undefined;
  hooks.add('pre-message/full', hold, 'guard', 'test');
  const { client, id } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(client, ROMEO, 'being written');
  await romeo.receives(chat(BALCONY, ROMEO, 'being written'));
  await there.loses(client);
  const back = await there.returning(BALCONY, id, 1);
  await there.turns();
  romeo.send(`<message to='${JULIET}' type='chat'><body>meanwhile</body></message>`);
  await romeo.receivesNothing();
  work.resolve();
  await back.receives(resumed(id, 2));
  await back.receives(chat(ROMEO, JULIET, 'meanwhile'));
  await back.receivesNothing();
});

test('XEP-0198 §5: it does not wait for ever', async (t) => {
  const there = await scene(t);
  const { hooks } = there.test.server.router.hosts.get('capulet.lit')!;
  const stuck = Promise.withResolvers<void>();
  const hold = (event: StanzaEvent): undefined => event.waitUntil(stuck.promise) as undefined;
  hooks.add('pre-message/full', hold, 'guard', 'test');
  const { client, id } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(client, ROMEO, 'being written');
  await romeo.receives(chat(BALCONY, ROMEO, 'being written'));
  await there.loses(client);
  const first = await there.returning(BALCONY, id, 1);
  await there.turns();
  await there.loses(first);
  await there.clock.advance(5_000);
  assert.equal(there.session(BALCONY)?.connected, false);
  const back = await there.returning(BALCONY, id, 1);
  await there.clock.advance(5_000);
  await back.receives(resumed(id, 1));
  await back.receivesNothing();
  stuck.resolve();
});

test('a sleeping and a connected session survive a reload of the module, with all that they have', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  const { client: other } = await there.available(CHAMBER);
  await client.skipUntil(({ attrs }) => attrs.from === CHAMBER);
  client.send(`${a(2)}${R}`);
  await client.receives(a(1));
  const romeo = await there.test.client(ROMEO);
  says(romeo, CHAMBER, '0');
  await other.skipUntil(chat(ROMEO, CHAMBER, '0'));
  await there.loses(client);
  says(romeo, BALCONY, '1');
  await romeo.receivesNothing();
  await reloadModule(there.test, 'smacks');
  says(romeo, BALCONY, '2');
  says(romeo, CHAMBER, '2');
  await other.receives(chat(ROMEO, CHAMBER, '2'));
  other.send(R);
  await other.receives(a(1));
  await there.clock.advance(3_000);
  await other.receives(R);
  const back = await there.returning(BALCONY, id, 2);
  await back.receives(resumed(id, 1));
  await back.receives(chat(ROMEO, BALCONY, '1'));
  await back.receives(chat(ROMEO, BALCONY, '2'));
  await there.loses(back);
  await reloadModule(there.test, 'smacks');
  await there.clock.advance(600_000);
  assert.equal(there.session(BALCONY), undefined);
  await reloadModule(there.test, 'smacks');
  await (await there.returning(BALCONY, id, 2)).receives(failed('item-not-found', `h='1'`));
});

test('a session of which the module has missed stanzas ends when it is loaded again; messages go elsewhere', async (t) => {
  const there = await scene(t);
  const { commands } = there.test.server;
  const { client } = await there.available(BALCONY);
  const { client: other } = await there.available(CHAMBER);
  const { client: away } = await there.available(`${JULIET}/hall`);
  await client.skipUntil(({ attrs }) => attrs.from === `${JULIET}/hall`);
  await other.skipUntil(({ attrs }) => attrs.from === `${JULIET}/hall`);
  const romeo = await there.test.client(ROMEO);
  await there.loses(away);
  await commands.run('module unload', { name: 'smacks' }, { by: 'test' });
  says(romeo, `${JULIET}/hall`, 'asleep?');
  await client.receives(chat(ROMEO, `${JULIET}/hall`, 'asleep?'));
  await other.receives(chat(ROMEO, `${JULIET}/hall`, 'asleep?'));
  await commands.run('module load', { name: 'smacks' }, { by: 'test' });
  for (const one of [client, other]) await one.skipUntil((element) => isStreamError('reset')(element));
  assert.equal(there.session(BALCONY), undefined);
  assert.equal(there.session(`${JULIET}/hall`), undefined);
});

test('XEP-0198 §5: a client that has lost its connection stays in its rooms', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  const hall = 'hall@rooms.capulet.lit';
  const isSubject = ({ children }: { children: unknown[] }) => `${children}`.includes('<subject');
  for (const [who, nick] of [
    [romeo, 'Romeo'],
    [client, 'Juliet'],
  ] as const) {
    who.send(
      `<presence to='${hall}/${nick}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`,
    );
    await who.skipUntil(isSubject);
    if (nick === 'Romeo') {
      romeo.send(
        `<iq type='set' id='open' to='${hall}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
      );
      await romeo.skipUntil(({ attrs }) => attrs.id === 'open');
    }
  }
  await romeo.skipUntil(({ attrs }) => attrs.from === `${hall}/Juliet`);
  const had = there.sent(BALCONY);
  await there.loses(client);
  romeo.send(`<message to='${hall}' type='groupchat' id='1'><body>anyone?</body></message>`);
  assert.equal((await romeo.next()).getChildText('body'), 'anyone?');
  await romeo.receivesNothing();
  const back = await there.returning(BALCONY, id, had);
  await back.receives(resumed(id, 2));
  const heard = await back.next();
  assert.equal(heard.getChildText('body'), 'anyone?');
  assert.equal(heard.attrs.from, `${hall}/Romeo`);
  back.send(`<message to='${hall}' type='groupchat' id='2'><body>me</body></message>`);
  assert.equal((await romeo.next()).getChildText('body'), 'me');
});
