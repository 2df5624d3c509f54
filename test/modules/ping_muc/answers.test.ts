// What rooms of all kinds answer, and what comes of it for the client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { failure, info, presence, result } from '../../support/fake-rooms.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene, states } from './scene.ts';

const PHONE = 'romeo@montague.lit/phone';
const TABLET = 'romeo@montague.lit/tablet';

test('the room was destroyed meanwhile (gone): the notice; the rejoin gets the room’s own word', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'gone', { by: ROOM });
  rooms.onJoin = () => new StanzaError('gone');
  rooms.peer.cut();
  h.clock.seconds(70);
  assert.equal(romeo.heard().length, 1);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(1);
  assert.match(String(romeo.heard()), /<gone/);
  assert.equal(rooms.pings.length, 1);
});

test('the user was banned meanwhile: the notice; the rejoin is forbidden', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'forbidden', { by: ROOM });
  rooms.onJoin = () => new StanzaError('forbidden');
  rooms.peer.cut();
  h.clock.seconds(70);
  assert.equal(romeo.notices.length, 1);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(1);
  assert.match(String(romeo.inbox.at(-1)), /<forbidden/);
  assert.deepEqual(await states(h), []);
});

test('item-not-found by the room: the nick was just changed by a sibling; the second ping finds it so', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  let pings = 0;
  rooms.onPing = (ping) => (++pings === 1 ? failure(ping, 'item-not-found', { by: ROOM }) : result(ping));
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 9);
  assert.equal(pings, 1);
  h.clock.seconds(120);
  assert.equal(pings, 2);
  assert.deepEqual(romeo.heard(), []);
});

test('the room insists on another nick: the client leaves for real, and is told', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.rooms.get(ROOM)!.set(ROMEO, 'Somebody');
  rooms.peer.cut();
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 2);
  assert.equal(rooms.leaves.length, 1);
  assert.equal(rooms.rooms.get(ROOM)!.size, 0);
  assert.equal(
    romeo.inbox.length,
    1,
    'the confirmation of a leave that it did not send is kept from the client',
  );
  assert.equal(romeo.notices.length, 1);
});

test('a desynchronised client that joins again at once stays in', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.rooms.get(ROOM)!.set(ROMEO, 'Somebody');
  rooms.peer.cut();
  for (let i = 0; i < 1_200 && romeo.inbox.length === 0; i++) h.clock.advance(100);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(600);
  assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
  assert.equal(romeo.notices.length, 1);
  assert.deepEqual(await states(h), ['joined']);
});

test('no such room, for fifty of our clients: one ping and one question for all', async (t) => {
  const { h, rooms } = await scene(t);
  const clients = Array.from({ length: 50 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  for (const client of clients) client.joins(`${ROOM}/${client.jid.local}`);
  h.clock.seconds(10);
  for (const client of clients) client.heard();
  rooms.forget({ gone: true });
  rooms.peer.cut();
  h.clock.seconds(90);
  assert.equal(rooms.pings.length, 1);
  assert.equal(rooms.infos.length, 1);
  assert.ok(clients.every(({ notices }) => notices.length === 1));
});

test('not-allowed is said to occupants: one presence probe a day, and never a notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'not-allowed', { by: ROOM });
  rooms.peer.cut();
  h.clock.seconds(1_200);
  assert.equal(rooms.pings.length, 1);
  assert.equal(rooms.probes.length, 1);
  assert.deepEqual(await states(h), ['joined, unproven']);
  rooms.peer.cut();
  h.clock.seconds(1_200);
  assert.equal(rooms.pings.length, 2);
  assert.equal(rooms.probes.length, 1);
  h.clock.seconds(86_400);
  rooms.peer.cut();
  h.clock.seconds(120);
  assert.equal(rooms.probes.length, 2);
  assert.deepEqual(romeo.heard(), []);
});

test('the answer to a presence probe is not the client’s: the own presence', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'not-allowed', { by: ROOM });
  rooms.onProbe = () => presence(`${ROOM}/Romeo`, ROMEO, ['110']);
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.deepEqual(romeo.heard(), []);
  assert.deepEqual(await states(h), ['joined']);
});

test('the answer to a presence probe is not the client’s: not-acceptable, and the notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'not-allowed', { by: ROOM });
  rooms.onProbe = (probe) => failure(probe, 'not-acceptable', { by: ROOM });
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(romeo.inbox.length, 1);
  assert.equal(romeo.notices.length, 1);
});

test('bad-request, twice: out; once: in', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  let pings = 0;
  rooms.onPing = (ping) => (++pings === 1 ? failure(ping, 'bad-request') : result(ping));
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.deepEqual(romeo.heard(), []);
  rooms.onPing = (ping) => failure(ping, 'bad-request');
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 6);
  assert.equal(romeo.notices.length, 1);
});

test('service-unavailable, and the room exists: in, unproven', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'service-unavailable');
  rooms.peer.cut();
  h.clock.seconds(1_200);
  assert.equal(rooms.pings.length, 1);
  assert.equal(rooms.infos.length, 1);
  assert.deepEqual(romeo.heard(), []);
  assert.deepEqual(await states(h), ['joined, unproven']);
});

test('XEP-0410 §3.3: service-unavailable from a room that answers pings itself is trouble, not an answer', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'service-unavailable');
  rooms.onInfo = (query) => info(query, [NS.MUC, NS.MUC_SELF_PING]);
  rooms.peer.cut();
  h.clock.seconds(120);
  rooms.onPing = undefined;
  rooms.forget();
  h.clock.seconds(120);
  assert.equal(romeo.notices.length, 1);
});

test('recipient-unavailable from a gateway to IRC: out', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'recipient-unavailable', { type: 'cancel' });
  rooms.onInfo = (query) => info(query, [], { category: 'conference', type: 'irc' });
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(
    rooms.infos.map(({ attrs }) => attrs.to),
    ['rooms.capulet.lit'],
  );
});

test('the component is down behind a living link (wait): nothing while it is, then what is true', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'service-unavailable', { type: 'wait', by: rooms.domain });
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(240);
  assert.deepEqual(romeo.heard(), []);
  assert.ok(rooms.pings.length <= 4);
  rooms.onPing = undefined;
  h.clock.seconds(300);
  assert.equal(romeo.notices.length, 1);
});

test('everybody is told to wait: the questions become fewer, nobody is told anything', async (t) => {
  const { h, rooms } = await scene(t);
  const clients = Array.from({ length: 300 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  for (const client of clients) client.joins(`${client.jid.local}@rooms.capulet.lit/me`);
  h.clock.seconds(10);
  for (const client of clients) client.heard();
  let pings = 0;
  // The first answers, which lets everybody be asked about; then the service has enough.
  rooms.onPing = (ping) => (++pings === 1 ? result(ping) : failure(ping, 'resource-constraint'));
  rooms.peer.cut();
  h.clock.seconds(100);
  assert.ok(pings < 40, `${pings} pings`);
  rooms.onPing = undefined;
  h.clock.seconds(400);
  assert.ok(clients.every(({ inbox }) => inbox.length === 0));
  assert.equal((await states(h)).filter((state) => state === 'joined').length, 301);
});

test('the answer comes after 90 seconds: it still counts, and two pings are enough', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => {
    h.clock.after(90_000, () => rooms.peer.says(result(ping)));
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(1_200);
  assert.equal(rooms.pings.length, 2);
  assert.deepEqual(romeo.heard(), []);
  assert.deepEqual(await states(h), ['joined']);
});

test('not-acceptable comes late: the notice comes with it', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  let pings = 0;
  rooms.onPing = (ping) => {
    if (++pings === 1) h.clock.after(50_000, () => rooms.peer.says(failure(ping, 'not-acceptable')));
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 49);
  assert.equal(romeo.notices.length, 0);
  h.clock.seconds(2);
  assert.equal(romeo.notices.length, 1);
  assert.ok(pings <= 2);
  h.clock.seconds(1_200);
  assert.equal(romeo.inbox.length, 1);
});

test('an answer that is nine minutes late is still ours, and never the client’s', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_give_up = "never"');
  let first: (() => void) | undefined;
  rooms.onPing = (ping) => {
    first ??= () => rooms.peer.says(failure(ping, 'not-acceptable'));
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 9 * 60);
  first!();
  h.clock.seconds(1);
  assert.deepEqual(romeo.iqs, []);
  assert.equal(romeo.notices.length, 1);
});

test('an answer forged by another domain is ignored, whatever its id', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = () => undefined;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  const mallory = h.peer('mallory.lit');
  const forged = failure(rooms.pings[0]!, 'not-acceptable').with({ from: 'hall@mallory.lit/Romeo' });
  mallory.says(forged);
  mallory.says(result(rooms.pings[0]!).with({ from: 'mallory.lit' }));
  h.clock.seconds(5);
  rooms.peer.says(result(rooms.pings[0]!).with({ from: ROOM }));
  h.clock.seconds(5);
  assert.deepEqual(romeo.heard(), []);
  rooms.peer.says(result(rooms.pings[0]!));
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1, 'the true answer counts');
  assert.deepEqual(romeo.heard(), []);
});

test('XEP-0410 §3.2: a relayed ping is answered by the server, and no client sees it', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => {
    rooms.relay(ping, [ROMEO]);
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(romeo.heard(), []);
  assert.deepEqual(await states(h), ['joined']);
});

test('a link that carried a relayed ping and its answer is ours alone: its end asks nothing', async (t) => {
  const { h, rooms } = await scene(t);
  rooms.onPing = (ping) => {
    rooms.relay(ping, [ROMEO]);
    return undefined;
  };
  rooms.peer.cut('clean');
  h.clock.seconds(600);
  rooms.peer.cut('clean');
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
});

test('answer_relayed_pings = false: a relayed ping is the client’s', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'answer_relayed_pings = false');
  rooms.onPing = (ping) => {
    rooms.relay(ping, [ROMEO]);
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.iqs.length, 1);
});

test('relayed to a sibling that sleeps: the server answers, nobody is woken', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const phone = h.client(PHONE);
  phone.joins(`${ROOM}/Romeo`);
  h.clock.seconds(10);
  phone.heard();
  phone.sleep();
  rooms.onPing = (ping) => {
    rooms.relay(ping, [PHONE]);
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.deepEqual([...romeo.heard(), ...phone.heard()], []);
  assert.ok(rooms.pings.length <= 2);
});

test('a service that pings all sessions of a nick: all are answered for, nobody is thrown out', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const others = [PHONE, TABLET].map((jid) => h.client(jid));
  for (const other of others) other.joins(`${ROOM}/Romeo`);
  h.clock.seconds(10);
  for (const other of others) other.heard();
  rooms.onPing = (ping) => {
    rooms.relay(ping, [ROMEO, PHONE, TABLET]);
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1, 'whoever is pinged is in: one ping of ours proves all three');
  assert.deepEqual(await states(h), ['joined', 'joined', 'joined']);
  assert.deepEqual([...romeo.heard(), ...others.flatMap((other) => other.heard())], []);
});

test('… which says nothing of the one that asks: in, unproven, until its message comes back', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const others = [PHONE, TABLET].map((jid) => h.client(jid));
  for (const other of others) other.joins(`${ROOM}/Romeo`);
  h.clock.seconds(10);
  for (const other of others) other.heard();
  rooms.rooms.get(ROOM)!.delete(ROMEO);
  rooms.onPing = (ping) => {
    rooms.relay(ping, [PHONE, TABLET]);
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal((await states(h))[0], 'joined, unproven');
  assert.deepEqual(romeo.heard(), []);
  rooms.onPing = (ping) => failure(ping, 'not-acceptable', { by: ROOM });
  romeo.says(`<message type='groupchat' to='${ROOM}'><body>hi</body></message>`);
  h.clock.seconds(1);
  assert.equal(romeo.notices.length, 1);
});

test('a ping from another occupant is the client’s', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const ping = `<iq type='get' id='p1' from='${ROOM}/Juliet' to='${ROMEO}'><ping xmlns='urn:xmpp:ping'/></iq>`;
  rooms.peer.says(ping);
  h.clock.seconds(1);
  assert.equal(romeo.count(ping), 1);
});

test('a ping from the service itself is the client’s', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.says(`<iq type='get' id='p1' from='${ROOM}' to='${ROMEO}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  h.clock.seconds(1);
  assert.equal(romeo.iqs.length, 1);
});

test('a link on which servers only asked each other for a sign of life is nobody’s: its end asks nothing', async (t) => {
  const { h, rooms } = await scene(t);
  rooms.peer.cut('idle');
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 1);
  const { peer } = rooms;
  const [out, back] = [peer.openOut(), peer.openIn()];
  back.state.keepalive = { asked: 0, answered: 1 };
  back.stanzasIn++;
  out.state.keepalive = { asked: 1, answered: 0 };
  out.stanzasOut++;
  peer.says(
    `<iq type='get' id='k' from='${rooms.domain}' to='montague.lit'><ping xmlns='urn:xmpp:ping'/></iq>`,
  );
  h.clock.seconds(1);
  assert.equal(peer.received.filter(({ attrs }) => attrs.id === 'k').length, 1);
  peer.cut('idle');
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
});
