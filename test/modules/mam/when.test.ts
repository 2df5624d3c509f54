// XEP-0313 §5.1: which messages are archived, and for whom.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PrivateCopies } from '../../../modules/mam/private_copies.ts';
import type { Join } from '../../../modules/track_muc_joins/join.ts';
import { ARCHIVE_FLAGS } from '../../../src/storage/archive.ts';
import { parseElement } from '../../../src/xml/copy.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { Jid } from '../../../src/xml/jid.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import {
  arrives,
  BALCONY,
  BODY,
  done,
  idsBy,
  JULIET,
  ORCHARD,
  ROMEO,
  rowsOf,
  type Stage,
  type StageOptions,
  shortRows,
  stage,
} from './stage.ts';

for (const type of ['chat', 'normal', undefined, 'no-such-type']) {
  test(`M1: a message of type ${type} to a bare JID is archived for both, under the bare JID of the other`, async (t) => {
    const there = await stage(t);
    there.romeo.send(`<message ${type ? `type='${type}'` : ''} to='${JULIET}'>${BODY}</message>`);
    await done(there, there.romeo);
    assert.deepEqual(await shortRows(there, ROMEO), [`sent ${JULIET} body`]);
    assert.deepEqual(await shortRows(there, JULIET), [`received ${ROMEO} body`]);
  });
}

test('M1: a message to a domain is archived for its sender', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message to='capulet.lit'>${BODY}</message>`);
  there.romeo.send(`<message to='capulet.lit/echo'>${BODY}</message>`);
  await done(there, there.romeo);
  assert.deepEqual(await shortRows(there, ROMEO), ['sent capulet.lit body', 'sent capulet.lit body']);
});

test('M2: a chat message to a full JID is archived for both, also when the resource is gone', async (t) => {
  const there = await stage(t);
  for (const to of [BALCONY, `${JULIET}/tomb`])
    there.romeo.send(`<message type='chat' to='${to}'>${BODY}</message>`);
  await done(there, there.romeo);
  assert.equal((await shortRows(there, ROMEO)).length, 2);
  assert.equal((await shortRows(there, JULIET)).length, 2);
  assert.equal(await waitingFor(archiveOf(there.server.server), 'juliet'), 1);
});

test('M3: a normal message to a full JID is archived for the recipient only while a session has it', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message id='1' to='${BALCONY}'>${BODY}</message>`);
  there.romeo.send(`<message id='2' to='${JULIET}/tomb'>${BODY}</message>`);
  await there.romeo.receives(`
    <message type='error' id='2' from='${JULIET}/tomb' to='${ORCHARD}'>
      <error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>
    </message>`);
  await done(there, there.romeo);
  assert.equal((await shortRows(there, ROMEO)).length, 2);
  assert.deepEqual(await shortRows(there, JULIET), [`received ${ROMEO} body`]);
});

for (const to of [undefined, JULIET, BALCONY, `${JULIET}/chamber`, `${JULIET}/tomb`]) {
  test(`M4: a message to oneself (${to}) is archived once, and delivered with the id of its row`, async (t) => {
    const there = await stage(t);
    const chamber = await there.server.client(`${JULIET}/chamber`);
    await becomeAvailable(chamber);
    there.juliet.send(`<message type='chat' id='m' ${to ? `to='${to}'` : ''}>${BODY}</message>`);
    await done(there);
    const recipient = to === BALCONY ? there.juliet : chamber;
    const message = await recipient.skipUntil(({ attrs }) => attrs.id === 'm');
    const [row, ...others] = await rowsOf(there, JULIET);
    assert.deepEqual(others, []);
    assert.equal(row?.with, JULIET);
    assert.equal(row?.flags, ARCHIVE_FLAGS.sent);
    assert.deepEqual(idsBy(message, JULIET), [row?.id]);
  });
}

for (const [what, content, room] of [
  ['with the element of rooms', "<x xmlns='http://jabber.org/protocol/muc#user'/>", 'room@nowhere.lit'],
  ['from a room in which the clients are', '', 'room@rooms.lit'],
] as const) {
  for (const id of ["id='pm'", '']) {
    test(`M5: the copies of a private message ${what} (${id}) are archived once, under the id of the first one`, async (t) => {
      const there = await inRoom(t);
      const copy = (to: string) =>
        arrives(
          there,
          `<message type='chat' ${id} from='${room}/nick' to='${to}'>${BODY}${content}</message>`,
        );
      await copy(BALCONY);
      await copy(CHAMBER);
      const messages = [await there.juliet.next(), await there.chamber.next()];
      const [row, ...others] = await rowsOf(there, JULIET);
      assert.deepEqual(others, []);
      assert.equal(row?.with, room);
      assert.deepEqual(
        messages.flatMap((message) => idsBy(message, JULIET)),
        [row?.id, row?.id],
      );
    });
  }
}

test('M5: a second message of the same id to the same client is another message', async (t) => {
  const there = await inRoom(t);
  for (const to of [BALCONY, CHAMBER, BALCONY]) await arrives(there, privateMessage('a', to));
  assert.equal((await rowsOf(there, JULIET)).length, 2);
});

test('M5: without an id, copies are known by their content', async (t) => {
  const there = await inRoom(t);
  const say = (to: string, text: string) =>
    arrives(
      there,
      `<message type='chat' from='room@rooms.lit/nick' to='${to}'><body>${text}</body></message>`,
    );
  await say(BALCONY, 'first');
  await say(BALCONY, 'second');
  await say(CHAMBER, 'first');
  await say(CHAMBER, 'third');
  assert.equal((await rowsOf(there, JULIET)).length, 3);
});

test('M5: rooms write to clients: a message to the account is another message, whatever its mark', async (t) => {
  const there = await inRoom(t);
  for (const to of [BALCONY, JULIET]) await arrives(there, privateMessage('a', to));
  assert.equal((await rowsOf(there, JULIET)).length, 2);
});

test('M5: what says something else is no copy, also with the id of an earlier message: each is archived', async (t) => {
  const there = await inRoom(t);
  await arrives(there, privateMessage('a', BALCONY));
  await arrives(there, privateMessage('a', CHAMBER).replace('</body>', '!</body>'));
  assert.equal((await rowsOf(there, JULIET)).length, 2);
});

test('M5: a copy after 60 seconds is another message', async (t) => {
  const clock = new FakeClock();
  const there = await inRoom(t, { clock });
  await arrives(there, privateMessage('a', BALCONY));
  await clock.advance(60_000);
  await arrives(there, privateMessage('a', CHAMBER));
  assert.equal((await rowsOf(there, JULIET)).length, 2);
});

test('M5: the last 16 private messages of an account are remembered', async (t) => {
  const there = await inRoom(t);
  for (let n = 0; n < 17; n++) await arrives(there, privateMessage(`${n}`, BALCONY));
  for (let n = 0; n < 17; n++) await arrives(there, privateMessage(`${n}`, CHAMBER));
  assert.equal((await rowsOf(there, JULIET)).length, 17 + 17); // Each new one drives out the next.
  for (let n = 1; n < 17; n++) await arrives(there, privateMessage(`${n}`, BALCONY));
  assert.equal((await rowsOf(there, JULIET)).length, 17 + 17);
});

test('M5: of one private message, 20 recipients are remembered', async (t) => {
  const there = await inRoom(t);
  for (let n = 0; n < 21; n++) await arrives(there, privateMessage('a', `${JULIET}/${n}`));
  assert.equal((await rowsOf(there, JULIET)).length, 2);
});

test('M5: private messages of the last 500 accounts are remembered', async () => {
  const copies = new PrivateCopies(new FakeClock());
  let rows = 0;
  const copy = (user: string, resource: string) => {
    const stanza = parseElement(privateMessage('a', `${user}@capulet.lit/${resource}`));
    const [from, to] = [Jid.parse(stanza.attrs.from ?? ''), Jid.parse(stanza.attrs.to ?? '')];
    copies.rowOf(user, { stanza, from, to }, () => ({ id: `${rows++}`, at: 0, flags: 0, isStored: true }));
  };
  for (let n = 0; n < 501; n++) copy(`u${n}`, 'one');
  copy('u500', 'two');
  copy('u1', 'two');
  assert.equal(rows, 501);
  copy('u0', 'two');
  assert.equal(rows, 502);
});

test('M5: an invitation to a room is no private message', async (t) => {
  const there = await inRoom(t);
  const invitation = `<x xmlns='http://jabber.org/protocol/muc#user'><invite from='${ROMEO}'/></x>`;
  for (const to of [BALCONY, CHAMBER])
    await arrives(there, `<message id='a' from='room@nowhere.lit/x' to='${to}'>${invitation}</message>`);
  assert.equal((await rowsOf(there, JULIET)).length, 2);
});

test('E2, M5: a new account gets a row for a copy of what the deleted account of its name received', async (t) => {
  const there = await inRoom(t);
  await arrives(there, privateMessage('a', BALCONY));
  await there.server.server.router.hosts.get('capulet.lit')!.deleteUser('juliet');
  await there.server.account(JULIET);
  await arrives(there, privateMessage('a', CHAMBER));
  assert.equal((await rowsOf(there, JULIET)).length, 1);
});

test('M5: a copy for a client that has gone waits in the row of the first one', async (t) => {
  const there = await inRoom(t);
  await arrives(there, privateMessage('a', BALCONY));
  await arrives(there, privateMessage('a', `${JULIET}/tomb`));
  assert.equal((await rowsOf(there, JULIET)).length, 1);
  assert.equal(await waitingFor(archiveOf(there.server.server), 'juliet'), 1);
});

for (const type of ['groupchat', 'headline']) {
  test(`M6: a message of type ${type} is not archived`, async (t) => {
    const there = await stage(t);
    await becomeAvailable(there.juliet);
    for (const to of [JULIET, BALCONY])
      there.romeo.send(`<message type='${type}' to='${to}'>${BODY}</message>`);
    await done(there, there.romeo);
    assert.deepEqual([...(await rowsOf(there, ROMEO)), ...(await rowsOf(there, JULIET))], []);
  });
}

test('M7: an error is archived only for a full JID without a session, whatever it holds', async (t) => {
  const there = await stage(t);
  const error = (to: string) =>
    arrives(
      there,
      `<message type='error' from='${ORCHARD}' to='${to}'>
        <no-store xmlns='urn:xmpp:hints'/><error type='cancel'/>
      </message>`,
    );
  await error(JULIET);
  await error(BALCONY);
  assert.deepEqual(await rowsOf(there, JULIET), []);
  await error(`${JULIET}/tomb`);
  assert.deepEqual(await shortRows(there, JULIET), [`received ${ROMEO} no-store error`]);
  there.romeo.send(`<message type='error' to='${JULIET}/tomb'><error type='cancel'/></message>`);
  await done(there, there.romeo);
  assert.deepEqual(await rowsOf(there, ROMEO), []);
});

test('M8: what this host gives back with its own stanza-id keeps that id, and is not archived again', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  const message = await there.juliet.next();
  there.server.server.router.route(message, { kind: 'host', domain: 'capulet.lit' });
  const again = await there.juliet.next();
  await done(there, there.romeo);
  const [row, ...others] = await rowsOf(there, JULIET);
  assert.deepEqual(others, []);
  assert.deepEqual(idsBy(again, JULIET), [row?.id]);
  // For a client that is gone it waits, in its row.
  there.server.server.router.route(message.with({ to: `${JULIET}/tomb` }), {
    kind: 'host',
    domain: 'capulet.lit',
  });
  await done(there, there.romeo);
  assert.equal((await rowsOf(there, JULIET))[0]?.flags, ARCHIVE_FLAGS.waiting);
});

test('M9: what the recipient refuses, or no account has, is archived for its sender only', async (t) => {
  const there = await stage(t);
  const { hooks } = there.server.server.router.hosts.get('capulet.lit')!;
  const refuse = () => {
    throw new StanzaError('not-acceptable');
  };
  const undo = hooks.add('message/bare', refuse, 'guard', 'test');
  there.romeo.send(`<message to='${JULIET}'>${BODY}</message>`);
  await there.romeo.next();
  undo();
  there.romeo.send(`<message to='nobody@capulet.lit'>${BODY}</message>`);
  await there.romeo.next();
  await done(there, there.romeo);
  assert.equal((await rowsOf(there, ROMEO)).length, 2);
  assert.deepEqual(await rowsOf(there, JULIET), []);
  assert.deepEqual(await rowsOf(there, 'nobody@capulet.lit'), []);
});

test('M9: what a guard of the sender refuses is not archived', async (t) => {
  const there = await stage(t);
  const { hooks } = there.server.server.router.hosts.get('montague.lit')!;
  const refuse = () => {
    throw new StanzaError('not-acceptable');
  };
  hooks.add('pre-message/bare', refuse, 'guard', 'test');
  there.romeo.send(`<message to='${JULIET}'>${BODY}</message>`);
  await there.romeo.next();
  await done(there, there.romeo);
  assert.deepEqual(await rowsOf(there, ROMEO), []);
});

const CHAMBER = `${JULIET}/chamber`;

function privateMessage(id: string, to: string): string {
  return `<message type='chat' id='${id}' from='room@nowhere.lit/nick' to='${to}'>${BODY}<x xmlns='http://jabber.org/protocol/muc#user'/></message>`;
}

/** Two clients of Juliet are in room@rooms.lit, according to their states. */
async function inRoom(
  t: TestContext,
  options: StageOptions = {},
): Promise<Stage & { chamber: ScriptedClient }> {
  const there = await stage(t, options);
  const chamber = await there.server.client(CHAMBER);
  for (const session of there.server.server.router.hosts.get('capulet.lit')!.sessions.of('juliet'))
    session.state.mucJoins = new Map([['room@rooms.lit', {} as Join]]);
  return { ...there, chamber };
}
