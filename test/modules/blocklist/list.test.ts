// The list itself: requests of clients, pushes, bounds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../../../src/storage/drivers/memory.ts';
import { StorageError } from '../../../src/storage/error.ts';
import { becomeAvailable, reloadModule, settled } from '../../support/contacts.ts';
import { assertFaults, startServer } from '../../support/server.ts';
import {
  BALCONY,
  block,
  CHAMBER,
  configWith,
  JULIET,
  lists,
  NURSE,
  ORCHARD,
  push,
  ROMEO,
  refused,
  scene,
  unavailable,
  unblock,
} from './scene.ts';

const NS = `xmlns='urn:xmpp:blocking'`;

test('B15, XEP-0191 §3.1: the host has the feature urn:xmpp:blocking', async (t) => {
  const { juliet } = await scene(t);
  juliet.send(
    `<iq type='get' id='d' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  const info = await juliet.next();
  const features = info.getChild('query', 'http://jabber.org/protocol/disco#info')?.getChildren('feature');
  assert.ok(
    features?.some(({ attrs }) => attrs.var === 'urn:xmpp:blocking'),
    `${info}`,
  );
});

test('B15, XEP-0191 §3.2: a get lists the items, prepared, in the order of blocking; an empty list without any', async (t) => {
  const { juliet } = await scene(t);
  await lists(juliet);
  await block(juliet, 'ROMEO@Montague.LIT', 'tybalt@capulet.lit/Sword');
  await juliet.receives(push(juliet, 'block', ROMEO, 'tybalt@capulet.lit/Sword'));
  await block(juliet, 'Verona.LIT', ROMEO);
  await juliet.receives(push(juliet, 'block', 'verona.lit', ROMEO));
  await lists(juliet, ROMEO, 'tybalt@capulet.lit/Sword', 'verona.lit');
});

test('B15, XEP-0191 §3.3: a push with a fresh id goes to every session that has asked for the list, the asker included', async (t) => {
  const { server, juliet } = await scene(t);
  const chamber = await server.client(CHAMBER);
  const hall = await server.client(`${JULIET}/hall`);
  await lists(juliet);
  await lists(chamber);
  await block(juliet, ROMEO);
  const [one, other] = [await juliet.next(), await chamber.next()];
  assert.notEqual(one.attrs.id, other.attrs.id);
  assert.deepEqual(
    [one, other].map(({ attrs }) => attrs.to),
    [BALCONY, CHAMBER],
  );
  await settled(juliet, chamber, hall);

  await unblock(hall, ROMEO);
  await juliet.receives(push(juliet, 'unblock', ROMEO));
  await chamber.receives(push(chamber, 'unblock', ROMEO));
  await block(chamber, ROMEO);
  await chamber.receives(push(chamber, 'block', ROMEO));
  await juliet.receives(push(juliet, 'block', ROMEO));
  await settled(juliet, chamber, hall);
});

test('B18, XEP-0191 §3.5: unblocking all empties the list, and is pushed without items', async (t) => {
  const { juliet } = await scene(t);
  await block(juliet, ROMEO, NURSE);
  await lists(juliet, ROMEO, NURSE);
  await unblock(juliet);
  await juliet.receives(push(juliet, 'unblock'));
  await lists(juliet);
});

test('B18: unblocking what is not blocked succeeds', async (t) => {
  const { juliet } = await scene(t);
  await unblock(juliet, ROMEO);
  await block(juliet, NURSE);
  await unblock(juliet, ROMEO);
  await lists(juliet, NURSE);
});

for (const [title, content, condition, type, text] of [
  ['block without item', `<block ${NS}/>`, 'bad-request', 'modify', 'Name at least one address'],
  [
    'item without `jid`',
    `<block ${NS}><item jid='${ROMEO}'/><item/></block>`,
    'bad-request',
    'modify',
    'An item has no address',
  ],
  [
    'invalid address',
    `<block ${NS}><item jid='${ROMEO}'/><item jid='@'/></block>`,
    'jid-malformed',
    'modify',
    undefined,
  ],
  [
    'unblock with other content',
    `<unblock ${NS}><items/></unblock>`,
    'bad-request',
    'modify',
    'Name at least one address',
  ],
  [
    'unblock of an invalid address',
    `<unblock ${NS}><item jid='${NURSE}'/><item jid='@'/></unblock>`,
    'jid-malformed',
    'modify',
    undefined,
  ],
] as const) {
  test(`B15: ${title} is ${condition}; then nothing changes`, async (t) => {
    const { juliet } = await scene(t);
    await block(juliet, NURSE);
    await lists(juliet, NURSE);
    juliet.send(`<iq type='set' id='x'>${content}</iq>`);
    await juliet.receives(refused(juliet, condition, type, text));
    await lists(juliet, NURSE);
  });
}

const FULL = 'The block list is full: unblock an address first, or block a whole domain';

test('B15: too many addresses are a resource-constraint; then nothing changes', async (t) => {
  const { juliet } = await scene(t, 'blocklist_max_items = 2');
  await block(juliet, NURSE);
  juliet.send(`<iq type='set' id='x'><block ${NS}><item jid='a@b.lit'/><item jid='c@d.lit'/></block></iq>`);
  await juliet.receives(refused(juliet, 'resource-constraint', 'cancel', FULL));
  await lists(juliet, NURSE);
  await block(juliet, ROMEO, NURSE);
  await juliet.receives(push(juliet, 'block', ROMEO, NURSE));
  await lists(juliet, NURSE, ROMEO);
});

test('a list has 256 KiB of addresses at most', async (t) => {
  const { juliet } = await scene(t);
  const long = (n: number) => `${'x'.repeat(1000)}@${'y'.repeat(60)}.lit/${n}${'z'.repeat(1000)}`;
  const ask = (from: number, to: number) => {
    const content = Array.from({ length: to - from }, (_, n) => `<item jid='${long(from + n)}'/>`).join('');
    juliet.send(`<iq type='set' id='x'><block ${NS}>${content}</block></iq>`);
  };
  ask(0, 100);
  await juliet.receives(`<iq type='result' id='x' from='${JULIET}' to='${BALCONY}'/>`);
  ask(100, 200);
  await juliet.receives(refused(juliet, 'resource-constraint', 'cancel', FULL));
});

test('B15, X2: a change that cannot be stored is refused, undone, and pushed to nobody', async (t) => {
  const driver = new MemoryStorage();
  const server = await startServer(t, { config: configWith(), openStorage: async () => driver });
  const [juliet, romeo] = [await server.client(BALCONY), await server.client(ORCHARD)];
  await lists(juliet);
  const isFull = new StorageError('full', 'Not written: database or disk is full', { driver: 'sqlite' });
  const store = driver.keyval('capulet.lit', 'blocklist');
  t.mock.method(store, 'set', () => Promise.reject(isFull), { times: 1 });
  juliet.send(`<iq type='set' id='x'><block ${NS}><item jid='${ROMEO}'/></block></iq>`);
  await juliet.receives(
    refused(
      juliet,
      'resource-constraint',
      'wait',
      'The server has no room to store this now. Try again later.',
    ),
  );
  await lists(juliet);
  romeo.send(`<message type='headline' to='${BALCONY}'><body>Here</body></message>`);
  await juliet.receives(
    `<message type='headline' from='${ORCHARD}' to='${BALCONY}'><body>Here</body></message>`,
  );
  await block(juliet, NURSE);
  assertFaults(server.server.faults, { storage: 1 });
});

test('B15: what was asked for, and the list, survive a reload of the module', async (t) => {
  const { server, juliet, romeo } = await scene(t);
  await block(juliet, ROMEO);
  await lists(juliet, ROMEO);
  await reloadModule(server, 'blocklist');
  romeo.send(`<message id='m' type='chat' to='${JULIET}'><body>?</body></message>`);
  await romeo.receives(unavailable('message', 'm', JULIET, ORCHARD));
  await block(juliet, NURSE);
  await juliet.receives(push(juliet, 'block', NURSE));
});

test('changes of two clients at the same time are both kept', async (t) => {
  const { server, juliet } = await scene(t);
  const chamber = await server.client(CHAMBER);
  for (const [client, jid] of [
    [juliet, ROMEO],
    [chamber, NURSE],
  ] as const)
    client.send(`<iq type='set' id='x'><block ${NS}><item jid='${jid}'/></block></iq>`);
  await juliet.next();
  await chamber.next();
  juliet.send(`<iq type='get' id='list'><blocklist ${NS}/></iq>`);
  const list = (await juliet.next()).getChild('blocklist', 'urn:xmpp:blocking');
  assert.deepEqual(
    list
      ?.getChildren('item')
      .map(({ attrs }) => attrs.jid)
      .sort(),
    [NURSE, ROMEO].sort(),
  );
});

test('the next owner of a deleted account’s name has no list', async (t) => {
  const { server, juliet } = await scene(t);
  await block(juliet, ROMEO);
  await server.server.commands.run('user delete', { jid: JULIET }, { by: 'test' });
  await juliet.closed();
  const again = await server.client(BALCONY);
  await lists(again);
  await becomeAvailable(again);
});
