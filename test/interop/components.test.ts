// Real external components (XEP-0114): a bot made with slixmpp, and biboumi, a gateway to IRC.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeDevelopmentCertificates } from '../../src/net/dev-certificates.ts';
import type { Element } from '../../src/xml/element.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { type Clean, temporaryFolder } from '../support/clean-up.ts';
import { dnsFixture } from '../support/dns-fixture.ts';
import { AWAY, ENJAMB, HALLS, HOME, PROSODY, ROOMS } from './support/addresses.ts';
import { Enjamb } from './support/enjamb.ts';
import { Program } from './support/program.ts';
import { Prosody } from './support/prosody.ts';
import { SlixmppClient } from './support/slixmpp.ts';
import { until } from './support/waiting.ts';
import { homeLogin, PASSWORD } from './support/world.ts';
import { Biboumi, IRC, IrcUser, startIrcServer } from './support-components/irc.ts';

const LIMIT = { timeout: 90_000 };
const BOT = `bot.${HOME}`;
const GATEWAY = `irc.${HOME}`;
const SECRET = 'a rose by any other name';
const ECHO = fileURLToPath(new URL('./support-components/echo_component.py', import.meta.url));
const CHANNEL = '#balcony';
const ROOM = `${CHANNEL}%${IRC.address}@${GATEWAY}`;

interface Scene {
  readonly enjamb: Enjamb;
  readonly folder: string;
  readonly certificates: string;
  readonly caPath: string;
  readonly dns: string;
  readonly romeo: SlixmppClient;
}

/** enjamb with two components that are not connected yet, and Romeo, who has logged in. */
async function scene(t: TestContext): Promise<Scene> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { caPath } = await makeDevelopmentCertificates(certificates, [
    HOME,
    BOT,
    GATEWAY,
    AWAY,
    ROOMS,
    HALLS,
  ]);
  const srv = (port: number, target: string) => ({ SRV: [`0 0 ${port} ${target}`] });
  const { address: dns } = await dnsFixture(t, {
    'enjamb.example': { A: [ENJAMB.address] },
    'prosody.example': { A: [PROSODY.address] },
    [`_xmpp-server._tcp.${HOME}`]: srv(ENJAMB.s2s, 'enjamb.example'),
    [`_xmpp-server._tcp.${BOT}`]: srv(ENJAMB.s2s, 'enjamb.example'),
    [`_xmpp-server._tcp.${AWAY}`]: srv(PROSODY.s2s, 'prosody.example'),
  });
  const components = [BOT, GATEWAY].flatMap((domain) => [
    `[hosts."${domain}"]`,
    'component = "external"',
    `component_secret = "${SECRET}"`,
  ]);
  const config = ['ping_muc_delay = "1 second"', 'muc_autorejoin = "off"', ...components];
  const enjamb = await Enjamb.start(t, { folder: join(folder, 'enjamb'), certificates, caPath, dns, config });
  await enjamb.addUser(`romeo@${HOME}`, PASSWORD);
  const romeo = await SlixmppClient.start(t, { folder, caPath, name: 'romeo' });
  await romeo.login(homeLogin('romeo'));
  return { enjamb, folder, certificates, caPath, dns, romeo };
}

function startBot(t: Clean, { folder }: Scene, secret = SECRET): Program {
  return new Program(t, 'echo', {
    command: '/usr/bin/python3',
    args: [ECHO, BOT, secret, ENJAMB.address, String(ENJAMB.component)],
    logFile: join(folder, 'echo.log'),
  });
}

async function ready(bot: Program): Promise<Program> {
  await bot.line((line) => line === 'ready', 15_000);
  return bot;
}

/** The answer that a client gets for a message to the bot. */
async function answerTo(client: SlixmppClient, body: string): Promise<Element> {
  const since = client.stanzas.length;
  client.send(`echo@${BOT}`, body);
  const isAnswer = (it: Element): boolean => it.name === 'message' && it.attrs.from === `echo@${BOT}`;
  return (await client.stanza('an answer of the bot', isAnswer, { since })).element;
}

async function stateOf(enjamb: Enjamb, domain: string): Promise<Record<string, unknown>> {
  const row = (await enjamb.list('components', 'list')).find((it) => it.domain === domain);
  assert.ok(row, `${domain} is listed`);
  return row;
}

test(
  'XEP-0114: a bot made with slixmpp is in disco, answers, disconnects and connects again',
  LIMIT,
  async (t) => {
    const there = await scene(t);
    const { enjamb, romeo } = there;
    assert.equal((await stateOf(enjamb, BOT)).state, 'away');
    const bot = await ready(startBot(t, there));
    assert.equal((await answerTo(romeo, 'wherefore')).getChildText('body'), 'WHEREFORE');
    assert.ok((await romeo.features(BOT)).includes(NS.PING));
    assert.equal((await romeo.ping(BOT)).event, 'pong');
    assert.equal((await stateOf(enjamb, BOT)).state, 'connected');

    bot.kill('SIGKILL');
    await enjamb.logged(({ msg }) => msg === 'component disconnected', 5_000);
    const bounce = await answerTo(romeo, 'art thou?');
    assert.equal(bounce.attrs.type, 'error');
    assert.match(`${bounce.getChild('error')}`, /type='wait'.*<remote-server-timeout/);

    await ready(startBot(t, there));
    assert.equal((await answerTo(romeo, 'again')).getChildText('body'), 'AGAIN');
  },
);

test(
  'XEP-0114: refuses a bot with a wrong secret, and a second one while the first is connected',
  LIMIT,
  async (t) => {
    const there = await scene(t);
    const stranger = startBot(t, there, 'guess');
    await stranger.line((line) => line === 'error not-authorized', 15_000);
    assert.match(String((await stateOf(there.enjamb, BOT)).error), /wrong secret/);
    stranger.kill('SIGKILL');
    await ready(startBot(t, there));
    const copy = startBot(t, there);
    await copy.line((line) => line === 'error conflict', 15_000);
    copy.kill('SIGKILL');
    assert.equal((await answerTo(there.romeo, 'still you')).getChildText('body'), 'STILL YOU');
  },
);

test(
  'XEP-0178: a component federates under its own name, with certificates on both sides',
  LIMIT,
  async (t) => {
    const there = await scene(t);
    const { folder, certificates, caPath, dns } = there;
    const common = { certificates, caPath, dns, secureAuth: true };
    const prosody = await Prosody.start(t, { ...common, folder: join(folder, 'prosody') });
    await prosody.addUser('juliet', PASSWORD);
    const juliet = await SlixmppClient.start(t, { folder, caPath, name: 'juliet' });
    const address = { host: PROSODY.address, port: PROSODY.c2s };
    await juliet.login({ ...homeLogin('juliet', AWAY), ...address, mechanism: 'SCRAM-SHA-1' });
    await ready(startBot(t, there));
    assert.equal((await answerTo(juliet, 'good night')).getChildText('body'), 'GOOD NIGHT');
    assert.equal((await juliet.ping(BOT)).event, 'pong');
    const links = (await there.enjamb.list('s2s', 'list')).filter((it) => it.local === BOT);
    assert.deepEqual(new Set(links.map((it) => it.remote)), new Set([AWAY]));
    assert.ok(
      links.every((it) => it.certificate === true),
      JSON.stringify(links),
    );
  },
);

test(
  'XEP-0410: biboumi, a gateway to IRC, restarts: the client gets a notice, and joins again',
  LIMIT,
  async (t) => {
    const there = await scene(t);
    const { enjamb, folder, romeo } = there;
    await startIrcServer(t, join(folder, 'irc'));
    const juliet = await IrcUser.join(t, 'Juliet', CHANNEL);
    const biboumi = await Biboumi.start(t, join(folder, 'biboumi'), GATEWAY, SECRET);
    const connected = async () => ((await stateOf(enjamb, GATEWAY)).state === 'connected' ? true : undefined);
    await until('biboumi is connected', connected, 15_000);

    const talk = async (word: string): Promise<void> => {
      const nicks = await romeo.join(ROOM, 'Romeo');
      assert.deepEqual(new Set(nicks), new Set(['Juliet', 'Romeo']));
      romeo.send(ROOM, `${word} from XMPP`, 'groupchat');
      await juliet.hears(new RegExp(`^:Romeo!.* PRIVMSG ${CHANNEL} :${word} from XMPP`));
      juliet.send(CHANNEL, `${word} from IRC`);
      const isHers = (it: Element): boolean => it.getChildText('body') === `${word} from IRC`;
      const { element } = await romeo.stanza('what Juliet says', isHers);
      assert.equal(element.attrs.from, `${ROOM}/Juliet`);
    };
    await talk('hello');

    const since = romeo.stanzas.length;
    await biboumi.kill9();
    biboumi.start();
    const { element: notice } = await romeo.stanza(
      'the notice',
      (it) => it.attrs.type === 'unavailable' && it.attrs.from === `${ROOM}/Romeo`,
      { since, limitMs: 60_000 },
    );
    assert.match(`${notice}`, /<status code='333'\/>/);
    await talk('goodbye');
  },
);
