// XEP-0424: authors retract their messages; the archives of both sides keep tombstones.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Retractions } from '../../../modules/mam/retractions.ts';
import type { Join } from '../../../modules/track_muc_joins/join.ts';
import { ARCHIVE_FLAGS, type ArchiveRow } from '../../../src/storage/archive.ts';
import { parseElement } from '../../../src/xml/copy.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { FakeClock } from '../../support/clock.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { FailingStorage } from '../../support/failing-storage.ts';
import { assertFaults } from '../../support/server.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import {
  arrives,
  BALCONY,
  BODY,
  done,
  HINTS,
  JULIET,
  ORCHARD,
  ROMEO,
  rowsOf,
  SID,
  type Stage,
  stage,
} from './stage.ts';

const RETRACT = 'urn:xmpp:message-retract:1';
const TYBALT = 'tybalt@rome.lit';
const ROOM = 'room@rooms.lit';

const retract = (id: string) => `<retract xmlns='${RETRACT}' id='${id}'/>`;

/** Attributes and content of a message, from Romeo's client. */
function say(there: Stage, attrs: string, content = BODY): void {
  there.romeo.send(`<message type='chat' to='${JULIET}' ${attrs}>${content}</message>`);
}

/** What has become of the rows: `text`, `retraction` or `tombstone`, with the id of the message. */
async function states(there: Pick<Stage, 'server'>, account: string): Promise<string[]> {
  return (await rowsOf(there, account)).map(({ flags, xml }) => {
    const message = parseElement(xml);
    const isTombstone = message.getChild('retracted', RETRACT) !== undefined;
    assert.equal((flags & ARCHIVE_FLAGS.tombstone) !== 0, isTombstone);
    const state = isTombstone ? 'tombstone' : message.getChild('retract', RETRACT) ? 'retraction' : 'text';
    return `${state} ${message.attrs.id}`;
  });
}

test('R1: the message that its author names becomes a tombstone in the archives of both, and the retraction is stored', async (t) => {
  const there = await stage(t);
  say(there, "id='a'");
  say(there, "id='b'");
  say(there, "id='r'", retract('a'));
  await done(there, there.romeo);
  for (const account of [ROMEO, JULIET])
    assert.deepEqual(await states(there, account), ['tombstone a', 'text b', 'retraction r']);
});

test('R1: a message is named by its origin-id too', async (t) => {
  const there = await stage(t);
  say(there, "id='b'", `${BODY}<origin-id xmlns='${SID}' id='a'/>`);
  say(there, "id='r'", retract('a'));
  await done(there, there.romeo);
  for (const account of [ROMEO, JULIET])
    assert.deepEqual(await states(there, account), ['tombstone b', 'retraction r']);
});

test('R4: a tombstone keeps from, to, type, id, place and time; the retraction names it', async (t) => {
  const clock = new FakeClock();
  const there = await stage(t, { clock });
  there.romeo.send(
    `<message type='chat' to='${BALCONY}' id='a' xml:lang='it'><body>segreto</body></message>`,
  );
  await done(there, there.romeo);
  const before = await rowsOf(there, JULIET);
  await clock.advance(1_000);
  say(there, "id='r'", retract('a'));
  await done(there, there.romeo);
  const [tombstone, retraction] = (await rowsOf(there, JULIET)) as [ArchiveRow, ArchiveRow];
  const { id, at } = before[0]!;
  assert.deepEqual([tombstone.id, tombstone.at], [id, at]);
  assert.equal(
    tombstone.xml,
    `<message xmlns='jabber:client' from='${ORCHARD}' to='${BALCONY}' type='chat' id='a'>` +
      `<retracted xmlns='${RETRACT}' id='r' stamp='${new Date(retraction.at).toISOString()}'/></message>`,
  );
});

test('R4: a retraction without an id is named by its id in the archive', async (t) => {
  const there = await stage(t);
  say(there, "id='a'");
  say(there, '', retract('a'));
  await done(there, there.romeo);
  for (const account of [ROMEO, JULIET]) {
    const [tombstone, retraction] = await rowsOf(there, account);
    const retracted = parseElement(tombstone!.xml).getChild('retracted', RETRACT);
    assert.equal(retracted?.attrs.id, retraction!.id);
  }
});

test('§5: a client that comes later finds the tombstone and the retraction in the archive', async (t) => {
  const there = await stage(t);
  say(there, "id='a'", '<body>segreto</body>');
  say(there, "id='r'", retract('a'));
  await done(there, there.romeo);
  const chamber = await there.server.client(`${JULIET}/chamber`);
  chamber.send(`<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  const [tombstone, retraction] = [`${await chamber.next()}`, `${await chamber.next()}`];
  assert.match(tombstone, /<retracted .*id='r'/);
  assert.doesNotMatch(tombstone, /segreto/);
  assert.match(retraction, /<retract .*id='a'/);
});

test('clients get the retraction like any message, also those that have the message', async (t) => {
  const there = await stage(t);
  say(there, "id='a'");
  await becomeAvailable(there.juliet);
  await there.juliet.skipUntil(({ attrs }) => attrs.id === 'a');
  say(there, "id='r'", retract('a') + BODY);
  const got = await there.juliet.next();
  assert.equal(got.getChild('retract', RETRACT)?.attrs.id, 'a');
  assert.equal(got.getChildText('body'), 'Hi');
});

test('O6: a message that waits and was retracted is not delivered; the retraction is', async (t) => {
  const there = await stage(t);
  say(there, "id='a'");
  say(there, "id='r'", retract('a'));
  await done(there, there.romeo);
  await becomeAvailable(there.juliet);
  assert.equal((await there.juliet.skipUntil(({ name }) => name === 'message')).attrs.id, 'r');
  await there.juliet.receivesNothing();
  assert.equal(await waitingFor(archiveOf(there.server.server), 'juliet'), 0);
});

test('O6: nor is a tombstone, if the message comes back from a client that has not confirmed it', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' to='${BALCONY}' id='a'>${BODY}</message>`);
  const message = await there.juliet.next();
  say(there, "id='r'", retract('a'));
  await done(there, there.romeo);
  const gone = message.with({ to: `${JULIET}/tomb` });
  there.server.server.router.route(gone, { kind: 'host', domain: 'capulet.lit' });
  await done(there, there.romeo);
  await becomeAvailable(there.juliet);
  assert.equal((await there.juliet.skipUntil(({ name }) => name === 'message')).attrs.id, 'r');
  await there.juliet.receivesNothing();
  await there.server.server.router.work.idle();
  assert.equal(await waitingFor(archiveOf(there.server.server), 'juliet'), 0);
});

test('O2, O6: what was retracted leaves its room to others that wait', async (t) => {
  const there = await stage(t, { options: 'offline_max_messages = 10' });
  const hidden = `<no-permanent-store xmlns='${HINTS}'/>`;
  for (const id of ['a', 'b']) say(there, `id='${id}'`, BODY + hidden); // A stranger has two of ten places.
  say(there, "id='full'", BODY + hidden);
  await there.romeo.skipUntil(({ attrs }) => attrs.id === 'full' && attrs.type === 'error');
  say(there, "id='r'", retract('a'));
  await done(there, there.romeo);
  say(there, "id='c'", BODY + hidden);
  await done(there, there.romeo);
  await becomeAvailable(there.juliet);
  const got: (string | undefined)[] = [];
  for (let n = 0; n < 2; n++)
    got.push((await there.juliet.skipUntil(({ name }) => name === 'message')).attrs.id);
  assert.deepEqual(got, ['b', 'c']);
});

test('O2: a retraction makes no room for more messages than may wait', async (t) => {
  const there = await stage(t, { options: 'offline_max_messages = 10' });
  for (const id of ['a', 'b']) say(there, `id='${id}'`); // A stranger has two of ten places.
  await done(there, there.romeo);
  for (const id of ['c', 'd', 'e']) {
    say(there, `id='r${id}'`, retract('nothing'));
    await done(there, there.romeo);
    for (const half of [1, 2]) say(there, `id='${id}${half}'`);
    await done(there, there.romeo);
  }
  assert.equal(await waitingFor(archiveOf(there.server.server), 'juliet'), 2);
});

test('R2: a message that waits in a hidden row is gone', async (t) => {
  const there = await stage(t, { options: 'default_archive_policy = false' });
  say(there, "id='a'");
  say(there, "id='r'", retract('a'));
  await done(there, there.romeo);
  assert.deepEqual(await rowsOf(there, JULIET), []);
  await becomeAvailable(there.juliet);
  assert.equal((await there.juliet.skipUntil(({ name }) => name === 'message')).attrs.id, 'r');
  await there.juliet.receivesNothing();
});

test('R2: a retraction of nothing, of a retraction or of a tombstone is only stored', async (t) => {
  const there = await stage(t);
  say(there, "id='a'");
  say(there, "id='r'", retract('a'));
  const ids = ['nothing', 'r', 'a', 'self'];
  for (const id of ids) say(there, `id='${id === 'self' ? id : `of-${id}`}'`, retract(id));
  await done(there, there.romeo);
  for (const account of [ROMEO, JULIET]) {
    assert.deepEqual(await states(there, account), [
      'tombstone a',
      'retraction r',
      'retraction of-nothing',
      'retraction of-r',
      'retraction of-a',
      'retraction self',
    ]);
    assert.match((await rowsOf(there, account))[0]!.xml, /<retracted [^>]*id='r'/);
  }
});

test('§6: "received from the same bare-JID": only the author retracts, from any resource', async (t) => {
  const there = await stage(t);
  const [pub, tomb] = [
    await there.server.client(`${ROMEO}/pub`),
    await there.server.client(`${JULIET}/tomb`),
  ];
  say(there, "id='a'");
  await done(there, there.romeo);
  const other = await there.server.client('paris@capulet.lit/x');
  const attempts = [
    [other, JULIET],
    [other, ROMEO],
    [tomb, ROMEO], // The recipient
    [tomb, JULIET], // Her own archive
    [pub, ROMEO], // Himself, not to her
  ] as const;
  for (const [client, to] of attempts)
    client.send(`<message type='chat' to='${to}' id='x'>${retract('a')}</message>`);
  await done(there, other, tomb, pub);
  await arrives(
    there,
    `<message type='chat' from='${TYBALT}/x' to='${JULIET}' id='y'>${retract('a')}</message>`,
  );
  for (const account of [ROMEO, JULIET]) assert.equal((await states(there, account))[0], 'text a');
  pub.send(`<message type='chat' to='${BALCONY}' id='r'>${retract('a')}</message>`);
  await done(there, pub);
  for (const account of [ROMEO, JULIET]) assert.equal((await states(there, account))[0], 'tombstone a');
});

test('R1: a message to oneself is retracted once', async (t) => {
  const there = await stage(t);
  for (const [id, content] of [
    ['a', BODY],
    ['r', retract('a')],
  ] as const)
    there.romeo.send(`<message type='chat' to='${ROMEO}' id='${id}'>${content}</message>`);
  await done(there, there.romeo);
  assert.deepEqual(await states(there, ROMEO), ['tombstone a', 'retraction r']);
});

for (const [what, x] of [
  ['that the room marks', "<x xmlns='http://jabber.org/protocol/muc#user'/>"],
  ['to a client that is in the room', ''],
] as const) {
  test(`R3: a private message ${what} is retracted by the same occupant only, in both directions`, async (t) => {
    const there = await inRoom(t);
    const arrive = (nick: string, id: string, content: string) =>
      arrives(
        there,
        `<message type='chat' from='${ROOM}/${nick}' to='${BALCONY}' id='${id}'>${content}${x}</message>`,
      );
    await arrive('nurse', 'a', BODY);
    await arrive('peter', 'x', retract('a'));
    assert.equal((await states(there, JULIET))[0], 'text a');
    await arrive('nurse', 'r', retract('a'));
    assert.equal((await states(there, JULIET))[0], 'tombstone a');

    const send = (nick: string, id: string, content: string) =>
      there.juliet.send(`<message type='chat' to='${ROOM}/${nick}' id='${id}'>${content}${x}</message>`);
    send('nurse', 'own', BODY);
    send('peter', 'y', retract('own'));
    await done(there, there.juliet);
    assert.ok((await states(there, JULIET)).includes('text own'));
    send('nurse', 's', retract('own'));
    await done(there, there.juliet);
    assert.ok((await states(there, JULIET)).includes('tombstone own'));
  });
}

for (const [what, to, mark] of [
  ['to a client that is in the room', BALCONY, ''],
  [
    'that the room marks, to one that is gone',
    `${JULIET}/tomb`,
    "<x xmlns='http://jabber.org/protocol/muc#user'/>",
  ],
] as const) {
  test(`R3: an occupant who adds an invitation to a retraction ${what} retracts no message of another`, async (t) => {
    const there = await inRoom(t);
    const arrive = (nick: string, id: string, content: string) =>
      arrives(
        there,
        `<message type='chat' from='${ROOM}/${nick}' to='${to}' id='${id}'>${content}${mark}</message>`,
      );
    await arrive('nurse', 'a', BODY);
    const invitation = `<x xmlns='http://jabber.org/protocol/muc#user'><invite to='${ROMEO}'/></x>`;
    await arrive('peter', 'x', invitation + retract('a'));
    assert.equal((await states(there, JULIET))[0], 'text a');
  });
}

test('R6: the old form, urn:xmpp:message-retract:0, is relayed and archived, without a tombstone', async (t) => {
  const there = await stage(t);
  say(there, "id='a'");
  const old = `<apply-to xmlns='urn:xmpp:fasten:0' id='a'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>`;
  say(there, "id='r'", old);
  await done(there, there.romeo);
  for (const account of [ROMEO, JULIET]) assert.deepEqual(await states(there, account), ['text a', 'text r']);
});

test('§5: a retraction that may not be stored retracts nothing: "the retraction […] MUST also be stored"', async (t) => {
  const there = await stage(t);
  say(there, "id='a'");
  for (const hint of ['no-store', 'no-permanent-store'])
    say(there, "id='r'", `${retract('a')}<${hint} xmlns='${HINTS}'/>`);
  await done(there, there.romeo);
  for (const account of [ROMEO, JULIET]) assert.deepEqual(await states(there, account), ['text a']);
});

test('the retraction that an error repeats retracts nothing', async (t) => {
  const there = await stage(t);
  there.juliet.send(`<message type='chat' to='${ORCHARD}' id='a'>${BODY}</message>`);
  await done(there, there.juliet);
  const error = `<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
  await arrives(
    there,
    `<message type='error' from='${JULIET}' to='${ROMEO}/gone' id='r'>${retract('a')}${error}</message>`,
  );
  assert.deepEqual(await states(there, ROMEO), ['text a', 'retraction r']);
});

for (const [what, id] of [
  ['quotes', '&apos; or &quot;1&quot;=&apos;1'],
  ['entities', '&lt;&amp;amp;&gt;'],
  ['line ends', '&#10;a&#13;b&#9;'],
  ['1,024 characters', 'x'.repeat(1024)],
] as const) {
  test(`ids with ${what} are compared as they are`, async (t) => {
    const there = await stage(t);
    say(there, `id='${id}'`);
    say(there, "id='other'");
    say(there, `id='r'`, retract(id));
    await done(there, there.romeo);
    const kept = (await states(there, JULIET)).map((state) => state.split(' ')[0]);
    assert.deepEqual(kept, ['tombstone', 'text', 'retraction']);
  });
}

test('empty ids, missing ones and those of more than 1,024 characters name no message', async (t) => {
  const there = await stage(t);
  const long = 'x'.repeat(1025);
  for (const id of ['', long]) say(there, `id='${id}'`);
  say(there, '');
  for (const id of ['', long]) say(there, `id='r${id.length}'`, retract(id));
  say(there, "id='r'", `<retract xmlns='${RETRACT}'/>`);
  await done(there, there.romeo);
  const kept = (await states(there, JULIET)).map((state) => state.split(' ')[0]);
  assert.deepEqual(kept, ['text', 'text', 'text', 'retraction', 'retraction', 'retraction']);
});

test('an author retracts 30 messages in 3 minutes; further retractions are stored and delivered only', async (t) => {
  const clock = new FakeClock();
  const there = await stage(t, { clock });
  const COUNT = 33;
  for (let n = 0; n < COUNT; n++) say(there, `id='${n}'`);
  for (let n = 0; n < COUNT; n++) say(there, `id='r${n}'`, retract(`${n}`));
  await done(there, there.romeo);
  const tombstones = async (account: string) =>
    (await states(there, account)).filter((state) => state.startsWith('tombstone')).length;
  assert.deepEqual([await tombstones(ROMEO), await tombstones(JULIET)], [30, 30]);
  assert.equal((await rowsOf(there, JULIET)).length, 2 * COUNT);
  await clock.advance(6_000);
  say(there, "id='again'", retract('32'));
  await done(there, there.romeo);
  assert.deepEqual([await tombstones(ROMEO), await tombstones(JULIET)], [31, 31]);
});

test('10,000 authors are remembered, and the one who was idle longest is forgotten', () => {
  const retractions = new Retractions({ clock: new FakeClock() });
  const retraction = parseElement(`<message>${retract('a')}</message>`);
  const read = (n: number) => retractions.read(Jid.parse(`u${n}@rome.lit`), 'received', retraction);
  for (let n = 0; n < 30; n++) assert.equal(read(0), 'a');
  assert.equal(read(0), undefined);
  for (let n = 1; n < 10_000; n++) read(n);
  assert.equal(read(0), undefined);
  read(10_000);
  assert.equal(read(0), 'a');
});

test('R1: "in one batch": if the retraction cannot be stored, the message stays', async (t) => {
  const storage = new FailingStorage();
  const there = await stage(t, { openStorage: storage.openStorage });
  say(there, "id='a'");
  await done(there, there.romeo);
  storage.failure = 'full';
  say(there, "id='r'", retract('a'));
  assert.equal((await there.romeo.next()).attrs.type, 'error'); // Nobody has it, so its sender hears of it.
  await there.server.server.router.work.idle();
  storage.failure = undefined;
  for (const account of [ROMEO, JULIET]) assert.deepEqual(await states(there, account), ['text a']);
  assertFaults(there.server.server.faults, { storage: 1 });
});

test('S7: account and host say that retractions are archived; the account, that it makes tombstones', async (t) => {
  const there = await stage(t);
  const features = async (to: string) => {
    there.juliet.send(
      `<iq type='get' id='d' to='${to}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
    );
    const info = (await there.juliet.next()).getChild('query', 'http://jabber.org/protocol/disco#info');
    const all = info?.getChildren('feature').map(({ attrs }) => attrs.var ?? '') ?? [];
    return all.filter((feature) => feature.includes('retract')).sort();
  };
  assert.deepEqual(await features(JULIET), [RETRACT, `${RETRACT}#tombstone`]);
  assert.deepEqual(await features('capulet.lit'), [RETRACT]);
});

/** A client of Juliet is in the room, according to its state. */
async function inRoom(t: TestContext): Promise<Stage> {
  const there = await stage(t);
  const { sessions } = there.server.server.router.hosts.get('capulet.lit')!;
  for (const session of sessions.of('juliet')) session.state.mucJoins = new Map([[ROOM, {} as Join]]);
  return there;
}
