// `npm run demo`: a server with a chat room dies, and a user on another server is told.

import type { ScriptedClient } from '../test/support/client.ts';
import { type Performer, Stage } from './stage.ts';
import { Timeline } from './timeline.ts';

const ROOM = 'hall@rooms.capulet.lit';
const DELAY_S = 3;
const JOIN = `<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>`;
const MUC_USER = 'http://jabber.org/protocol/muc#user';

const story = new Timeline();
const stage = await Stage.build();
try {
  await tell();
} finally {
  await stage.strike();
}

async function tell(): Promise<void> {
  story.title('Two houses, two servers, one room between them');
  const montague = await stage.hire(['montague.lit'], `ping_muc_delay = ${DELAY_S}`);
  const capulet = await stage.hire(['capulet.lit', 'rooms.capulet.lit']);
  await Promise.all([montague.start(), capulet.start()]);
  story.say('server', 'montague.lit', 'is up: this is where Romeo has his account');
  story.say('server', 'capulet.lit', 'is up, with its rooms: this is where the party is');
  await montague.addUser('romeo@montague.lit');
  await capulet.addUser('juliet@capulet.lit');

  const juliet = await enter(capulet, 'juliet@capulet.lit/balcony', 'Juliet');
  const romeo = await enter(montague, 'romeo@montague.lit/orchard', 'Romeo');
  story.say('client', 'Romeo', `joins ${ROOM}, over an encrypted link from server to server`);
  await talk(juliet, 'Juliet', romeo, 'Romeo', 'What man art thou?');

  story.title('The line breaks');
  const broken = story.seconds;
  await capulet.kill();
  story.say('bad', 'capulet.lit', 'is killed (-9). Nobody has said goodbye to anybody.');
  story.say('quiet', 'Romeo', 'sits in a room that no longer knows him. His client shows nothing unusual.');
  await capulet.start();
  story.say('server', 'capulet.lit', 'is up again. Its room has forgotten everybody.');
  story.say('server', 'montague.lit', `heard the link close, and waits ${DELAY_S} s before it asks the room`);

  const notice = await romeo.skipUntil(
    (element) => element.name === 'presence' && element.attrs.type === 'unavailable',
  );
  const codes = notice
    .getChild('x', MUC_USER)
    ?.getChildren('status', MUC_USER)
    .map(({ attrs }) => attrs.code);
  story.say(
    'good',
    'montague.lit',
    `asked, and tells Romeo that he fell out, ${(story.seconds - broken).toFixed(1)} s after the break:`,
  );
  story.wire(`${notice}`.replaceAll('><', '>\n<'));
  if (!codes?.includes('110') || !codes.includes('333'))
    throw new Error(`not the notice that was promised: ${notice}`);

  story.title('The verse runs on');
  const again = await enter(capulet, 'juliet@capulet.lit/balcony', 'Juliet');
  await join(romeo, 'Romeo');
  story.say('client', 'Romeo', 'knows, so his client joins again by itself');
  await talk(again, 'Juliet', romeo, 'Romeo', 'Good night, good night! Parting is such sweet sorrow.');
  story.gap();
  story.say('quiet', 'without it', 'Romeo would still be waiting. That is what ping_muc is for.');
  story.gap();
}

async function enter(server: Performer, jid: string, nick: string): Promise<ScriptedClient> {
  const client = await server.login(jid);
  client.send('<presence/>');
  await join(client, nick);
  return client;
}

/** The subject is the last thing that a room sends to whoever joins (XEP-0045 §7.2.15). */
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

/** A new room is locked until its owner has accepted how it is configured (XEP-0045 §10.1.2). */
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
  story.say('room', name, `“${text}”   (${other} hears it)`);
}
