// Joins and leaves that were on a link when it broke: what was answered is over, and the rest is sent once.

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

/** What is to become of a stanza of a broken stream. */
function asked({ h }: Stage, stanza: string): string | undefined {
  const { hooks } = h.server.router.hosts.get('montague.lit')!;
  return hooks.fire('link-resend', { remote: 'rooms.capulet.lit', stanza: parseXml(stanza) as Stanza });
}

test('a join that the room has answered is neither sent again nor returned; an update is', async (t) => {
  const made = await joined(t);
  assert.equal(asked(made, JOIN), 'needless');
  assert.equal(asked(made, JOIN.replace(ROOM, 'square@rooms.capulet.lit')), undefined);
  assert.equal(asked(made, UPDATE), undefined);
  assert.equal(asked(made, JOIN.replace('presence', 'message').replace('/presence', '/message')), undefined);
});

test('one that it has not answered is', async (t) => {
  const made = await silentStage(t);
  made.romeo.joins(`${ROOM}/Romeo`);
  assert.equal(asked(made, JOIN), undefined);
  made.sends(`${ROOM}/Romeo`, ['110']);
  made.romeo.joins(`${ROOM}/Romeo`);
  assert.equal(asked(made, JOIN), undefined, 'nor the second one, of who is in');
});

test('a leave that is sent again need not be made up for', async (t) => {
  const made = await joined(t);
  const { rooms, romeo, h } = made;
  rooms.peer.onStanza = () => {};
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  rooms.peer.cut();
  assert.equal(asked(made, LEAVE), undefined);
  rooms.peer.openOut();
  h.clock.seconds(60);
  assert.equal(rooms.leaves.length, 1);
});

test('one that comes back after that must be', async (t) => {
  const made = await joined(t);
  const { rooms, romeo, h } = made;
  rooms.peer.onStanza = () => {};
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  rooms.peer.cut();
  asked(made, LEAVE);
  rooms.peer.says(
    `<presence type='error' id='bye' from='${ROOM}/Romeo' to='${ROMEO}'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
  );
  rooms.peer.openOut();
  h.clock.seconds(60);
  assert.equal(rooms.leaves.length, 2);
});

test('a leave that the room has confirmed is not sent again, unless the client was there again', async (t) => {
  const made = await joined(t);
  const { romeo } = made;
  romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
  assert.equal(asked(made, LEAVE.replace(` id='bye'`, '')), undefined);
  made.sends(`${ROOM}/Romeo`, ['110'], { type: 'unavailable' });
  assert.equal(asked(made, LEAVE.replace(` id='bye'`, '')), 'needless');
  romeo.joins(`${ROOM}/Romeo`);
  made.sends(`${ROOM}/Romeo`, ['110']);
  romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
  assert.equal(asked(made, LEAVE.replace(` id='bye'`, '')), undefined);
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
  test(`a join that was answered, and a line that breaks for good before more is said: nothing comes back ${config}`, async (t) => {
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

  test(`a leave while the line is broken: the room hears it once, the client its answer ${config}`, async (t) => {
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
