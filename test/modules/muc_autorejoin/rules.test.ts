// Rules that no other file tests by themselves.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop, floodPeople } from '../../support/fake-rooms/faults.ts';
import { failure } from '../../support/fake-rooms/replies.ts';
import { assertFaults } from '../../support/server.ts';
import { sent, watchLink } from './counts.ts';
import { out, place } from './out.ts';
import { HALL, JULIET, ROMEO, stage } from './stage.ts';

test('rooms are asked 1 to 2 s after the link is up, whatever ping_muc_delay is', async (t) => {
  for (const delay of ['20 seconds', '5 minutes']) {
    const made = await stage(t, { config: `ping_muc_delay = "${delay}"` });
    made.passes(20);
    sent(made);
    const link = watchLink(made);
    made.cut(10);
    for (let i = 0; i < 2_000 && link.upAt === 0; i++) made.passes(0.05);
    made.passes(0.9);
    assert.deepEqual(sent(made), {});
    made.passes(1.1);
    assert.deepEqual(sent(made), { ping: 1 });
    await made.h.server.stop();
  }
});

test('a client is compared with what it was sent itself, not with what the room has shown to others since', async (t) => {
  const made = await stage(t);
  const juliet = made.client(JULIET, 'Juliet');
  made.romeo.heard();
  drop(made.room, ROMEO, { isTold: false });
  made.people.get('Alice')!.presence(HALL, [xml('show', {}, 'away')]);
  made.passes(1);
  assert.ok(made.seen(juliet).includes('presence Alice'));
  made.cut();
  made.passes(10);
  assert.deepEqual(made.seen(), ['presence Alice']);
  drop(made.room, ROMEO, { isTold: false });
  made.cut();
  made.passes(10);
  assert.deepEqual(made.seen(), [], 'now it knows');
});

test('a room of as many occupants as allowed is remembered; with one more it is large', async (t) => {
  for (const count of [9, 10, 11]) {
    const made = await stage(t, { config: 'muc_autorejoin_max_occupants = 10' });
    floodPeople(made.room, ROMEO, count - 2); // With Alice and Bob.
    made.passes(1);
    const { room } = place(made)!;
    assert.deepEqual([room.views.masked.roll.size, room.isLarge], count > 10 ? [0, true] : [count, false]);
    await made.h.server.stop();
  }
});

test('a payload of 2,048 characters is kept, a longer one is not', async (t) => {
  const made = await stage(t);
  const pad = (length: number) =>
    made.romeo.says(`<presence to='${HALL}/Romeo'><status>${'x'.repeat(length)}</status></presence>`);
  pad(1);
  const base = place(made)!.payload!.length - 1;
  for (const length of [2_047, 2_048, 2_049]) {
    made.romeo.joins(`${HALL}/Romeo`);
    pad(length - base);
    assert.equal(place(made)!.payload?.length, length > 2_048 ? undefined : length);
  }
});

test('other modes than silent remember no occupants and no messages', async (t) => {
  for (const mode of ['assisted', 'off']) {
    const made = await stage(t, { config: `muc_autorejoin = "${mode}"` });
    made.say('Alice', 'hello');
    made.passes(20);
    const kept = place(made);
    assert.equal(kept === undefined, mode === 'off');
    assert.equal(kept?.room.views.masked.roll.size ?? 0, 0);
    assert.equal(kept?.room.ring.count ?? 0, 0);
    assert.equal(sent(made).info, undefined, 'nor is the room asked what it is');
    await made.h.server.stop();
  }
});

test('the server joins only the room that the client is in, under the nick that it has, with the x of its join', async (t) => {
  const made = await stage(t);
  made.romeo.says(`<presence to='${HALL}/Montague'/>`);
  made.passes(1);
  made.romeo.heard();
  made.joined();
  drop(made.room, ROMEO, { codes: ['333'] });
  made.passes(10);
  const joins = made.joined();
  assert.deepEqual(
    joins.map(({ attrs, ...join }) => [attrs.to, join.children.length > 0]),
    [[`${HALL}/Montague`, true]],
  );
  assert.ok(joins[0]?.getChild('x', NS.MUC));
  assert.deepEqual(made.seen(), []);
});

test('a silent join that was refused is followed by a notice, and by no assisted join', async (t) => {
  const made = await stage(t);
  made.service.behaviour.refuseJoin = ({ attrs }) =>
    attrs.from === ROMEO ? new StanzaError('registration-required') : undefined;
  made.joined();
  drop(made.room, ROMEO, { codes: ['333'] });
  made.passes(600);
  assert.equal(made.joined().length, 1);
  assert.deepEqual(
    made.seen().map((line) => line.split(' ').slice(0, 3).join(' ')),
    ['presence Romeo unavailable'],
  );
});

for (const state of ['joining', 'catching-up'] as const) {
  test(`${state}: private messages, iqs and invitations of the room pass`, async (t) => {
    const { made, ends } = await out(t, state);
    const x = `<x xmlns='${NS.MUC_USER}'/>`;
    const invite = `<x xmlns='${NS.MUC_USER}'><invite from='alice@capulet.lit/x'/></x>`;
    made.service.release(); // What the stage holds comes first.
    for (const stanza of [
      `<message type='chat' from='${HALL}/Alice' to='${ROMEO}'><body>psst</body>${x}</message>`,
      `<message from='${HALL}' to='${ROMEO}'>${invite}</message>`,
      `<iq type='get' id='version' from='${HALL}/Alice' to='${ROMEO}'><query xmlns='jabber:iq:version'/></iq>`,
    ])
      made.service.peer.says(stanza);
    made.passes(0.1);
    const seen = made.romeo.heard().map(({ name, attrs }) => `${name} ${attrs.type ?? ''}`.trim());
    assert.deepEqual(seen, ['message chat', 'message', 'iq get']);
    ends();
    made.passes(60);
    assert.deepEqual(made.seen(), []);
  });
}

test('nothing that is held back counts as sent to the client (XEP-0198)', async (t) => {
  const { made, ends } = await out(t, 'joining');
  const { stanzasOut } = made.romeo;
  ends();
  made.passes(60);
  assert.deepEqual([made.romeo.stanzasOut, made.seen()], [stanzasOut, []]);
});

test('when the judge fails, the stanza passes', async (t) => {
  const made = await stage(t);
  const { view } = place(made)!;
  const get = () => {
    throw new Error('a defect');
  };
  Object.defineProperty(place(made)!, 'view', { configurable: true, get });
  made.comes('Carol');
  made.passes(1);
  assert.deepEqual(made.seen(), ['presence Carol']);
  Object.defineProperty(place(made)!, 'view', { value: view, writable: true });
  assertFaults(made.h.server.faults, { handler: 1 });
});

test('errors of private messages pass, also while the server joins', async (t) => {
  const { made, ends } = await out(t, 'joining');
  made.service.release();
  const sentBy = xml('message', { type: 'chat', id: 'pm', from: ROMEO, to: `${HALL}/Alice` });
  made.service.peer.says(failure(sentBy, 'not-acceptable', { by: HALL }));
  made.passes(0.1);
  assert.deepEqual(
    made.romeo.heard().map(({ name, attrs }) => [name, attrs.type, attrs.id]),
    [['message', 'error', 'pm']],
  );
  ends();
});
