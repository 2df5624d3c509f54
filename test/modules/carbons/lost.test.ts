// K5: a message and its copies count together (ADR 0014). What the last client that has it does decides.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { C2SSession as RealSession } from '../../../src/c2s/index.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { becomeAvailable, settled } from '../../support/contacts.ts';
import {
  asks,
  BALCONY,
  CHAMBER,
  chat,
  copy,
  drain,
  HALL,
  JULIET,
  login,
  ROMEO,
  type Scene,
  SM,
  scene,
} from './scene.ts';

const EXPIRY_MS = 600_000;
const delay = (stamp = '2026-01-01T00:00:00.000Z') =>
  `<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='${stamp}'/>`;
const refusal = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;

/** A client with stream management and carbons that has acknowledged everything. */
async function managed(there: Scene, jid: string, priority: number | 'silent' = 0) {
  const { client, id } = await there.managed(jid);
  await asks(client, 'enable');
  if (priority !== 'silent') await becomeAvailable(client, `<priority>${priority}</priority>`);
  await acknowledges(there, client);
  return { client, id };
}

async function acknowledges(there: Scene, client: ScriptedClient): Promise<void> {
  client.send(`<a ${SM} h='${there.sent(client.jid)}'/>`);
  await there.turns();
}

/** Balcony, to which messages are sent, and chamber, which gets copies. Neither acknowledges anything more. */
async function two(
  there: Scene,
): Promise<{ balcony: ScriptedClient; chamber: ScriptedClient; romeo: ScriptedClient }> {
  const { client: balcony } = await managed(there, BALCONY);
  const { client: chamber } = await managed(there, CHAMBER);
  for (const client of [balcony, chamber]) {
    await drain(client);
    await acknowledges(there, client);
  }
  const romeo = await login(there, ROMEO);
  return { balcony, chamber, romeo };
}

/** The client's session ends at once. */
async function ends(there: Scene, client: ScriptedClient): Promise<void> {
  client.send('</stream:stream>');
  await client.closed();
  await there.idle();
}

function says(romeo: ScriptedClient, type = 'chat'): void {
  romeo.send(`<message type='${type}' id='m1' to='${BALCONY}'><body>Hi</body></message>`);
}

const message = (type = 'chat', more = '') =>
  `<message type='${type}' id='m1' from='${ROMEO}' to='${BALCONY}'><body>Hi</body>${more}</message>`;

for (const first of ['message', 'copy'] as const) {
  test(`the client with the ${first} ends first, then the other: the message is stored, once and unwrapped`, async (t) => {
    const there = await scene(t);
    const { balcony, chamber, romeo } = await two(there);
    says(romeo);
    await drain(romeo);
    const order = first === 'message' ? [balcony, chamber] : [chamber, balcony];
    for (const client of order) await ends(there, client);
    const hall = await login(there, HALL, { carbons: false });
    await hall.receives(message('chat', delay()));
    await settled(hall, romeo);
  });

  test(`the client with the ${first} acknowledges: it is not redelivered when the other one ends`, async (t) => {
    const there = await scene(t);
    const { balcony, chamber, romeo } = await two(there);
    says(romeo);
    await drain(romeo);
    const [taker, other] = first === 'message' ? [balcony, chamber] : [chamber, balcony];
    await acknowledges(there, taker);
    await ends(there, other);
    await drain(taker);
    await ends(there, taker);
    const hall = await login(there, HALL);
    await settled(hall, romeo);
  });
}

test('O10: a message is not delivered as such to a client that may still acknowledge its copy', async (t) => {
  const there = await scene(t);
  const { balcony, chamber, romeo } = await two(there);
  says(romeo);
  await chamber.receives(copy('received', CHAMBER, message()));
  await ends(there, balcony);
  await chamber.receives(`<presence type='unavailable' from='${BALCONY}' to='${JULIET}'/>`);
  await settled(chamber, romeo);
});

test('O10: a client without stream management that has the copy does not get the message too', async (t) => {
  const there = await scene(t);
  const { balcony, chamber, romeo } = await two(there);
  await ends(there, chamber);
  const hall = await login(there, HALL);
  await drain(hall);
  says(romeo);
  await hall.receives(copy('received', HALL, message()));
  await ends(there, balcony);
  await hall.receives(`<presence type='unavailable' from='${BALCONY}' to='${JULIET}'/>`);
  await settled(hall, romeo);
});

test('O11: a client that has got neither message nor copy is delivered the message when the last copy fails', async (t) => {
  const there = await scene(t);
  const { balcony, chamber, romeo } = await two(there);
  says(romeo);
  await drain(romeo);
  const hall = await login(there, HALL, { carbons: false });
  await ends(there, balcony);
  await drain(hall);
  await ends(there, chamber);
  await hall.skipUntil(message('chat', delay()));
  await settled(hall, romeo);
});

test('H3: a copy that fails tells the sender nothing while the message is delivered; only the failure of both is an error', async (t) => {
  const there = await scene(t);
  const { balcony, chamber, romeo } = await two(there);
  says(romeo, 'normal'); // Refused if its client is gone (RFC 6121 §8.5.3.2.1).
  await drain(romeo);
  await ends(there, chamber);
  await settled(romeo);
  await ends(there, balcony);
  await romeo.receives(`<message type='error' id='m1' from='${BALCONY}' to='${ROMEO}'>${refusal}</message>`);
});

test('a copy of a sent message that no client acknowledges is dropped, since its sender has it', async (t) => {
  const there = await scene(t);
  const { balcony, chamber, romeo } = await two(there);
  balcony.send(`<message type='chat' to='${ROMEO}'><body>Hi</body></message>`);
  await romeo.receives(chat(BALCONY, ROMEO, 'Hi'));
  await ends(there, chamber);
  await balcony.receives(`<presence type='unavailable' from='${CHAMBER}' to='${JULIET}'/>`);
  await settled(balcony, romeo);
  await ends(there, balcony);
  const hall = await login(there, HALL);
  await settled(hall, romeo);
});

test('a copy of a message that failed is dropped with its client: the sender gets one error', async (t) => {
  const there = await scene(t);
  const { balcony, chamber } = await two(there);
  balcony.send(`<message type='chat' id='m1' to='nobody@capulet.lit'><body>Hi</body></message>`);
  await balcony.skipUntil(({ attrs }) => attrs.type === 'error');
  await ends(there, chamber);
  await balcony.receives(`<presence type='unavailable' from='${CHAMBER}' to='${JULIET}'/>`);
  await settled(balcony);
});

test('a copy of a stored message that no client acknowledges is dropped, since the message is stored', async (t) => {
  const there = await scene(t);
  const { client: balcony } = await managed(there, BALCONY, -1);
  const romeo = await login(there, ROMEO);
  romeo.send(`<message type='chat' to='${JULIET}'><body>Hi</body></message>`);
  await balcony.receives(copy('received', BALCONY, chat(ROMEO, JULIET, 'Hi')));
  await there.idle();
  await ends(there, balcony);
  const hall = await login(there, HALL);
  await hall.receives(chat(ROMEO, JULIET, 'Hi', delay()));
  await settled(hall, romeo);
});

test('K6: sleeping clients get copies; when both expire, the message is stored once', async (t) => {
  const there = await scene(t);
  const { balcony, chamber, romeo } = await two(there);
  for (const client of [balcony, chamber]) await there.loses(client);
  says(romeo);
  await drain(romeo);
  assert.equal(there.management(CHAMBER).outbound.queue.length, 1);
  await there.clock.advance(EXPIRY_MS);
  await there.idle();
  const hall = await login(there, HALL);
  await hall.receives(message('chat', delay()));
  await settled(hall, romeo);
});

test('the successor of a client that has not acknowledged a copy is sent it, as it was', async (t) => {
  const there = await scene(t);
  const { balcony, romeo } = await two(there);
  says(romeo);
  await drain(romeo);
  const { client: next } = await there.managed(CHAMBER);
  const arrived = await next.next();
  assert.equal(arrived.attrs.from, JULIET);
  const forwarded = arrived
    .getChild('received', 'urn:xmpp:carbons:2')
    ?.getChild('forwarded', 'urn:xmpp:forward:0');
  assert.equal(forwarded?.elements()[0]?.attrs.id, 'm1');
  // It counts as before: acknowledged there, the message is not redelivered when its own client ends.
  next.send(`<a ${SM} h='${there.sent(CHAMBER)}'/>`);
  await there.turns();
  await becomeAvailable(next);
  await drain(next);
  await ends(there, balcony);
  await next.receives(`<presence type='unavailable' from='${BALCONY}' to='${JULIET}'/>`);
  await settled(next, romeo);
});

test('messages and copies in saved sessions count together in the next process', async (t) => {
  const there = await scene(t);
  const { balcony, chamber, romeo } = await two(there);
  for (const client of [balcony, chamber]) await there.loses(client);
  says(romeo);
  await drain(romeo);
  const records = [BALCONY, CHAMBER].map((jid) => (there.session(jid) as RealSession).record());

  const next = await scene(t);
  const host = next.test.server.router.hosts.get('capulet.lit')!;
  await host.ready('juliet');
  for (const record of records)
    RealSession.asleep(JSON.parse(JSON.stringify(record)), host, next.test.server);
  await next.clock.advance(EXPIRY_MS);
  await next.idle();
  const hall = await login(next, HALL);
  await hall.receives(message('chat', delay()));
  await settled(hall);
});

test('a message that a module holds and sends after its copies counts with them', async (t) => {
  const there = await scene(t);
  const { balcony, chamber, romeo } = await two(there);
  const { hooks } = there.test.server.router.hosts.get('capulet.lit')!;
  const held: (() => void)[] = [];
  hooks.add(
    'c2s-out',
    ({ session, element }) => {
      if (session.jid.toString() !== BALCONY || element.name !== 'message') return undefined;
      held.push(() => session.commit(element));
      return 'held';
    },
    'deliver',
    'test',
  );
  says(romeo);
  await chamber.receives(copy('received', CHAMBER, message()));
  for (const commit of held) commit();
  await balcony.receives(message());
  await ends(there, balcony);
  await chamber.receives(`<presence type='unavailable' from='${BALCONY}' to='${JULIET}'/>`);
  await settled(chamber, romeo);
});

test('the queue of a sleeping client is full of copies: its session ends, and nobody else notices', async (t) => {
  const there = await scene(t, 'smacks_max_queue = 3');
  const { balcony, chamber, romeo } = await two(there);
  await there.loses(chamber);
  for (let i = 0; i < 5; i++) {
    says(romeo);
    await balcony.skipUntil(message());
    await acknowledges(there, balcony);
  }
  assert.equal(there.session(CHAMBER), undefined);
  await drain(balcony);
  await settled(balcony, romeo);
});
