// jabberd2 of Debian uses one stream for all domains of one server (target piggybacking, XEP-0220 §2.1.1): chat with
// the users of a domain and the rooms below it, whichever comes first.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import type { ScriptedComponent } from '../../support/component.ts';
import { dnsFixture } from '../../support/dns-fixture.ts';
import { AWAY, ENJAMB, HOME } from '../support/addresses.ts';
import { Enjamb } from '../support/enjamb.ts';
import { SlixmppClient } from '../support/slixmpp.ts';
import { homeLogin, PASSWORD } from '../support/world.ts';
import { JABBERD2, startJabberd2 } from './jabberd2.ts';

const LIMIT = { timeout: 60_000 };
const OUR_ROOMS = `rooms.${HOME}`;
const HALL = `hall@${OUR_ROOMS}`;
const ROMEO = `romeo@${HOME}/orchard`;
const JULIET = `juliet@${AWAY}/balcony`;

interface Scene {
  readonly enjamb: Enjamb;
  readonly romeo: SlixmppClient;
  /** The stanzas of the users of jabberd2. */
  readonly theirs: ScriptedComponent;
}

async function scene(t: TestContext, knowsTls: boolean): Promise<Scene> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { caPath } = await makeDevelopmentCertificates(certificates, [HOME, OUR_ROOMS, AWAY]);
  const srv = (port: number, target: string) => ({ SRV: [`0 0 ${port} ${target}`] });
  const { address: dns } = await dnsFixture(t, {
    'enjamb.example': { A: [ENJAMB.address] },
    'jabberd2.example': { A: [JABBERD2.address] },
    [`_xmpp-server._tcp.${HOME}`]: srv(ENJAMB.s2s, 'enjamb.example'),
    [`_xmpp-server._tcp.${OUR_ROOMS}`]: srv(ENJAMB.s2s, 'enjamb.example'),
    [`_xmpp-server._tcp.${AWAY}`]: srv(JABBERD2.s2s, 'jabberd2.example'),
  });
  const settings = ['muc_room_locking = false', 'restrict_room_creation = false'];
  const rooms = [`[hosts."${OUR_ROOMS}"]`, 'component = "muc"', ...settings];
  const config = [`s2s_require_encryption = ${knowsTls}`, 's2s_secure_auth = false', ...rooms];
  const enjamb = await Enjamb.start(t, { folder: join(folder, 'enjamb'), certificates, dns, config });
  await enjamb.addUser(`romeo@${HOME}`, PASSWORD);
  const romeo = await SlixmppClient.start(t, { folder, caPath, name: 'romeo' });
  await romeo.login(homeLogin('romeo'));
  const pem = join(folder, 'jabberd2.pem');
  const parts = ['crt', 'key'].map((end) => readFile(join(certificates, `${AWAY}.${end}`), 'utf8'));
  await writeFile(pem, (await Promise.all(parts)).join('\n'));
  const options = { folder: join(folder, 'jabberd2'), dns, ...(knowsTls ? { pem } : {}) };
  const theirs = await startJabberd2(t, options, AWAY);
  return { enjamb, romeo, theirs };
}

async function theyChat({ theirs, romeo }: Scene): Promise<void> {
  theirs.send(`<message from='${JULIET}' to='${ROMEO}' type='chat'><body>Who's there?</body></message>`);
  await romeo.stanza('her message', (it) => it.getChildText('body') === "Who's there?");
}

async function weChat({ theirs, romeo }: Scene): Promise<void> {
  romeo.send(JULIET, 'It is I.');
  await theirs.skipUntil((it) => it.getChildText('body') === 'It is I.');
}

async function theyEnter({ theirs }: Scene): Promise<void> {
  theirs.send(`<presence from='${JULIET}' to='${HALL}/Juliet'><x xmlns='${NS.MUC}'/></presence>`);
  await theirs.skipUntil((it) => it.attrs.from === HALL && it.getChild('subject') !== undefined);
}

/** Checks that both are in the room and get each other's messages. */
async function bothTalkThere({ theirs, romeo }: Scene): Promise<void> {
  await romeo.join(HALL, 'Romeo');
  romeo.send(HALL, 'Good morrow', 'groupchat');
  await theirs.skipUntil((it) => isSaid(it, 'Romeo', 'Good morrow'));
  theirs.send(
    `<message from='${JULIET}' to='${HALL}' type='groupchat'><body>Is it so early?</body></message>`,
  );
  await romeo.stanza('her words', (it) => isSaid(it, 'Juliet', 'Is it so early?'));
}

function isSaid(element: Element, nick: string, body: string): boolean {
  return element.attrs.from === `${HALL}/${nick}` && element.getChildText('body') === body;
}

/** Checks that their server used one stream, on which both of our domains were verified. */
async function assertOneStream({ enjamb }: Scene): Promise<void> {
  const rows = await enjamb.list('s2s', 'list', AWAY);
  const theirs = rows.filter(({ direction }) => direction === 'in');
  assert.deepEqual(theirs.map(({ local }) => local).sort(), [HOME, OUR_ROOMS]);
  assert.equal(new Set(theirs.map(({ stanzas_in }) => stanzas_in)).size, 1, 'two rows of one stream');
}

const ORDERS: Record<string, readonly ((there: Scene) => Promise<void>)[]> = {
  'they chat, then enter a room': [theyChat, theyEnter],
  'they enter a room, then chat': [theyEnter, theyChat],
  'we write first': [weChat, theyChat, theyEnter],
};

for (const knowsTls of [true, false]) {
  for (const [title, steps] of Object.entries(ORDERS)) {
    const how = knowsTls ? 'over TLS' : 'as Debian ships it, without TLS';
    test(`XEP-0220 §2.2.1: rooms and chat on one stream of jabberd2, ${how}: ${title}`, LIMIT, async (t) => {
      const there = await scene(t, knowsTls);
      for (const step of steps) await step(there);
      await weChat(there);
      await bothTalkThere(there);
      await assertOneStream(there);
    });
  }
}
