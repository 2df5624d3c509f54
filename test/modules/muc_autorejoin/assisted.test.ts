// Clients that do nothing about having fallen out, and are joined again (`muc_autorejoin`).

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { FakeRooms, failure, presence } from '../../support/fake-rooms.ts';
import { type Harness, type HarnessClient, HOST, harness, isNotice } from '../../support/module-harness.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM } from '../ping_muc/scene.ts';

const CAPS = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:x' ver='v'/>`;
const PASSWORDS = 'muc_autorejoin_passwords = true';

interface Scene {
  readonly h: Harness;
  readonly rooms: FakeRooms;
  readonly romeo: HarnessClient;
  /** The joins that reached the room service. */
  entered(): Element[];
}

/** Romeo is in the hall, in words of his own; nothing has happened yet. */
async function scene(t: TestContext, config = '', x = `<history maxstanzas='0'/>`): Promise<Scene> {
  const h = await harness(t, `muc_autorejoin = "assisted"\n${config}`);
  const rooms = new FakeRooms(h);
  const romeo = h.client(ROMEO);
  romeo.says(
    `<presence id='join' to='${ROOM}/Romeo'><show>away</show>${CAPS}<x xmlns='${NS.MUC}'>${x}</x></presence>`,
  );
  h.clock.seconds(10);
  romeo.heard();
  rooms.peer.received.length = 0;
  const entered = () => rooms.peer.received.filter((stanza) => stanza.getChild('x', NS.MUC) !== undefined);
  return { h, rooms, romeo, entered };
}

/** The service forgets everybody, and the link breaks; ends when the client has just been told. */
function fallOut({ h, rooms, romeo }: Scene): void {
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S);
  for (let i = 0; i < 100 && romeo.notices.length === 0; i++) h.clock.advance(100);
  assert.equal(romeo.notices.length, 1);
}

/** How many places and waiting joins have each payload of the client. */
function holders({ romeo }: Scene): number[] {
  return [...(romeo.state.mucPayloads?.values() ?? [])].map((payload) => payload.holders);
}

describe('muc_autorejoin: the payload of a join that waits counts as that of a place', () => {
  test('until it is sent: then it is that of the place', async (t) => {
    const made = await scene(t);
    fallOut(made);
    made.h.clock.seconds(1);
    assert.equal(made.romeo.state.mucPlaces?.size, 0);
    assert.deepEqual(holders(made), [1]);
    made.h.clock.seconds(40);
    assert.equal(made.romeo.state.mucPlaces?.size, 1);
    assert.deepEqual(holders(made), [1]);
  });

  test('until the client acts', async (t) => {
    const made = await scene(t);
    fallOut(made);
    made.h.clock.seconds(1);
    made.romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    assert.deepEqual(holders(made), []);
  });

  test('until the module is reloaded, which drops such joins', async (t) => {
    const made = await scene(t);
    fallOut(made);
    made.h.clock.seconds(1);
    await made.h.command('module reload', { name: 'muc_autorejoin', host: HOST });
    assert.deepEqual(holders(made), []);
  });
});

describe('muc_autorejoin: a client that was told and does nothing', () => {
  test('is joined again after 30 s, in its own words, for what it has missed (XEP-0045 §7.2.13)', async (t) => {
    const made = await scene(t);
    const { h, rooms, romeo, entered } = made;
    const since = new Date(h.clock.now() - 10_000 + 50).toISOString().slice(0, 19);
    fallOut(made);
    h.clock.seconds(29);
    assert.deepEqual(entered(), []);
    h.clock.seconds(2);
    assert.equal(entered().length, 1);
    const [join] = entered();
    assert.equal(join?.attrs.from, ROMEO);
    assert.equal(join?.attrs.to, `${ROOM}/Romeo`);
    assert.equal(join?.attrs.type, undefined);
    assert.equal(join?.getChildText('show'), 'away');
    assert.equal(join?.getChild('c', 'http://jabber.org/protocol/caps')?.attrs.ver, 'v');
    assert.deepEqual(
      join?.getChild('x', NS.MUC)?.children.map((child) => `${child}`),
      [`<history since='${since}Z'/>`],
    );
    assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
    assert.equal(romeo.state.mucJoins?.get(ROOM)?.state, 'joined');
  });

  test('gets what the room sends, as if it had asked', async (t) => {
    const made = await scene(t);
    fallOut(made);
    made.h.clock.seconds(31);
    const after = made.romeo.inbox.slice(made.romeo.inbox.findIndex(isNotice) + 1);
    assert.deepEqual(
      after.map(({ name, attrs }) => `${name} ${attrs.from}`),
      [`presence ${ROOM}/Romeo`, `message ${ROOM}`],
    );
  });

  test('is joined under the nick it had last', async (t) => {
    const made = await scene(t);
    made.romeo.says(`<presence to='${ROOM}/Montague'/>`);
    made.h.clock.seconds(1);
    fallOut(made);
    made.h.clock.seconds(31);
    assert.equal(made.entered()[0]?.attrs.to, `${ROOM}/Montague`);
  });

  test('is tracked like any other: out again when its session ends', async (t) => {
    const made = await scene(t);
    fallOut(made);
    made.h.clock.seconds(31);
    made.romeo.close();
    made.h.clock.seconds(1);
    assert.equal(made.rooms.rooms.get(ROOM)?.size, 0);
  });

  test('gets the error as it is when it is refused, and that is the end', async (t) => {
    const made = await scene(t);
    const { h, rooms, romeo, entered } = made;
    fallOut(made);
    rooms.onJoin = () => new StanzaError('forbidden');
    h.clock.seconds(31);
    const error = romeo.inbox.at(-1);
    assert.equal(error?.attrs.type, 'error');
    assert.equal(error?.attrs.from, `${ROOM}/Romeo`);
    assert.ok(error?.getChild('error')?.getChild('forbidden', NS.STANZAS));
    assert.equal(romeo.state.mucJoins?.size, 0);
    h.clock.seconds(3_600);
    assert.equal(entered().length, 1);
  });
});

describe('muc_autorejoin: whose business it is', () => {
  const steps: [what: string, xml: string, joins: number][] = [
    ['joins', `<presence to='${ROOM}/Romeo'><x xmlns='${NS.MUC}'/></presence>`, 1],
    ['leaves', `<presence type='unavailable' to='${ROOM}/Romeo'/>`, 0],
    ['leaves by the bare address', `<presence type='unavailable' to='${ROOM}'/>`, 0],
    ['goes offline', `<presence type='unavailable'/>`, 0],
    [
      'does something about another room',
      `<presence type='unavailable' to='garden@rooms.capulet.lit/R'/>`,
      1,
    ],
    ['talks', `<message type='groupchat' to='${ROOM}'><body>anybody?</body></message>`, 1],
  ];
  for (const [what, xml, joins] of steps) {
    test(`a client that ${what}: ${joins} join`, async (t) => {
      const made = await scene(t);
      fallOut(made);
      made.h.clock.seconds(20);
      made.romeo.says(xml);
      made.h.clock.seconds(100);
      assert.equal(made.entered().length, joins);
    });
  }

  test('one that asks the room is given 30 s from then on', async (t) => {
    const made = await scene(t);
    fallOut(made);
    made.h.clock.seconds(20);
    made.romeo.says(`<iq type='get' id='p' to='${ROOM}/Romeo'><ping xmlns='${NS.PING}'/></iq>`);
    made.h.clock.seconds(29);
    assert.equal(made.entered().length, 0);
    made.h.clock.seconds(2);
    assert.equal(made.entered().length, 1);
  });

  test('one whose session has ended is gone', async (t) => {
    const made = await scene(t);
    fallOut(made);
    made.romeo.close();
    const successor = made.h.client(ROMEO);
    made.h.clock.seconds(100);
    assert.deepEqual(made.entered(), []);
    assert.deepEqual(successor.inbox, []);
  });

  test('one that was thrown out by the room stays out', async (t) => {
    const { h, rooms, entered } = await scene(t);
    rooms.rooms.get(ROOM)?.clear();
    rooms.peer.says(
      `<presence type='unavailable' from='${ROOM}/Romeo' to='${ROMEO}'><x xmlns='${NS.MUC_USER}'>
         <item affiliation='none' role='none'/><status code='110'/><status code='307'/></x></presence>`,
    );
    h.clock.seconds(100);
    assert.deepEqual(entered(), []);
  });

  test('without the option nothing is kept and nobody is joined', async (t) => {
    const h = await harness(t);
    const romeo = h.client(ROMEO);
    const rooms = new FakeRooms(h);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(10);
    assert.equal(romeo.state.mucPayloads, undefined);
    rooms.forget();
    rooms.peer.cut();
    h.clock.seconds(FIRST_QUESTION_S + 100);
    assert.equal(romeo.notices.length, 1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });
});

describe('muc_autorejoin: rooms with a password', () => {
  const x = `<password>secret</password>`;

  test('are left to the client', async (t) => {
    const made = await scene(t, '', x);
    assert.equal(made.romeo.state.mucPayloads, undefined);
    fallOut(made);
    made.h.clock.seconds(100);
    assert.deepEqual(made.entered(), []);
  });

  test('muc_autorejoin_passwords: are joined with it', async (t) => {
    const made = await scene(t, PASSWORDS, x);
    fallOut(made);
    made.h.clock.seconds(31);
    assert.equal(made.entered()[0]?.getChild('x', NS.MUC)?.getChildText('password'), 'secret');
  });
});

test('muc_autorejoin: a room that loses the client again within ten minutes is left to it', async (t) => {
  const made = await scene(t);
  fallOut(made);
  made.h.clock.seconds(31);
  made.romeo.heard();
  fallOut(made);
  made.h.clock.seconds(600);
  assert.equal(made.entered().length, 1);
  made.romeo.joins(`${ROOM}/Romeo`);
  made.h.clock.seconds(1);
  made.romeo.heard();
  fallOut(made);
  made.h.clock.seconds(31);
  assert.equal(made.entered().length, 3, 'its own join counts anew');
});

test('muc_autorejoin: a room that was gone, and is new, is opened for the others (XEP-0045 §10.1.2)', async (t) => {
  const made = await scene(t);
  fallOut(made);
  const take = made.rooms.peer.onStanza;
  const asked: Element[] = [];
  made.rooms.peer.onStanza = (stanza) => {
    if (stanza.name === 'iq') asked.push(stanza);
    if (stanza.name === 'iq') made.rooms.peer.says(failure(stanza, 'forbidden'));
    else if (stanza.getChild('x', NS.MUC))
      made.rooms.peer.says(presence(`${ROOM}/Romeo`, ROMEO, ['110', '201']));
    else take(stanza);
  };
  made.h.clock.seconds(31);
  assert.equal(asked.length, 1);
  assert.equal(asked[0]?.attrs.from, ROMEO);
  assert.equal(asked[0]?.attrs.to, ROOM);
  const form = asked[0]?.getChild('query', NS.MUC_OWNER)?.getChild('x', NS.DATA_FORMS);
  assert.equal(form?.attrs.type, 'submit');
  assert.deepEqual(made.romeo.iqs, []);
  made.rooms.peer.onStanza = take;
  const before = made.rooms.peer.received.filter(({ name }) => name === 'iq').length;
  made.romeo.joins('garden@rooms.capulet.lit/Romeo');
  made.rooms.peer.says(presence('garden@rooms.capulet.lit/Romeo', ROMEO, ['110', '201']));
  made.rooms.peer.says(presence(`${ROOM}/Romeo`, ROMEO, ['110', '201']));
  made.h.clock.seconds(1);
  assert.equal(
    made.rooms.peer.received.filter(({ name }) => name === 'iq').length,
    before,
    'what the client makes itself is its own business',
  );
});

test('muc_autorejoin: told only because nobody could be reached: joined when that is over', async (t) => {
  const made = await scene(t);
  const { h, rooms, romeo, entered } = made;
  rooms.forget();
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(700);
  assert.equal(romeo.notices.length, 1);
  h.clock.seconds(3_600);
  assert.equal(romeo.inbox.length, 1, 'no error meanwhile');
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(5);
  assert.equal(entered().length, 1);
  assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
});

test('muc_autorejoin: after a day its user knows better', async (t) => {
  const made = await scene(t);
  const { h, rooms, romeo, entered } = made;
  rooms.forget();
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(700);
  assert.equal(romeo.notices.length, 1);
  h.clock.seconds(24 * 3_600);
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(60);
  assert.deepEqual(entered(), []);
});

test('muc_autorejoin: of a client with very much to say nothing is kept', async (t) => {
  const made = await scene(t, '', `<long xmlns='urn:x'>${'x'.repeat(2_048)}</long>`);
  assert.equal(made.romeo.state.mucPayloads, undefined);
  fallOut(made);
  made.h.clock.seconds(100);
  assert.deepEqual(made.entered(), []);
});

describe('muc_autorejoin: a client that sleeps', () => {
  test('is told and joined at once, so that its user hears of messages', async (t) => {
    const made = await scene(t);
    made.romeo.sleep();
    fallOut(made);
    made.h.clock.seconds(1);
    assert.equal(made.entered().length, 1);
    made.rooms.chat(ROOM, 'Juliet', 'Romeo?');
    made.h.clock.seconds(1);
    assert.equal(made.romeo.inbox.at(-1)?.getChildText('body'), 'Romeo?');
    assert.ok(isNotice(made.romeo.inbox[0]!), 'first of all it is told that it was out');
  });

  test('is joined to one room after the other', async (t) => {
    const { h, rooms, romeo, entered } = await scene(t);
    for (let i = 0; i < 5; i++) romeo.joins(`room${i}@rooms.capulet.lit/Romeo`);
    h.clock.seconds(1);
    rooms.peer.received.length = 0;
    romeo.heard();
    const take = rooms.peer.onStanza;
    rooms.peer.onStanza = (stanza) => {
      const answers = romeo.inbox.filter(
        ({ name, attrs }) => name === 'presence' && attrs.type === undefined,
      );
      if (stanza.getChild('x', NS.MUC)) assert.equal(answers.length, entered().length - 1);
      take(stanza);
    };
    romeo.sleep();
    rooms.forget();
    rooms.peer.cut();
    h.clock.seconds(FIRST_QUESTION_S + 15);
    assert.equal(entered().length, 6);
  });

  test('is not burdened with more than its queue can take: the rest follows when it is awake', async (t) => {
    const { h, rooms, romeo, entered } = await scene(t);
    for (let i = 0; i < 3; i++) romeo.joins(`room${i}@rooms.capulet.lit/Romeo`);
    h.clock.seconds(1);
    romeo.heard();
    rooms.peer.received.length = 0;
    const take = rooms.peer.onStanza;
    rooms.peer.onStanza = (stanza) => {
      const isJoin = stanza.getChild('x', NS.MUC) !== undefined;
      for (let i = 0; isJoin && i < 1_100; i++) {
        const from = `${stanza.attrs.to?.split('/')[0]}/nick${i}`;
        rooms.peer.says(`<presence from='${from}' to='${ROMEO}'><x xmlns='${NS.MUC_USER}'/></presence>`);
      }
      take(stanza);
    };
    romeo.sleep();
    rooms.forget();
    rooms.peer.cut();
    h.clock.seconds(FIRST_QUESTION_S + 100);
    assert.equal(entered().length, 1);
    romeo.resume();
    h.clock.seconds(40);
    assert.equal(entered().length, 4);
    assert.equal(romeo.notices.length, 4);
  });
});
