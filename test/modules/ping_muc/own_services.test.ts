// Rooms on a service of this server: an external component (XEP-0114) or the module muc.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { ScriptedComponent, SECRET } from '../../support/component.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const IRC = 'irc.montague.lit';
const ROOM = `hall@${IRC}`;
const OWN_ROOM = 'hall@rooms.montague.lit';
const ROMEO = 'romeo@montague.lit/orchard';
const MUC_USER = 'http://jabber.org/protocol/muc#user';
const CONFIG = `
muc_autorejoin = false
[hosts."montague.lit"]
[hosts."rooms.montague.lit"]
component = "muc"
muc_room_locking = false
[hosts."${IRC}"]
component = "external"
component_secret = "${SECRET}"
`;
const MINUTE = 60_000;

interface Scene {
  readonly clock: FakeClock;
  readonly net: TestServer;
  readonly rooms: ScriptedComponent;
  readonly romeo: ScriptedClient;
}

/** Romeo is in a room of an external component. */
async function scene(t: TestContext): Promise<Scene> {
  const clock = new FakeClock();
  const net = await startServer(t, { config: CONFIG, clock });
  const rooms = await ScriptedComponent.serving(net, IRC);
  const romeo = await net.client(ROMEO);
  romeo.send(`<presence to='${ROOM}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await rooms.next();
  rooms.send(welcome());
  await romeo.receives(welcome());
  return { clock, net, rooms, romeo };
}

function welcome(): string {
  return `<presence from='${ROOM}/Romeo' to='${ROMEO}'>
    <x xmlns='${MUC_USER}'><item affiliation='none' role='participant'/><status code='110'/></x>
  </presence>`.replaceAll(/>\s+</g, '><');
}

/** Whether a stanza is a notice (XEP-0045 §11.1). */
function isNotice(element: Element, room: string): boolean {
  const codes = element.getChild('x', MUC_USER)?.getChildren('status') ?? [];
  const is333 = codes.some((status) => status.attrs.code === '333');
  return element.attrs.type === 'unavailable' && element.attrs.from === `${room}/Romeo` && is333;
}

/** Stops the service, and starts it again a while later. */
async function restart({ rooms, clock, net }: Scene, awayMs: number): Promise<ScriptedComponent> {
  rooms.drop();
  await clock.advance(awayMs);
  return ScriptedComponent.serving(net, IRC);
}

/** Skips stanzas to the service up to the self-ping of Romeo (XEP-0410), and returns it. */
async function selfPing(rooms: ScriptedComponent, clock: FakeClock): Promise<Element> {
  await clock.advance(5 * MINUTE);
  return rooms.skipUntil(
    (it) => it.attrs.to === `${ROOM}/Romeo` && it.getChild('ping', 'urn:xmpp:ping') !== undefined,
  );
}

for (const awayMs of [2_000, 4 * MINUTE]) {
  test(`a local room service restarts (${awayMs / 1_000} s) and loses its occupants: clients get notices`, async (t) => {
    const there = await scene(t);
    const rooms = await restart(there, awayMs);
    const ping = await selfPing(rooms, there.clock);
    rooms.send(
      `<iq type='error' id='${ping.attrs.id}' from='${ROOM}/Romeo' to='${ping.attrs.from}'>
        <error type='cancel' by='${ROOM}'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    );
    await there.clock.advance(MINUTE);
    const told = await there.romeo.next();
    assert.ok(isNotice(told, ROOM), `${told}`);
    await there.romeo.receivesNothing();
  });
}

test('a local room service restarts and keeps its occupants: clients get nothing', async (t) => {
  const there = await scene(t);
  const rooms = await restart(there, 2_000);
  const ping = await selfPing(rooms, there.clock);
  rooms.send(`<iq type='result' id='${ping.attrs.id}' from='${ROOM}/Romeo' to='${ping.attrs.from}'/>`);
  await there.clock.advance(MINUTE);
  await there.romeo.receivesNothing();
});

test('no notice is sent while a local room service is down', async (t) => {
  const { rooms, romeo, clock } = await scene(t);
  rooms.drop();
  await clock.advance(5 * MINUTE);
  await romeo.receivesNothing();
});

test('stanzas of a service after its restart prove joins, which are not asked about', async (t) => {
  const there = await scene(t);
  const rooms = await restart(there, 2_000);
  rooms.send(
    `<message type='groupchat' from='${ROOM}/Juliet' to='${ROMEO}'><body>still here?</body></message>`,
  );
  await there.romeo.receives(
    `<message type='groupchat' from='${ROOM}/Juliet' to='${ROMEO}'><body>still here?</body></message>`,
  );
  await there.clock.advance(5 * MINUTE);
  rooms.send(`<presence from='${IRC}' to='${IRC}'/>`);
  const seen: Element[] = [];
  await rooms.skipUntil((it) => {
    seen.push(it);
    return it.name === 'presence' && it.attrs.from === IRC;
  });
  assert.deepEqual(seen.filter((it) => it.attrs.to === `${ROOM}/Romeo`).map(String), []);
});

test('a join that is returned because the service is down gets an error of the server', async (t) => {
  const { rooms, romeo, net, clock } = await scene(t);
  rooms.drop();
  await clock.advance(0);
  romeo.send(
    `<presence to='other@${IRC}/Romeo' id='j'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
  );
  const bounce = await romeo.next();
  assert.deepEqual([bounce.attrs.type, bounce.attrs.id], ['error', 'j']);
  assert.match(`${bounce.getChild('error')}`, /type='wait'.*remote-server-timeout/);
  const { rows = [] } = await net.server.commands.run('joins', {}, { by: 'test' });
  assert.deepEqual(
    rows.map((row) => row.room),
    [ROOM],
  );
});

test('a leave while the service is down is sent when it is up', async (t) => {
  const there = await scene(t);
  there.rooms.drop();
  there.romeo.send(`<presence to='${ROOM}/Romeo' type='unavailable'/>`);
  await there.clock.advance(2_000);
  const rooms = await ScriptedComponent.serving(there.net, IRC);
  await there.clock.advance(MINUTE);
  const leave = await rooms.skipUntil((it) => it.name === 'presence');
  assert.deepEqual(
    [leave.attrs.type, leave.attrs.to, leave.attrs.from],
    ['unavailable', `${ROOM}/Romeo`, ROMEO],
  );
});

test('the module muc is unloaded, and loaded without its rooms: clients get notices', async (t) => {
  const { net, clock, romeo } = await scene(t);
  romeo.send(`<presence to='${OWN_ROOM}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await romeo.skipUntil((it) => it.name === 'message' && it.getChild('subject') !== undefined);
  const run = (name: string) =>
    net.server.commands.run(name, { name: 'muc', host: 'rooms.montague.lit' }, { by: 'test' });
  await run('module reload');
  await clock.advance(10 * MINUTE);
  await romeo.receivesNothing();
  await run('module unload');
  await run('module load');
  await clock.advance(10 * MINUTE);
  const told = await romeo.next();
  assert.ok(isNotice(told, OWN_ROOM), `${told}`);
  await romeo.receivesNothing();
});
