// Rooms, and people in them, that want to do harm.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeldBytes, MAX_TOTAL_BYTES } from '../../../modules/muc_autorejoin/answer/held.ts';
import { drop } from '../../support/fake-rooms/faults.ts';
import { sent } from './counts.ts';
import { out, place } from './out.ts';
import { HALL, JULIET, ROMEO, type Stage, type StageOptions, stage } from './stage.ts';

const SELF = `<presence from='${HALL}/Romeo' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>`;

async function talked(t: Parameters<typeof stage>[0], options: StageOptions): Promise<Stage> {
  const made = await stage(t, options);
  made.say('Alice', 'before');
  made.passes(20);
  made.romeo.heard();
  return made;
}

async function heldBytes({ h }: Stage): Promise<number> {
  const { text = '' } = await h.command('metrics');
  const line = text.split('\n').find((one) => one.startsWith('enjamb_muc_autorejoin_held_bytes'));
  return Number(line?.split(' ').at(-1));
}

function show(made: Stage, nick: string, to: string, type = ''): void {
  made.service.peer.says(
    `<presence from='${HALL}/${nick}' to='${to}' ${type}><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>`,
  );
}

/** The server has asked for the last message of the room, and has got more than 2 MiB. */
async function tooMuch(t: Parameters<typeof stage>[0]): Promise<Stage> {
  const made = await stage(t, { behaviour: { archive: 'silent' } });
  made.passes(70);
  made.service.peer.says(SELF);
  made.passes(1);
  const query = made.service.peer.received.findLast((stanza) => stanza.getChild('query', 'urn:xmpp:mam:2'));
  assert.ok(query);
  const queryId = query.getChild('query', 'urn:xmpp:mam:2')?.attrs.queryid;
  const body = 'x'.repeat(50_000);
  for (let i = 0; i < 50; i++)
    made.service.peer.says(
      `<message from='${HALL}' to='${ROMEO}'><result xmlns='urn:xmpp:mam:2' queryid='${queryId}' id='${i}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/><message xmlns='jabber:client' type='groupchat' from='${HALL}/x'><body>${body}</body></message></forwarded></result></message>`,
    );
  made.passes(1);
  made.service.peer.says(`<iq type='result' id='${query.attrs.id}' from='${HALL}' to='${ROMEO}'/>`);
  return made;
}

describe('another occupant', () => {
  test("cannot pass a message off as the client's own one, which is sent again", async (t) => {
    const made = await talked(t, { behaviour: { archive: 'works' } });
    const heard: string[] = [];
    made.service.onSpoken = (_room, spoken) => heard.push(`${spoken.nick}: ${spoken.body}`);
    drop(made.room, ROMEO, { isTold: false });
    made.romeo.says(`<message type='groupchat' id='x' to='${HALL}'><body>yes</body></message>`);
    made.people.get('Alice')!.say(HALL, 'yes', 'x');
    made.passes(10);
    assert.deepEqual(heard, ['Alice: yes', 'Romeo: yes']);
  });

  test('cannot hide what was missed by using the id of an old message again', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'none', historyFilter: 'ignored' } });
    const id = 'the-id-of-an-old-message';
    made.people.get('Alice')!.say(HALL, 'old', id);
    made.say('Bob', 'heard');
    made.passes(20);
    made.romeo.heard();
    made.service.peer.reachable = false;
    drop(made.room, ROMEO, { isTold: false });
    made.service.peer.cut();
    made.say('Bob', 'missed');
    made.people.get('Alice')!.say(HALL, 'new', id);
    made.cut();
    made.passes(10);
    const bodies = made.romeo.heard().map((stanza) => stanza.getChildText('body'));
    assert.ok(bodies.includes('missed'), `${bodies}`);
  });
});

describe('a room', () => {
  test('that repeats what it has said of the client is not asked for its archive each time', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'forbidden' } });
    made.passes(20);
    sent(made);
    for (let i = 0; i < 50; i++) {
      made.service.peer.says(SELF);
      made.passes(0.5);
    }
    assert.ok((sent(made).archive ?? 0) <= 1);
  });

  test('whose archive sends too much for one question takes nothing from what is counted as held', async (t) => {
    const made = await tooMuch(t);
    made.passes(200);
    assert.equal(await heldBytes(made), 0);
  });

  test('whose archive has sent too much for the last message is still asked for missed ones', async (t) => {
    const made = await tooMuch(t);
    made.client(JULIET, 'Juliet'); // She stays in.
    made.service.behaviour.archive = 'works';
    made.say('Alice', 'heard');
    made.passes(1);
    made.romeo.heard();
    sent(made);
    drop(made.room, ROMEO, { codes: ['333'] });
    made.say('Alice', 'missed');
    made.passes(10);
    assert.equal(sent(made).archive, 1);
    const messages = made.romeo.heard().filter(({ name }) => name === 'message');
    assert.deepEqual(
      messages.map((message) => message.getChildText('body')),
      ['missed'],
    );
  });

  test('that shows a new client people who leave at once is large at its bound', async (t) => {
    const made = await stage(t, { config: 'muc_autorejoin_max_occupants = 10' });
    made.service.behaviour.joinDelayMs = 1e9;
    const juliet = made.client(JULIET, 'Juliet');
    for (let i = 0; i < 12; i++) {
      show(made, `nobody ${i}`, JULIET);
      show(made, `nobody ${i}`, ROMEO, `type='unavailable'`);
      made.passes(1);
    }
    assert.equal(juliet.state.mucPlaces?.get(HALL)?.room.isLarge, true);
  });

  test('whose subject waits for the end of the join is charged for it', async (t) => {
    const { made } = await out(t, 'lost');
    made.passes(1);
    const subject = 'x'.repeat(100_000);
    made.service.behaviour.joinDelayMs = 0;
    made.service.onEntered = (_room, full) => full === ROMEO && made.service.hold();
    for (let i = 0; i < 200 && place(made)?.state !== 'joining'; i++) made.h.clock.advance(50);
    made.service.peer.says(
      `<message type='groupchat' from='${HALL}/Alice' to='${ROMEO}'><subject>${subject}</subject></message>`,
    );
    made.h.clock.advance(100);
    assert.ok((await heldBytes(made)) >= subject.length);
  });

  test('cannot take the memory that the rooms of other services need', () => {
    const held = new HeldBytes();
    const MIB = 1024 * 1024;
    let taken = 0;
    while (held.take('evil.example', MIB)) taken += MIB;
    assert.equal(taken, MAX_TOTAL_BYTES / 2);
    assert.ok(held.take('rooms.capulet.lit', 10 * MIB));
    held.give('evil.example', taken);
    held.give('rooms.capulet.lit', 10 * MIB);
    assert.equal(held.used, 0);
  });

  test('cannot keep a client out that has a presence too long to be kept', async (t) => {
    const { made, ends } = await out(t, 'lost');
    const status = 'x'.repeat(2_100);
    made.romeo.says(`<presence to='${HALL}/Romeo'><status>${status}</status></presence>`);
    ends();
    made.passes(120);
    assert.equal(made.romeo.notices.length, 1);
  });
});

describe('a client', () => {
  test('that pings itself without end has four answers held', async (t) => {
    const { made } = await out(t, 'joining');
    made.romeo.heard();
    made.service.release();
    made.service.behaviour.joinDelayMs = 1e9;
    drop(made.room, ROMEO);
    made.passes(2);
    const ping = (i: number) =>
      made.romeo.says(`<iq type='get' id='p${i}' to='${HALL}/Romeo'><ping xmlns='urn:xmpp:ping'/></iq>`);
    for (let i = 0; i < 20; i++) ping(i);
    made.passes(1);
    const answers = () => made.romeo.heard().filter(({ name }) => name === 'iq').length;
    assert.equal(answers(), 16);
    made.passes(9);
    assert.equal(answers(), 4);
  });
});

describe('another user of ours', () => {
  test('who confirms nothing does not keep the others out of the room', async (t) => {
    const made = await stage(t, {
      behaviour: { archive: 'works', historyLimit: 0 },
      affiliations: { 'romeo@montague.lit': 'owner' },
    });
    const juliet = made.client(JULIET, 'Juliet');
    const alice = made.people.get('Alice')!;
    const rooms = ['garden', 'yard'].map((name) => made.service.room(name).jid);
    for (const room of rooms) {
      alice.join(room, 'Alice');
      made.romeo.joins(`${room}/Romeo`);
    }
    made.passes(60);
    for (const room of [HALL, ...rooms]) alice.say(room, 'before');
    made.passes(60);
    const keep = ({ session, onTaken }: { session: unknown; onTaken: unknown }) =>
      session === made.romeo && onTaken ? ('kept' as const) : undefined;
    made.h.host.hooks.add('c2s-commit', keep, 'deliver', 'test');
    const { deliver } = made.service;
    made.service.deliver = (stanza) => {
      const isSubject = stanza.attrs.from?.startsWith(HALL) && stanza.getChild('subject');
      if (!isSubject || stanza.attrs.to !== ROMEO) deliver.call(made.service, stanza);
    };
    made.loses();
    for (const room of rooms) {
      alice.join(room, 'Alice');
      for (let i = 0; i < 90; i++) alice.say(room, `${i} ${'x'.repeat(4_500)}`);
    }
    made.cut();
    made.passes(60);
    assert.equal(place(made)?.state, 'catching-up');
    made.assertAlive(juliet, 'Juliet');
  });
});
