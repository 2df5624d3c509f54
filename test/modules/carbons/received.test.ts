// XEP-0280 §7: messages to an account are copied to the clients that do not get them otherwise.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../../support/contacts.ts';
import { parseXml } from '../../support/match.ts';
import {
  BALCONY,
  CARBONS,
  CHAMBER,
  type ClientOptions,
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
  TOMB,
} from './scene.ts';

const body = '<body>Hi</body>';

/** Every kind of client: available or not, with a negative priority or not, with carbons or not. */
const CLIENTS: Readonly<Record<string, ClientOptions>> = Object.fromEntries(
  [1, 0, -1, 'silent' as const].flatMap((priority) =>
    [true, false].map((carbons) => [
      `${JULIET}/${priority}-${carbons ? 'carbons' : 'plain'}`,
      { priority, carbons },
    ]),
  ),
);

for (const to of [JULIET, TOMB, ...Object.keys(CLIENTS)]) {
  test(`K0, K3: RFC 6121 §8.5 decides who gets the message to ${to.slice(18) || 'the bare JID'}; all others that want copies get a copy, available or not; no client gets two`, async (t) => {
    const there = await scene(t);
    const romeo = await there.test.client(ROMEO);
    const clients = await loginAll(there, CLIENTS);
    romeo.send(`<message type='chat' to='${to}'>${body}</message>`);
    await settled(romeo);
    const isForAccount = to === JULIET || to === TOMB;
    for (const [index, [jid, { priority, carbons }]] of Object.entries(CLIENTS).entries()) {
      const client = clients[index]!;
      const isReached = isForAccount ? typeof priority === 'number' && priority >= 0 : jid === to;
      if (isReached) await client.receives(chat(ROMEO, to, 'Hi'));
      else if (carbons) await client.receives(copy('received', jid, chat(ROMEO, to, 'Hi')));
      await settled(client);
    }
  });
}

test('XEP-0280 §7: a stored message is copied; its later delivery is not', async (t) => {
  const there = await scene(t);
  const [balcony, romeo] = await loginAll(there, { [BALCONY]: { priority: -1 }, [ROMEO]: {} });
  romeo!.send(`<message type='chat' to='${JULIET}'>${body}</message>`);
  await balcony!.receives(copy('received', BALCONY, chat(ROMEO, JULIET, 'Hi')));
  await there.idle();
  const chamber = await login(there, CHAMBER);
  await chamber.skipUntil((element) => element.name === 'message');
  await drain(balcony!);
  await settled(balcony!, chamber, romeo!);
});

test('XEP-0280 §7: a refused message is not copied', async (t) => {
  const there = await scene(t);
  const [balcony, romeo] = await loginAll(there, { [BALCONY]: { priority: -1 }, [ROMEO]: {} });
  romeo!.send(`<message to='${TOMB}'>${body}</message>`);
  romeo!.send(`<message type='chat' to='${JULIET}'>${body}<no-store xmlns='urn:xmpp:hints'/></message>`);
  for (const _ of [1, 2]) assert.equal((await romeo!.next()).attrs.type, 'error');
  await settled(balcony!, romeo!);
});

test('XEP-0191 §3: messages from and to blocked addresses are refused, and so not copied', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, nurse] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [NURSE]: {} });
  const item = `<item jid='nurse@capulet.lit'/>`;
  chamber!.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>${item}</block></iq>`);
  await chamber!.skipUntil(({ attrs }) => attrs.id === 'b');
  await drain(balcony!);
  nurse!.send(`<message type='chat' to='${CHAMBER}'>${body}</message>`);
  chamber!.send(`<message type='chat' to='${NURSE}'>${body}</message>`);
  for (const sender of [nurse!, chamber!]) await sender.skipUntil(({ attrs }) => attrs.type === 'error');
  await settled(balcony!, chamber!, nurse!);
});

/** What a message holds, beside its type, and whether it is copied. */
const MESSAGES: readonly [type: string, content: string, isCopied: boolean][] = [
  ['chat', body, true],
  ['chat', '', true],
  ['normal', body, true],
  ['', body, true],
  ['no-such-type', body, true],
  ['normal', '<subject>Hi</subject>', false],
  ['headline', body, false],
  ['groupchat', body, false],
  ['groupchat', `${body}<active xmlns='http://jabber.org/protocol/chatstates'/>`, false],
  ['normal', `<event xmlns='http://jabber.org/protocol/pubsub#event'/>`, false],
  ...['normal', 'headline'].flatMap((type): [string, string, boolean][] => [
    [type, `<request xmlns='urn:xmpp:receipts'/>`, true],
    [type, `<received xmlns='urn:xmpp:receipts' id='1'/>`, true],
    [type, `<composing xmlns='http://jabber.org/protocol/chatstates'/>`, true],
    [type, `<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>`, true],
    [type, `<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>`, true],
    [type, `<x xmlns='jabber:x:conference' jid='room@rooms.capulet.lit'/>`, true],
    [type, `<x xmlns='http://jabber.org/protocol/muc#user'><invite from='${ROMEO}'/></x>`, true],
    [type, `<x xmlns='http://jabber.org/protocol/muc#user'/>`, false],
    [type, `<x xmlns='jabber:x:oob'/>`, false],
  ]),
  ['chat', `${body}<private ${CARBONS}/>`, false],
  ['chat', `${body}<no-copy xmlns='urn:xmpp:hints'/>`, false],
  ['normal', `<request xmlns='urn:xmpp:receipts'/><private ${CARBONS}/>`, false],
  ['chat', `${body}<private xmlns='urn:example:other'/>`, true],
  ['chat', `${body}<x xmlns='urn:example:x'><private ${CARBONS}/></x>`, true],
];

test('K1: eligible are chat, normal with a body, and receipts, chat states, markers, calls and invitations, unless private', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  for (const [type, content, isCopied] of MESSAGES) {
    const attribute = type === '' ? '' : ` type='${type}'`;
    await t.test(`§6.1: type "${type}", ${content || 'empty'}: ${isCopied ? 'copied' : 'not'}`, async () => {
      const incoming = `<message${attribute} from='${ROMEO}' to='${CHAMBER}'>${content}</message>`;
      romeo!.send(`<message${attribute} to='${CHAMBER}'>${content}</message>`);
      await chamber!.receives(incoming);
      if (isCopied) await balcony!.receives(copy('received', BALCONY, incoming));
      await settled(balcony!);
      const outgoing = `<message${attribute} from='${CHAMBER}' to='${ROMEO}'>${content}</message>`;
      chamber!.send(`<message${attribute} to='${ROMEO}'>${content}</message>`);
      await romeo!.receives(outgoing);
      if (isCopied) await balcony!.receives(copy('sent', BALCONY, outgoing));
      await settled(balcony!);
    });
  }
});

test('K4: the inner message is the delivered one with its language, its id and the ids of archives', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  const { hooks } = there.test.server.router.hosts.get('capulet.lit')!;
  const stanzaId = `<stanza-id xmlns='urn:xmpp:sid:0' by='${JULIET}' id='a1'/>`;
  hooks.add(
    'message/full',
    (event) => {
      event.stanza = event.stanza.plus(parseXml(stanzaId));
    },
    'rewrite',
    'test',
  );
  romeo!.send(`<message type='chat' id='m1' xml:lang='it' to='${CHAMBER}'>${body}</message>`);
  const inner = `<message type='chat' id='m1' xml:lang='it' from='${ROMEO}' to='${CHAMBER}'>${body}${stanzaId}</message>`;
  await chamber!.receives(inner);
  await balcony!.receives(copy('received', BALCONY, inner));
});

test('K4: the copies of a message are made once and serialised once', async (t) => {
  const there = await scene(t);
  const [, , , romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [HALL]: {}, [ROMEO]: {} });
  const { hooks } = there.test.server.router.hosts.get('capulet.lit')!;
  const contents: object[] = [];
  hooks.add(
    'c2s-commit',
    ({ element }) => {
      if (element.getChild('received', 'urn:xmpp:carbons:2')) contents.push(element.children);
      return undefined;
    },
    'deliver',
    'test',
  );
  romeo!.send(`<message type='chat' to='${CHAMBER}'>${body}</message>`);
  await settled(romeo!);
  assert.equal(contents.length, 2);
  assert.equal(contents[0], contents[1]);
  assert.ok(Object.isFrozen(contents[0]), 'the text is kept with the children');
});

test('XEP-0280 §7, §12: a copy that another user has forged is delivered as it is, in the name of its sender', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  const forged = `<received ${CARBONS}><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='chat' from='nurse@capulet.lit/garden' to='${CHAMBER}'>${body}</message></forwarded></received>`;
  romeo!.send(`<message type='chat' from='${ROMEO}' to='${CHAMBER}'>${forged}</message>`);
  const arrived = `<message type='chat' from='${ROMEO}' to='${CHAMBER}'>${forged}</message>`;
  await chamber!.receives(arrived);
  const outer = await balcony!.next();
  assert.equal(outer.attrs.from, JULIET);
  const inner = outer.getChild('received', 'urn:xmpp:carbons:2')?.getChild('forwarded', 'urn:xmpp:forward:0');
  assert.equal(inner?.elements()[0]?.attrs.from, ROMEO);
});

test('XEP-0280 §10.3: the sender does not learn that a copy came back with an error', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  romeo!.send(`<message type='chat' id='m1' to='${CHAMBER}'>${body}</message>`);
  await balcony!.next();
  await chamber!.next();
  const error = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
  balcony!.send(`<message type='error' id='m1' to='${JULIET}'>${error}</message>`);
  await settled(balcony!, chamber!, romeo!);
});

test('a client that does not read copies loses its stream; the sender hears nothing, and the message itself is kept', async (t) => {
  const there = await scene(t, 'smacks_max_queue_size = "32 MiB"');
  const { client } = await there.available(CHAMBER);
  await there.loses(client);
  await loginAll(there, { [HALL]: { priority: 'silent' } });
  const romeo = await login(there, ROMEO);
  // More than may wait for a client that does not read, in one tick.
  const message = parseXml(chat(ROMEO, CHAMBER, 'o'.repeat(450_000)));
  const { router } = there.test.server;
  for (let i = 0; i < 20; i++)
    router.route(message.with({ id: `${i}` }), router.hosts.get('capulet.lit')!.origin);
  await there.idle();
  assert.equal(there.session(HALL), undefined);
  const { queue } = there.management(CHAMBER).outbound;
  assert.equal(queue.filter(({ text }) => text.startsWith('<message')).length, 20);
  await settled(romeo);
});
