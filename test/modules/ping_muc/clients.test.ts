// What clients do while their rooms are in doubt: they leave, come back, change nicks, sleep, and ask themselves.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, result } from '../../support/fake-rooms.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene, states } from './scene.ts';

const PING = `<iq type='get' id='own' to='${ROOM}/Romeo'><ping xmlns='urn:xmpp:ping'/></iq>`;
const LEAVE = `<presence type='unavailable' to='${ROOM}/Romeo'/>`;

test('a nick change is under way when the link breaks: the new nick is asked about, a minute later', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.answersNickChanges = false;
  h.clock.seconds(30);
  rooms.peer.cut();
  h.clock.seconds(50);
  romeo.says(`<presence to='${ROOM}/Montague'/>`);
  h.clock.seconds(59);
  assert.equal(rooms.pings.length, 0, 'not before it is known which nick the room will take');
  h.clock.seconds(30);
  assert.deepEqual(
    rooms.pings.map(({ attrs }) => attrs.to),
    [`${ROOM}/Montague`],
  );
  assert.deepEqual(romeo.heard(), []);
  const { rows = [] } = await h.command('joins');
  assert.equal(rows[0]?.nick, 'Montague');
});

test('the answer to a nick change is a proof: nothing is asked', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(30);
  romeo.says(`<presence to='${ROOM}/Montague'/>`);
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 0);
  assert.equal(romeo.notices.length, 0);
});

test('a nick change that never arrived: the old nick is asked about after the new one', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  rooms.peer.deaf = true;
  romeo.says(`<presence to='${ROOM}/Montague'/>`);
  rooms.peer.deaf = false;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  h.clock.seconds(60);
  assert.deepEqual(
    rooms.pings.map(({ attrs }) => attrs.to),
    [`${ROOM}/Montague`, `${ROOM}/Romeo`],
  );
  assert.deepEqual(romeo.heard(), []);
});

test('the service gives another nick (XEP-0045 §7.2.2, status 210): the notice comes from that nick', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onJoin = () => 'R.';
  romeo.joins('garden@rooms.capulet.lit/Romeo');
  h.clock.seconds(10);
  rooms.rename(ROOM, ROMEO, 'Forced');
  h.clock.seconds(10);
  romeo.heard();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 5);
  assert.deepEqual(romeo.notices.map(({ attrs }) => attrs.from).sort(), [
    'garden@rooms.capulet.lit/R.',
    `${ROOM}/Forced`,
  ]);
  assert.equal(rooms.pings.length, 2);
});

test('the client leaves while the link is cut: no question, no notice, and the leave arrives in the end', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  romeo.says(LEAVE);
  h.clock.seconds(120);
  assert.deepEqual(await states(h), []);
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(10);
  assert.equal(rooms.leaves.length, 1);
  assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  h.clock.seconds(1_200);
  assert.equal(rooms.pings.length, 0);
  assert.equal(romeo.notices.length, 0);
  assert.equal(romeo.inbox.filter(({ attrs }) => attrs.type === 'unavailable').length, 0);
});

test('the client joins again by itself: its answer is the proof', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(20);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 0);
  assert.equal(romeo.notices.length, 0);
  assert.deepEqual(await states(h), ['joined']);
});

test('the client’s join overtakes the answer to our question: the answer is void', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => {
    romeo.joins(`${ROOM}/Romeo`);
    return failure(ping, 'not-acceptable', { by: ROOM });
  };
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.notices.length, 0);
  assert.deepEqual(await states(h), ['joined']);
});

test('the answer comes when the client is in again already: void', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => {
    h.clock.after(5_000, () => rooms.peer.says(failure(ping, 'not-acceptable', { by: ROOM })));
    return undefined;
  };
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(1);
  assert.deepEqual(await states(h), ['joined']);
  h.clock.seconds(600);
  assert.equal(romeo.notices.length, 0);
  assert.deepEqual(await states(h), ['joined']);
});

test('the answer is about a nick that the client no longer has: void', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => {
    h.clock.after(5_000, () => rooms.peer.says(failure(ping, 'not-acceptable', { by: ROOM })));
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  rooms.rename(ROOM, ROMEO, 'Forced');
  h.clock.seconds(600);
  assert.equal(romeo.notices.length, 0);
  assert.equal(rooms.pings.length, 1);
});

/** Twenty clients of one room have fallen out; gives one of them that has not been told yet. */
async function untold(t: Parameters<typeof scene>[0]) {
  const made = await scene(t);
  const { h, rooms } = made;
  const clients = Array.from({ length: 20 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  for (const client of clients) client.joins(`${ROOM}/${client.jid.local}`);
  h.clock.seconds(10);
  for (const client of clients) client.heard();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  const waiting = clients.find(({ notices }) => notices.length === 0);
  assert.ok(waiting, 'five in a second, so not everybody has been told yet');
  return { ...made, waiting };
}

test('a notice that waits for its turn is refuted by what the room says meanwhile', async (t) => {
  const { h, rooms, waiting } = await untold(t);
  rooms.rooms.get(ROOM)!.set(`${waiting.jid}`, `${waiting.jid.local}`);
  rooms.chat(ROOM, 'Juliet');
  h.clock.seconds(600);
  assert.equal(waiting.notices.length, 0);
});

test('a notice that waits for its turn is void when the client changes its nick; it is asked about anew', async (t) => {
  const { h, rooms, waiting } = await untold(t);
  waiting.says(`<presence to='${ROOM}/Other'/>`);
  h.clock.seconds(30);
  assert.equal(waiting.notices.length, 0);
  h.clock.seconds(60);
  assert.deepEqual(
    rooms.pings.filter(({ attrs }) => attrs.from === `${waiting.jid}`).map(({ attrs }) => attrs.to),
    [`${ROOM}/${waiting.jid.local}`, `${ROOM}/Other`],
  );
  assert.equal(waiting.notices.length, 1);
});

test('the client’s presence in the room is forgotten with its place there', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  assert.ok(romeo.state.directed?.has(ROOM));
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.state.directed?.has(ROOM), false);
});

test('a notice that waits for its turn is not sent to a client that has left meanwhile', async (t) => {
  const { h, waiting } = await untold(t);
  waiting.says(`<presence type='unavailable' to='${ROOM}/${waiting.jid.local}'/>`);
  h.clock.seconds(600);
  assert.equal(waiting.notices.length, 0);
});

test('the session ends before the delay is over: nothing is asked', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(20);
  romeo.close();
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 0);
  assert.equal(rooms.leaves.length, 1);
});

test('the session ends while the question is out: the answer is nobody’s', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.roundTripMs = 2_000;
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  romeo.close();
  const successor = h.client(ROMEO);
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual([...romeo.inbox, ...successor.inbox], []);
});

test('XEP-0198: a sleeping client is told when it is back', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  romeo.sleep();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.deepEqual(romeo.inbox, []);
  h.clock.seconds(30);
  romeo.resume();
  h.clock.seconds(1);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(await states(h), []);
});

test('XEP-0198: a verdict that has grown old is confirmed before the client hears of it', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  romeo.sleep();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(3_600);
  assert.equal(rooms.pings.length, 1);
  rooms.rooms.get(ROOM)!.set(ROMEO, 'Romeo');
  romeo.resume();
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 2);
  assert.deepEqual(romeo.inbox, []);
  assert.deepEqual(await states(h), ['joined']);
});

test('the client resumes on another connection between question and answer: told there', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.roundTripMs = 2_000;
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  romeo.sleep();
  romeo.resume();
  h.clock.seconds(5);
  assert.equal(romeo.notices.length, 1);
});

test('a self-ping of the client’s own passes, both ways', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  romeo.says(PING);
  h.clock.seconds(1);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.count(`<iq type='result' id='own' from='${ROOM}/Romeo' to='${ROMEO}'/>`), 1);
});

test('a self-ping of the client’s own that finds it in the room saves ours', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(30);
  romeo.says(PING);
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
});

test('a client that has found out itself is told only when it does nothing about it for 30 seconds', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(30);
  romeo.says(PING);
  h.clock.seconds(29);
  assert.equal(romeo.notices.length, 0);
  h.clock.seconds(2);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 1);
});

test('… and not when it joins again', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(30);
  romeo.says(PING);
  h.clock.seconds(10);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(600);
  assert.equal(romeo.notices.length, 0);
  assert.equal(rooms.pings.length, 1);
});

test('a self-ping of the client’s own is relayed to a sleeping sibling: the server answers it', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const phone = h.client('romeo@montague.lit/phone');
  phone.joins(`${ROOM}/Romeo`);
  h.clock.seconds(10);
  phone.heard();
  romeo.heard();
  phone.sleep();
  rooms.onPing = (ping) => {
    rooms.relay(ping, [`${phone.jid}`]);
    return undefined;
  };
  romeo.says(PING);
  h.clock.seconds(1);
  assert.equal(romeo.iqs.length, 1);
  assert.deepEqual(phone.inbox, []);
});

test('a message comes back from the room: the client is told within two round trips', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>hello?</body></message>`);
  h.clock.advance(2 * rooms.peer.roundTripMs + 10);
  assert.equal(romeo.inbox.length, 2);
  assert.match(String(romeo.inbox[0]), /^<message .*<not-acceptable/, 'its own error first');
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 1);
});

test('a message comes back although the client is in (a filter): nobody is told anything', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const { onStanza } = rooms.peer;
  rooms.peer.onStanza = (stanza) => {
    if (stanza.name === 'message')
      rooms.peer.says(failure(stanza, 'not-acceptable', { type: 'cancel', by: ROOM }));
    else onStanza(stanza);
  };
  romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>spam</body></message>`);
  h.clock.seconds(600);
  assert.equal(romeo.inbox.length, 1);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(await states(h), ['joined']);
});

for (const condition of ['forbidden', 'policy-violation', 'resource-constraint', 'not-allowed'] as const) {
  test(`a message comes back with ${condition}: that is said to occupants, so it proves one`, async (t) => {
    const { h, rooms, romeo } = await scene(t);
    const { onStanza } = rooms.peer;
    rooms.peer.onStanza = (stanza) => {
      if (stanza.name === 'message') rooms.peer.says(failure(stanza, condition, { by: ROOM }));
      else onStanza(stanza);
    };
    rooms.peer.cut();
    h.clock.seconds(20);
    romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>may I?</body></message>`);
    h.clock.seconds(600);
    assert.equal(rooms.pings.length, 0);
  });
}

test('the room of a message that came back is gone: its other clients are told too', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const friend = h.client('benvolio@montague.lit/x');
  friend.joins(`${ROOM}/Benvolio`);
  h.clock.seconds(10);
  friend.heard();
  romeo.heard();
  rooms.forget({ gone: true });
  const { onStanza } = rooms.peer;
  rooms.peer.onStanza = (stanza) => {
    if (stanza.name === 'message') rooms.peer.says(failure(stanza, 'item-not-found', { by: rooms.domain }));
    else onStanza(stanza);
  };
  romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>hello?</body></message>`);
  h.clock.seconds(2);
  assert.equal(romeo.notices.length + friend.notices.length, 2);
  assert.equal(rooms.pings.length, 1);
});

test('a message of the client’s cannot be delivered: the domain is asked after the delay', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.reachable = false;
  romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>hello?</body></message>`);
  h.clock.seconds(1);
  assert.match(String(romeo.heard()), /remote-server-timeout/);
  rooms.peer.reachable = true;
  rooms.forget();
  h.clock.seconds(FIRST_QUESTION_S - 5);
  assert.equal(rooms.pings.length, 0);
  h.clock.seconds(10);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.notices.length, 1);
});

test('… also while no connection is even tried', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.paused = true;
  romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>hello?</body></message>`);
  h.clock.seconds(1);
  rooms.peer.paused = false;
  rooms.forget();
  h.clock.seconds(FIRST_QUESTION_S);
  assert.equal(romeo.notices.length, 1);
});

test('XEP-0045 §7.5: a private message comes back for want of a recipient: the sender is in', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const { onStanza } = rooms.peer;
  rooms.peer.onStanza = (stanza) => {
    if (stanza.name === 'message') rooms.peer.says(failure(stanza, 'item-not-found', { by: ROOM }));
    else onStanza(stanza);
  };
  rooms.peer.cut();
  h.clock.seconds(20);
  romeo.says(`<message type='chat' id='m1' to='${ROOM}/Juliet'><body>psst</body></message>`);
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 0);
});

test('XEP-0045 §7.5: a private message comes back from a room that does not know the sender', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  romeo.says(`<message type='chat' id='m1' to='${ROOM}/Juliet'><body>psst</body></message>`);
  h.clock.seconds(1);
  assert.equal(romeo.notices.length, 1);
});

test('XEP-0045 §7.2.18: an error to a presence update of somebody who is not in says so', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  const { onStanza } = rooms.peer;
  rooms.peer.onStanza = (stanza) => {
    if (stanza.name === 'presence') rooms.peer.says(failure(stanza, 'not-acceptable', { by: ROOM }));
    else onStanza(stanza);
  };
  romeo.says(`<presence to='${ROOM}/Romeo'><show>away</show></presence>`);
  h.clock.seconds(1);
  assert.equal(romeo.inbox.length, 2);
  assert.equal(romeo.inbox[0]?.attrs.type, 'error');
  assert.equal(romeo.notices.length, 1);
});

test('`joins probe` asks at once, and says how many', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  const answer = await h.command('joins probe', { domain: 'Rooms.capulet.lit' });
  assert.equal(answer.text, 'asking about 1 join at rooms.capulet.lit');
  h.clock.seconds(2);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.notices.length, 1);
  assert.match((await h.command('joins probe', { domain: 'example.net' })).text ?? '', /about 0 joins/);
});

test('a late result of an own question is no result for the client that asks with the same id', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  const { id } = rooms.pings[0]!.attrs;
  romeo.says(PING.replace('own', `${id}`));
  h.clock.seconds(1);
  assert.equal(romeo.count(String(result(rooms.pings.at(-1)!))), 1);
});

test('a notice waits for its turn, the room shows the client, and then refuses it: the newest counts', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const others = Array.from({ length: 10 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  for (const other of others) other.joins(`${ROOM}/${other.jid.local}`);
  h.clock.seconds(1);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S);
  h.clock.advance(500); // Five of a room in a second are told: the last ones wait.
  const last = [romeo, ...others].find(({ notices }) => notices.length === 0)!;
  const nick = last === romeo ? 'Romeo' : last.jid.local;
  rooms.peer.says(
    `<message type='groupchat' from='${ROOM}/Juliet' to='${last.jid}'><body>adieu</body></message>`,
  );
  h.clock.advance(100);
  rooms.peer.says(
    `<presence type='error' from='${ROOM}/${nick}' to='${last.jid}'>
       <error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
  );
  h.clock.seconds(10);
  assert.equal(last.notices.length, 1);
});
