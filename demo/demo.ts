// `npm run demo`: kills a server that hosts a chat room, and shows how a user of another server is told.

import type { ScriptedClient } from '../test/support/client.ts';
import { type ServerProcess, Testbed } from './testbed.ts';
import { Timeline } from './timeline.ts';

const ROOM = 'hall@rooms.capulet.lit';
const DELAY_S = 3;
const JOIN = `<x xmlns='http://jabber.org/protocol/muc'><hitimeline maxstanzas='0'/></x>`;
const MUC_USER = 'http://jabber.org/protocol/muc#user';

const timeline = new Timeline();
const testbed = await Testbed.open();
try {
  await run();
} finally {
  await testbed.close();
}

async function run(): Promise<void> {
  timeline.title('Two servers and a chat room');
  const montague = await testbed.addServer(['montague.lit'], `ping_muc_delay = ${DELAY_S}`);
  const capulet = await testbed.addServer(['capulet.lit', 'rooms.capulet.lit']);
  await Promise.all([montague.start(), capulet.start()]);
  timeline.line('server', 'montague.lit', 'is up; Romeo has his account here');
  timeline.line('server', 'capulet.lit', 'is up, with a room service');
  await montague.addUser('romeo@montague.lit');
  await capulet.addUser('juliet@capulet.lit');

  const juliet = await enter(capulet, 'juliet@capulet.lit/balcony', 'Juliet');
  const romeo = await enter(montague, 'romeo@montague.lit/orchard', 'Romeo');
  timeline.line('client', 'Romeo', `joins ${ROOM} over an encrypted link between the servers`);
  await talk(juliet, 'Juliet', romeo, 'Romeo', 'Welcome, Romeo');

  timeline.title('The connection breaks');
  const broken = timeline.seconds;
  await capulet.kill();
  timeline.line('bad', 'capulet.lit', 'is killed (kill -9), so it closes no stream');
  timeline.line(
    'comment',
    'Romeo',
    'is in a room that will not know him any more; his client shows nothing unusual',
  );
  await capulet.start();
  timeline.line('server', 'capulet.lit', 'is up again; its room has lost its occupants');
  timeline.line('server', 'montague.lit', `has noticed the break, and asks the room ${DELAY_S} s later`);

  const notice = await romeo.skipUntil(
    (element) => element.name === 'presence' && element.attrs.type === 'unavailable',
  );
  const codes = notice
    .getChild('x', MUC_USER)
    ?.getChildren('status', MUC_USER)
    .map(({ attrs }) => attrs.code);
  timeline.line(
    'good',
    'montague.lit',
    `has asked, and tells Romeo that he fell out, ${(timeline.seconds - broken).toFixed(1)} s after the break:`,
  );
  timeline.xml(`${notice}`.replaceAll('><', '>\n<'));
  if (!codes?.includes('110') || !codes.includes('333'))
    throw new Error(`the notice has no status 110 and 333: ${notice}`);

  timeline.title('Romeo joins again');
  const again = await enter(capulet, 'juliet@capulet.lit/balcony', 'Juliet');
  await join(romeo, 'Romeo');
  timeline.line('client', 'Romeo', 'was told, so his client joins again');
  await talk(again, 'Juliet', romeo, 'Romeo', 'Welcome back');
  timeline.gap();
  timeline.line(
    'comment',
    'other servers',
    'would not have told him: his client would show a room that stays silent',
  );
  timeline.gap();
}

async function enter(server: ServerProcess, jid: string, nick: string): Promise<ScriptedClient> {
  const client = await server.login(jid);
  client.send('<presence/>');
  await join(client, nick);
  return client;
}

/** Resolves when the subject arrives: a room sends it last to a new occupant (XEP-0045 §7.2.15). */
async function join(client: ScriptedClient, nick: string): Promise<void> {
  client.send(`<presence to='${ROOM}/${nick}'>${JOIN}</presence>`);
  const self = await client.skipUntil(
    ({ attrs, name }) => name === 'presence' && attrs.from === `${ROOM}/${nick}`,
  );
  if (self.attrs.type === 'error') throw new Error(`${nick} could not join: ${self}`);
  if (`${self}`.includes(`code='201'`)) await unlock(client);
  await client.skipUntil(
    (element) => element.name === 'message' && element.getChild('subject') !== undefined,
  );
}

/** A new room is locked until its owner accepts its configuration (XEP-0045 §10.1.2). */
async function unlock(client: ScriptedClient): Promise<void> {
  client.send(`
    <iq type='set' id='unlock' to='${ROOM}'><query xmlns='http://jabber.org/protocol/muc#owner'>
      <x xmlns='jabber:x:data' type='submit'/></query></iq>`);
}

async function talk(
  speaker: ScriptedClient,
  name: string,
  listener: ScriptedClient,
  other: string,
  text: string,
): Promise<void> {
  speaker.send(`<message type='groupchat' to='${ROOM}'><body>${text}</body></message>`);
  await listener.skipUntil((element) => element.getChildText('body') === text);
  timeline.line('room', name, `“${text}”   (${other} receives it)`);
}
