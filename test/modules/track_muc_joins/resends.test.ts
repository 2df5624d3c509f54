// Joins and leaves that were unacknowledged when a link broke: answered ones are dropped, the others sent once.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Stanza } from '../../../src/xml/element.ts';
import { FakeClock } from '../../support/clock.ts';
import { parseXml } from '../../support/match.ts';
import { network } from '../../support/network.ts';
import { joined, ROMEO, ROOM, type Stage, silentStage } from './stage.ts';

const ENTERS = `<x xmlns='http://jabber.org/protocol/muc'/>`;
const JOIN = `<presence from='${ROMEO}' to='${ROOM}/Romeo'>${ENTERS}</presence>`;
const UPDATE = `<presence from='${ROMEO}' to='${ROOM}/Romeo'/>`;
const LEAVE = `<presence type='unavailable' id='bye' from='${ROMEO}' to='${ROOM}/Romeo'/>`;

/** The answer of the tracker for a stanza of a broken stream. */
function verdictOn({ h }: Stage, stanza: string): string | undefined {
  const { hooks } = h.server.router.hosts.get('montague.lit')!;
  return hooks.fire('link-resend', { remote: 'rooms.capulet.lit', stanza: parseXml(stanza) as Stanza });
}

test('a join that the room has answered is neither resent nor returned; a presence update is', async (t) => {
  const made = await joined(t);
  assert.equal(verdictOn(made, JOIN), 'needless');
  assert.equal(verdictOn(made, JOIN.replace(ROOM, 'square@rooms.capulet.lit')), undefined);
  assert.equal(verdictOn(made, UPDATE), undefined);
  assert.equal(
    verdictOn(made, JOIN.replace('presence', 'message').replace('/presence', '/message')),
    undefined,
  );
});

test('a join that the room has not answered is resent', async (t) => {
  const made = await silentStage(t);
  made.romeo.joins(`${ROOM}/Romeo`);
  assert.equal(verdictOn(made, JOIN), undefined);
  made.sends(`${ROOM}/Romeo`, ['110']);
  made.romeo.joins(`${ROOM}/Romeo`);
  assert.equal(verdictOn(made, JOIN), undefined, 'also the second join of an occupant');
});

test('a leave that the link resends is not sent a second time', async (t) => {
  const made = await joined(t);
  const { rooms, romeo, h } = made;
  rooms.peer.onStanza = () => {};
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  rooms.peer.cut();
  assert.equal(verdictOn(made, LEAVE), undefined);
  rooms.peer.openOut();
  h.clock.seconds(60);
  assert.equal(rooms.leaves.length, 1);
});

test('a resent leave that is returned as an error is sent again later', async (t) => {
  const made = await joined(t);
  const { rooms, romeo, h } = made;
  rooms.peer.onStanza = () => {};
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  rooms.peer.cut();
  verdictOn(made, LEAVE);
  rooms.peer.says(
    `<presence type='error' id='bye' from='${ROOM}/Romeo' to='${ROMEO}'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
  );
  rooms.peer.openOut();
  h.clock.seconds(60);
  assert.equal(rooms.leaves.length, 2);
});

test('a leave that the room has confirmed is not resent, unless the client has joined again since', async (t) => {
  const made = await joined(t);
  const { romeo } = made;
  romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
  assert.equal(verdictOn(made, LEAVE.replace(` id='bye'`, '')), undefined);
  made.sends(`${ROOM}/Romeo`, ['110'], { type: 'unavailable' });
  assert.equal(verdictOn(made, LEAVE.replace(` id='bye'`, '')), 'needless');
  romeo.joins(`${ROOM}/Romeo`);
  made.sends(`${ROOM}/Romeo`, ['110']);
  romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
  assert.equal(verdictOn(made, LEAVE.replace(` id='bye'`, '')), undefined);
});

// ── Two servers ────────────────────────────────────────────────────────────────────────────────────────────────

async function romeoElsewhere(t: TestContext, config = '') {
  const clock = new FakeClock();
  const net = await network(
    t,
    {
      montague: `${config}\n[hosts."montague.lit"]`,
      capulet: `${config}\n[hosts."capulet.lit"]\n[hosts."rooms.capulet.lit"]\ncomponent = "muc"\nrestrict_room_creation = false`,
    },
    { clock },
  );
  const romeo = await net.client(ROMEO);
  const said: string[] = [];
  const { hooks } = net.of('rooms.capulet.lit').server.router.hosts.get('rooms.capulet.lit')!;
  hooks.add(
    'presence/full',
    ({ stanza: { attrs } }) => {
      said.push(`${attrs.type ?? 'here'} ${attrs.id}`);
    },
    'guard',
    'test',
  );
  romeo.send(`<presence id='join' to='${ROOM}/Romeo'>${ENTERS}</presence>`);
  await romeo.skipUntil((element) => element.getChild('subject') !== undefined);
  return { clock, net, romeo, said };
}

for (const config of ['', 'modules_disabled = ["s2s_bidi"]', 'modules_disabled = ["smacks"]']) {
  test(`a link breaks for good after a join is answered: the client gets no error ${config}`, async (t) => {
    const { clock, net, romeo, said } = await romeoElsewhere(t, config);
    net.unreachable.add('rooms.capulet.lit');
    net.cut('montague.lit', 'rooms.capulet.lit');
    await clock.advance(240_000);
    await romeo.receivesNothing();
    net.unreachable.clear();
    await clock.advance(120_000);
    assert.deepEqual(
      said.filter((what) => what === 'here join'),
      ['here join'],
    );
  });

  test(`a client leaves while the link is broken: the room gets one leave, and the client its answer ${config}`, async (t) => {
    const { clock, net, romeo, said } = await romeoElsewhere(t, config);
    await clock.advance(2_000);
    net.unreachable.add('rooms.capulet.lit');
    net.cut('montague.lit', 'rooms.capulet.lit');
    await clock.advance(5_000);
    romeo.send(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
    await clock.advance(30_000);
    net.unreachable.clear();
    await clock.advance(60_000);
    assert.deepEqual(said, ['here join', 'unavailable bye']);
    assert.equal((await romeo.next()).attrs.type, 'unavailable');
    await romeo.receivesNothing();
  });
}
