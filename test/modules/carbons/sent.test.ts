// XEP-0280 §8: messages of a client are copied to the other clients of its user.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { settled } from '../../support/contacts.ts';
import {
  BALCONY,
  CHAMBER,
  chat,
  copy,
  drain,
  HALL,
  JULIET,
  login,
  loginAll,
  NURSE,
  ROMEO,
  scene,
} from './scene.ts';

const body = '<body>Hi</body>';

test('K3: all other clients that want copies get them, available or not, also if the sender wants none', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, hall, plain, romeo] = await loginAll(there, {
    [BALCONY]: { carbons: false },
    [CHAMBER]: { priority: -1 },
    [HALL]: { priority: 'silent' },
    [`${JULIET}/plain`]: { carbons: false },
    [ROMEO]: {},
  });
  balcony!.send(`<message type='chat' id='m1' to='romeo@capulet.lit'>${body}</message>`);
  const inner = `<message type='chat' id='m1' from='${BALCONY}' to='romeo@capulet.lit'>${body}</message>`;
  await romeo!.receives(inner);
  await chamber!.receives(copy('sent', CHAMBER, inner));
  await hall!.receives(copy('sent', HALL, inner));
  await settled(balcony!, chamber!, hall!, plain!, romeo!);
});

test('XEP-0280 §8: the sender gets no copy of its own message', async (t) => {
  const there = await scene(t);
  const [balcony, chamber] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  balcony!.send(`<message type='chat' to='${ROMEO}'>${body}</message>`);
  await chamber!.receives(copy('sent', CHAMBER, chat(BALCONY, ROMEO, 'Hi')));
  await settled(balcony!, chamber!);
});

test('XEP-0280 §8: messages to a domain, and to users who are not here, are copied before they fail', async (t) => {
  const there = await scene(t);
  const [balcony, chamber] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {} });
  for (const to of ['capulet.lit', 'nobody@capulet.lit', 'x@elsewhere.example', 'x@elsewhere.example/y']) {
    balcony!.send(`<message type='chat' to='${to}'>${body}</message>`);
    await chamber!.receives(copy('sent', CHAMBER, chat(BALCONY, to, 'Hi')));
    await balcony!.skipUntil((element) => element.attrs.type === 'error');
  }
});

test('a message that the host of the sender refuses is not copied', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  const { hooks } = there.test.server.router.hosts.get('capulet.lit')!;
  hooks.add('pre-message/full', () => 'handled', 'guard', 'test');
  balcony!.send(`<message type='chat' to='${ROMEO}'>${body}</message>`);
  await settled(balcony!, chamber!, romeo!);
});

test('K3: each other client gets a message to the own account once: as it is, or as a copy', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, hall] = await loginAll(there, {
    [BALCONY]: { priority: -1 },
    [CHAMBER]: {},
    [HALL]: { priority: -1 },
  });
  for (const to of ['', ` to='${JULIET}'`]) {
    balcony!.send(`<message type='chat'${to}>${body}</message>`);
    await chamber!.receives(chat(BALCONY, JULIET, 'Hi'));
    await hall!.receives(copy('sent', HALL, chat(BALCONY, JULIET, 'Hi')));
    await settled(balcony!, chamber!, hall!);
  }
  balcony!.send(`<message type='chat' to='${HALL}'>${body}</message>`);
  await hall!.receives(chat(BALCONY, HALL, 'Hi'));
  await chamber!.receives(copy('sent', CHAMBER, chat(BALCONY, HALL, 'Hi')));
  await settled(balcony!, chamber!, hall!);
});

test('two users of one server: each copy stays with its user', async (t) => {
  const there = await scene(t);
  const garden = 'romeo@capulet.lit/garden';
  const [balcony, chamber, orchard, other, nurse] = await loginAll(there, {
    [BALCONY]: {},
    [CHAMBER]: {},
    [ROMEO]: {},
    [garden]: {},
    [NURSE]: {},
  });
  balcony!.send(`<message type='chat' to='${ROMEO}'>${body}</message>`);
  await chamber!.receives(copy('sent', CHAMBER, chat(BALCONY, ROMEO, 'Hi')));
  await orchard!.receives(chat(BALCONY, ROMEO, 'Hi'));
  await other!.receives(copy('received', garden, chat(BALCONY, ROMEO, 'Hi')));
  await settled(balcony!, chamber!, orchard!, other!, nurse!);
});

test("S4: the copy has the id of the sender's archive, which the message itself does not have", async (t) => {
  const there = await scene(t, '', ['mam']);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  balcony!.send(`<message type='chat' to='${ROMEO}'>${body}</message>`);
  const [message, sent] = [await romeo!.next(), await chamber!.next()];
  assert.deepEqual(idsIn(message), ['romeo@capulet.lit']);
  const inside = sent.getChild('sent', NS.CARBONS)?.getChild('forwarded', NS.FORWARD)?.elements()[0];
  assert.deepEqual(idsIn(inside!), [JULIET]);
});

/** Whose archives have given the message an id. */
function idsIn(message: Element): (string | undefined)[] {
  return message.getChildren('stanza-id', NS.STANZA_ID).map(({ attrs }) => attrs.by);
}

test('a user with one client has no others to copy for, and its messages are not remembered', async (t) => {
  const there = await scene(t);
  const [balcony, romeo] = await loginAll(there, { [BALCONY]: {}, [ROMEO]: {} });
  balcony!.send(`<message type='chat' id='m1' to='${ROMEO}'>${body}</message>`);
  await romeo!.receives(chat(BALCONY, ROMEO, 'Hi'));
  const chamber = await login(there, CHAMBER);
  await drain(chamber);
  romeo!.send(`<message type='error' id='m1' to='${BALCONY}'/>`);
  const error = await balcony!.skipUntil((element) => element.attrs.type === 'error');
  assert.equal(error.attrs.id, 'm1');
  await settled(chamber);
});
