// Two servers with a real room service, and streams between them that break.

import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { Connection } from '../../../src/net/connection.ts';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { type Network, network } from '../../support/network.ts';
import { startServer } from '../../support/server.ts';

const ROOM = 'hall@rooms.capulet.lit';
const ROMEO = 'romeo@montague.lit/orchard';
const NOTICE = `
  <presence type='unavailable' from='${ROOM}/Romeo' to='${ROMEO}' id='{any}'>
    <x xmlns='http://jabber.org/protocol/muc#user'>
      <item affiliation='none' role='none'><reason>Connection to remote server lost</reason></item>
      <status code='110'/><status code='333'/><status code='330'/>
    </x>
  </presence>`;

interface Scene {
  readonly net: Network;
  readonly clock: FakeClock;
  readonly romeo: ScriptedClient;
}

async function inTheHall(t: TestContext, config = ''): Promise<Scene> {
  const clock = new FakeClock();
  // At the end, streams wait for the closing tags of their peers until the clock advances.
  t.after(() => {
    clock.advance(60_000).catch(() => {});
  });
  const net = await network(
    t,
    {
      montague: `${config}\n[hosts."montague.lit"]`,
      capulet: `${config}\n[hosts."capulet.lit"]\n[hosts."rooms.capulet.lit"]\ncomponent = "muc"\nrestrict_room_creation = false`,
    },
    { clock },
  );
  const romeo = await net.client(ROMEO);
  await enter(romeo);
  await clock.advance(2_000); // The other server confirms what it has got (XEP-0198 §4).
  return { net, clock, romeo };
}

async function enter(client: ScriptedClient): Promise<void> {
  client.send(`<presence to='${ROOM}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await client.skipUntil(
    (element) => element.name === 'message' && element.getChild('subject') !== undefined,
  );
}

/** XEP-0045 §10.1.2: an instant room. */
async function unlock(client: ScriptedClient, room: string): Promise<void> {
  client.send(
    `<iq type='set' id='u' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  await client.skipUntil(({ attrs }) => attrs.id === 'u');
}

/** Removes all occupants, like a restart of the service. */
async function forgetRooms({ net }: Scene): Promise<void> {
  const { commands } = net.of('rooms.capulet.lit').server;
  const muc = { name: 'muc', host: 'rooms.capulet.lit' };
  await commands.run('module unload', muc, { by: 'test' });
  await commands.run('module load', muc, { by: 'test' });
}

test('XEP-0410 §3.2: a client that fell out of a room on another server gets a notice, and can join again', async (t) => {
  const scene = await inTheHall(t);
  const { net, clock, romeo } = scene;
  await forgetRooms(scene);
  net.cut('montague.lit', 'rooms.capulet.lit');
  await clock.advance(59_000);
  await romeo.receivesNothing();
  for (let second = 0; second < 12; second++) await clock.advance(1_000);
  await romeo.receives(NOTICE);
  await enter(romeo);
  await romeo.receivesNothing();
});

test('XEP-0410 §3.2: a client that is still in the room gets nothing when a link breaks', async (t) => {
  const { net, clock, romeo } = await inTheHall(t);
  net.cut('montague.lit', 'rooms.capulet.lit');
  await clock.advance(120_000);
  await romeo.receivesNothing();
  assert.ok((net.dialled.get('rooms.capulet.lit') ?? 0) >= 2, 'the room was asked');
});

test('sends no notice while the other server is unreachable; when it is reachable, sends those that are true', async (t) => {
  const scene = await inTheHall(t);
  const { net, clock, romeo } = scene;
  await forgetRooms(scene);
  net.unreachable.add('rooms.capulet.lit');
  net.cut('montague.lit', 'rooms.capulet.lit');
  await clock.advance(240_000);
  await romeo.receivesNothing();
  net.unreachable.delete('rooms.capulet.lit');
  await clock.advance(40_000); // Half a minute between knocks, and five seconds for the question.
  await romeo.receives(NOTICE);
});

test('tracks rooms of this server like others, and leaves them once', async (t) => {
  const server = await startServer(t, {
    config: `[hosts."montague.lit"]\n[hosts."rooms.montague.lit"]\ncomponent = "muc"`,
  });
  const room = 'square@rooms.montague.lit';
  const joins = async () => {
    const { rows = [] } = await server.server.commands.run('joins', {}, { by: 'test' });
    return rows.map(({ session, room: where, nick, state }) => `${session} ${where} ${nick} ${state}`);
  };
  const romeo = await server.client(ROMEO);
  const benvolio = await server.client('benvolio@montague.lit/x');
  for (const client of [romeo, benvolio]) {
    client.send(
      `<presence to='${room}/${client.jid.split('@')[0]}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
    );
    await client.skipUntil((element) => element.getChild('subject') !== undefined);
    if (client === romeo) await unlock(romeo, room);
  }
  assert.deepEqual(await joins(), [
    `${ROMEO} ${room} romeo joined`,
    `benvolio@montague.lit/x ${room} benvolio joined`,
  ]);
  romeo.drop();
  await benvolio.skipUntil(({ attrs }) => attrs.type === 'unavailable' && attrs.from === `${room}/romeo`);
  assert.deepEqual(await joins(), [`benvolio@montague.lit/x ${room} benvolio joined`]);
  await benvolio.receivesNothing();
});

for (const words of [
  '',
  `<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='rooms.capulet.lit' to='montague.lit'>`,
]) {
  test(`row 42: a peer that ${words ? 'claims the domain of a room' : 'sends nothing'} connects and disconnects ten times: no question`, async (t) => {
    const { net, clock, romeo } = await inTheHall(t);
    let questions = 0;
    const { hooks } = net.of('montague.lit').server.router.hosts.get('montague.lit')!;
    const count = (element: Element) => {
      if (element.attrs.to?.startsWith(ROOM) && element.getChild('ping', NS.PING)) questions++;
    };
    hooks.add('s2s-out', ({ element }) => count(element), 'observe', 'test');
    for (let i = 0; i < 10; i++) {
      const [stranger, ours] = duplexPair();
      net
        .of('montague.lit')
        .server.acceptServer(new Connection(ours, { remoteAddress: '192.0.2.66', clock }));
      stranger.resume();
      stranger.write(words || ' ');
      await clock.advance(10);
      stranger.destroy();
      ours.destroy();
    }
    await clock.advance(120_000);
    await romeo.receivesNothing();
    assert.equal(questions, 0);
  });
}

/** Prepares a join during which every connection between the servers breaks; the room may never get it. */
function breakAtJoin(net: Network, { isLost }: { isLost: boolean }) {
  const garden = 'garden@rooms.capulet.lit';
  const { hooks } = net.of('rooms.capulet.lit').server.router.hosts.get('rooms.capulet.lit')!;
  const broken = new Promise<void>((resolve) => {
    const remove = hooks.add(
      'presence/full',
      () => {
        remove();
        net.cut('montague.lit', 'rooms.capulet.lit');
        resolve();
        return isLost ? 'handled' : undefined;
      },
      'guard',
      'test',
    );
  });
  const join = `<presence id='join' to='${garden}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`;
  return { garden, join, broken };
}

test('the link breaks during a join: with XEP-0198 the client enters nevertheless', async (t) => {
  const { net, clock, romeo } = await inTheHall(t);
  const { join, broken } = breakAtJoin(net, { isLost: false });
  romeo.send(join);
  await broken;
  await clock.advance(5_000);
  await romeo.skipUntil((element) => element.getChild('subject') !== undefined);
});

test('the link breaks during a join: the client gets an error, and can join again', async (t) => {
  const { net, clock, romeo } = await inTheHall(t, 'modules_disabled = ["smacks"]');
  const { join, broken, garden } = breakAtJoin(net, { isLost: true });
  romeo.send(join);
  await broken;
  await clock.advance(59_000);
  await romeo.receivesNothing();
  for (let second = 0; second < 12; second++) await clock.advance(1_000);
  await romeo.receives(`
    <presence type='error' id='join' from='${garden}/Romeo' to='${ROMEO}'>
      <x xmlns='http://jabber.org/protocol/muc'/>
      <error type='wait'>
        <remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Connection to remote server lost</text>
      </error>
    </presence>`);
  romeo.send(join);
  await romeo.skipUntil((element) => element.getChild('subject') !== undefined);
});
