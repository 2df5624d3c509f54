// `npm run demo`: kills a server with a chat room, and shows what users of other servers see. It fails if Romeo's client
// notices anything, or misses anything.

import { codesOf, Screen, type Shown } from './screen.ts';
import { type ServerProcess, Testbed } from './testbed.ts';
import { Timeline } from './timeline.ts';

const ROOM = 'balcony@rooms.capulet.lit';
const BEFORE = 'How camest thou hither?';
const MEANWHILE = ['Hist! Romeo, hist!', 'O, for a falconer’s voice!', 'Madam!'] as const;
const OWN = 'My dear?';
const AFTER = 'At what o’clock tomorrow?';
const QUESTION = 'Is anybody here?';

/** A new room is locked until its owner configures it (XEP-0045 §10.1.3). */
const CONFIGURATION = `
  <iq type='set' id='configure' to='${ROOM}'><query xmlns='http://jabber.org/protocol/muc#owner'>
    <x xmlns='jabber:x:data' type='submit'>
      <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>
      <field var='muc#roomconfig_persistentroom'><value>1</value></field>
    </x>
  </query></iq>`;

interface Person {
  readonly nick: string;
  readonly screen: Screen;
}

const timeline = new Timeline();
const testbed = await Testbed.open();
try {
  await run();
} finally {
  await testbed.close();
}

async function run(): Promise<void> {
  timeline.title('Juliet’s server has a room. Three users of other servers join it');
  const others = await testbed.addServer(
    {
      'montague.lit': 'muc_autorejoin = "silent"',
      'verona.lit': 'muc_autorejoin = "off"',
      'mantua.lit': 'modules_disabled = ["ping_muc"]',
    },
    'ping_muc_delay = 3',
  );
  const capulet = await testbed.addServer({ 'capulet.lit': '', 'rooms.capulet.lit': 'component = "muc"' });
  await Promise.all([others.start(), capulet.start()]);
  await Promise.all([
    capulet.addUser('juliet@capulet.lit'),
    capulet.addUser('nurse@capulet.lit'),
    others.addUser('romeo@montague.lit'),
    others.addUser('mercutio@verona.lit'),
    others.addUser('paris@mantua.lit'),
  ]);

  timeline.line('server', 'both servers', 'are up');
  const host = await enter(capulet, 'juliet@capulet.lit', 'Juliet');
  const romeo = await enter(others, 'romeo@montague.lit', 'Romeo');
  timeline.line('client', 'Romeo', 'muc_autorejoin = "silent": his server will join again for him');
  const mercutio = await enter(others, 'mercutio@verona.lit', 'Mercutio');
  timeline.line('client', 'Mercutio', 'muc_autorejoin = "off": his server will only tell him');
  const paris = await enter(others, 'paris@mantua.lit', 'Paris');
  timeline.line('client', 'Paris', 'no ping_muc: his server will do neither, like most servers');
  const audience = [romeo, mercutio, paris];
  host.screen.say(BEFORE);
  await Promise.all(audience.map(({ screen }) => screen.hears(BEFORE)));
  timeline.line('room', 'Juliet', `“${BEFORE}”   (all three read it)`);

  timeline.title('Juliet’s server is killed, and starts again');
  for (const { screen } of audience) screen.restart();
  await capulet.kill();
  timeline.line('bad', 'capulet.lit', 'is killed (kill -9): no connection is closed properly');
  await capulet.start();
  timeline.line('server', 'capulet.lit', 'is up again; its room is empty');
  const juliet = await enter(capulet, 'juliet@capulet.lit', 'Juliet');
  const nurse = await enter(capulet, 'nurse@capulet.lit', 'Nurse');
  timeline.line('client', 'Juliet', 'is back in the room, and the Nurse joins her');
  const [first, second, last] = MEANWHILE;
  juliet.screen.say(first);
  juliet.screen.say(second);
  await nurse.screen.hears(second);
  nurse.screen.say(last);
  await juliet.screen.hears(last);
  timeline.line('room', 'both', 'write three messages');
  await romeo.screen.hears(last);
  const missed = romeo.screen.shown.filter(({ isDelayed }) => isDelayed).length;
  timeline.line(
    'good',
    'montague.lit',
    `joins again for Romeo, and gives him the ${missed} messages that he missed`,
  );
  const notice = await mercutio.screen.until(({ kind }) => kind === 'notice');
  timeline.line(
    'good',
    'verona.lit',
    'tells Mercutio that he is out (by default after 60 s), so that his client can join:',
  );
  timeline.xml(`${notice.element}`.replaceAll('><', '>\n<'));

  timeline.title('They talk on');
  romeo.screen.say(OWN);
  await Promise.all([juliet, nurse].map(({ screen }) => screen.hears(OWN)));
  timeline.line('room', 'Romeo', `“${OWN}”   (Juliet and the Nurse read it)`);
  juliet.screen.say(AFTER);
  await romeo.screen.hears(AFTER);
  timeline.line('room', 'Juliet', `“${AFTER}”   (Romeo reads it)`);
  paris.screen.say(QUESTION);
  const error = await paris.screen.until(({ kind }) => kind === 'error');
  timeline.line('bad', 'Paris', `“${QUESTION}”   (he gets an error: ${error.text})`);

  timeline.title('What each of them was sent since then (seconds after the kill)');
  timeline.table(
    ['', ...audience.map(({ nick }) => nick)],
    [
      row('the Nurse joins', audience, sees('person', 'Nurse')),
      ...[...MEANWHILE, AFTER].map((words) => row(`“${words}”`, audience, sees('words', words))),
      row('his own words, from the room', audience, sees('words', OWN)),
      row('a notice that he is out', audience, ({ kind }) => kind === 'notice'),
      row('an error', audience, ({ kind }) => kind === 'error'),
    ],
  );
  check(romeo, ['person Nurse', ...[...MEANWHILE, OWN, AFTER].map((words) => `words ${words}`)]);
  check(mercutio, ['notice Mercutio']);
  check(paris, [`error ${error.text}`]);
  if (!codesOf(notice.element).includes('333')) throw new Error(`no status 333: ${notice.element}`);
}

/** Logs a user in and joins the room. Resolves when the subject arrives, which comes last (XEP-0045 §7.2.15). */
async function enter(server: ServerProcess, jid: string, nick: string): Promise<Person> {
  const client = await server.login(`${jid}/phone`);
  const join = `<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>`;
  client.send(`<presence/><presence to='${ROOM}/${nick}'>${join}</presence>`);
  const self = await client.skipUntil(({ attrs }) => attrs.from === `${ROOM}/${nick}`);
  if (self.attrs.type === 'error') throw new Error(`${nick} could not join: ${self}`);
  if (codesOf(self).includes('201')) client.send(CONFIGURATION);
  await client.skipUntil(
    (element) => element.name === 'message' && element.getChild('subject') !== undefined,
  );
  return { nick, screen: new Screen(client, ROOM) };
}

function sees(kind: Shown['kind'], text: string): (shown: Shown) => boolean {
  return (shown) => shown.kind === kind && shown.text === text;
}

function row(title: string, people: readonly Person[], fits: (shown: Shown) => boolean): string[] {
  const times = ({ screen }: Person) =>
    screen.shown.filter(fits).map(({ afterMs }) => (afterMs / 1000).toFixed(1));
  return [title, ...people.map((person) => times(person).join(', ') || '–')];
}

/** The client was sent exactly this since the kill, in this order; a minute later, also the leaves of those who fell out. */
function check({ nick, screen }: Person, expected: readonly string[]): void {
  const shown = screen.shown.filter(({ kind }) => kind !== 'leave');
  const actual = shown.map(({ kind, text }) => `${kind} ${text}`);
  if (actual.join('\n') === expected.join('\n')) return;
  throw new Error(`${nick} was sent:\n${actual.join('\n')}\n\nexpected:\n${expected.join('\n')}`);
}
