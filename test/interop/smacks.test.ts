// XEP-0198 with a common client library: it loses its connection and resumes.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDevelopmentCertificates } from '../../src/net/dev-certificates.ts';
import { temporaryFolder } from '../support/clean-up.ts';
import { dnsFixture } from '../support/dns-fixture.ts';
import { BETWEEN, ENJAMB, HOME } from './support/addresses.ts';
import { Enjamb } from './support/enjamb.ts';
import { Line } from './support/line.ts';
import { SlixmppClient } from './support/slixmpp.ts';
import { until } from './support/waiting.ts';
import { homeLogin, PASSWORD } from './support/world.ts';
import { ResumingClient } from './support-smacks/resuming-client.ts';

const LIMIT = { timeout: 60_000 };
const ROOMS = `rooms.${HOME}`;
const ROOM = `balcony@${ROOMS}`;
const ROMEO = `romeo@${HOME}/orchard`;
const JULIET = `juliet@${HOME}/orchard`;
const NUMBERS = [1, 2, 3, 4, 5];

interface Loss {
  readonly what: string;
  /** Resolves when the server has noticed the break, or cannot notice it. */
  begin(there: Scene): Promise<void>;
}

const LOSSES: readonly Loss[] = [
  {
    what: 'the connection is reset',
    async begin({ line, enjamb }) {
      line.state = 'refuse';
      line.cut('reset');
      await asleep(enjamb);
    },
  },
  {
    what: 'the client alone knows that the connection is gone',
    async begin({ line, romeo }) {
      line.state = 'refuse';
      line.cutNear();
      await romeo.reported('disconnected');
    },
  },
  {
    what: 'the line swallows everything, and the server finds out by asking',
    async begin({ line, enjamb, juliet }) {
      line.state = 'drop';
      juliet.send(ROMEO, 'are you there?');
      await asleep(enjamb);
    },
  },
];

for (const { what, begin } of LOSSES) {
  test(
    `XEP-0198 §5: ${what}: no presence changes, and no message is lost or duplicated`,
    LIMIT,
    async (t) => {
      const there = await scene(t);
      const { romeo, juliet, line, enjamb } = there;
      const [chat, talk] = [NUMBERS.map((n) => `chat ${n}`), NUMBERS.map((n) => `talk ${n}`)];
      juliet.send(ROMEO, 'before');
      await hears(romeo, JULIET, ['before']);

      await begin(there);
      for (const text of chat) juliet.send(ROMEO, text);
      for (const text of talk) juliet.send(ROOM, text, 'groupchat');
      await juliet.stanza('her own words', (it) => it.getChildText('body') === talk.at(-1));
      line.state = 'forward';
      await romeo.reported('resumed');

      const asked = what.includes('asking') ? ['are you there?'] : [];
      await hears(romeo, JULIET, ['before', ...asked, ...chat]);
      await hears(romeo, `${ROOM}/Juliet`, talk);
      romeo.send(ROOM, 'still here', 'groupchat');
      await juliet.stanza('Romeo in the room', (it) => it.getChildText('body') === 'still here');
      juliet.send(ROMEO, 'after');
      await hears(romeo, JULIET, ['before', ...asked, ...chat, 'after']);

      assert.deepEqual(romeo.texts(`${ROOM}/Juliet`), talk);
      assert.equal(romeo.count('session'), 1, 'the session began once');
      assert.equal(romeo.count('resumption_failed'), 0);
      const farewells = juliet.stanzas.filter(({ element }) => element.attrs.type === 'unavailable');
      assert.deepEqual(farewells, [], 'nobody has seen him leave');
      const errors = [...romeo.stanzas, ...juliet.stanzas.map(({ element }) => element)];
      assert.deepEqual(
        errors.filter(({ attrs }) => attrs.type === 'error'),
        [],
      );
      await romeo.logout();
      await juliet.stanza('Romeo leaving', (it) => it.attrs.type === 'unavailable');
      await enjamb.stop();
    },
  );
}

interface Scene {
  readonly enjamb: Enjamb;
  /** Between Romeo and his server. */
  readonly line: Line;
  readonly romeo: ResumingClient;
  readonly juliet: SlixmppClient;
}

/** Romeo, on a line that may break, and Juliet are in a room. */
async function scene(t: TestContext): Promise<Scene> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { caPath } = await makeDevelopmentCertificates(certificates, [HOME, ROOMS]);
  const dns = await dnsFixture(t, { [HOME]: {} });
  const rooms = [
    `[hosts."${ROOMS}"]`,
    'component = "muc"',
    'muc_room_locking = false',
    'restrict_room_creation = false',
  ];
  const config = ['smacks_ack_timeout = "2 seconds"', ...rooms];
  const enjamb = await Enjamb.start(t, {
    folder: join(folder, 'enjamb'),
    certificates,
    dns: dns.address,
    config,
  });
  for (const user of ['romeo', 'juliet']) await enjamb.addUser(`${user}@${HOME}`, PASSWORD);
  const line = await Line.start(t, { address: ENJAMB.address, port: ENJAMB.c2s });
  const juliet = await SlixmppClient.start(t, { folder, caPath, name: 'juliet' });
  await juliet.login(homeLogin('juliet'));
  await juliet.join(ROOM, 'Juliet');
  const romeo = new ResumingClient(t, { folder, caPath, name: 'romeo' });
  await romeo.login({ ...homeLogin('romeo'), host: BETWEEN, port: line.port });
  await romeo.join(ROOM, 'Romeo');
  return { enjamb, line, romeo, juliet };
}

/** Checks for exactly these texts in this order. */
async function hears(client: ResumingClient, from: string, texts: readonly string[]): Promise<void> {
  const enough = (): true | undefined => (client.texts(from).length >= texts.length ? true : undefined);
  await until(`what ${from} said`, enough, 10_000);
  assert.deepEqual(client.texts(from), texts);
}

async function asleep(enjamb: Enjamb): Promise<void> {
  await enjamb.logged(({ msg }) => msg === 'client asleep', 15_000);
}
