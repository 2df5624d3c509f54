// Messages, presence and requests between users of enjamb and of Prosody or ejabberd, on every kind of link.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDevelopmentCertificates } from '../../src/net/dev-certificates.ts';
import type { Element } from '../../src/xml/element.ts';
import { temporaryFolder } from '../support/clean-up.ts';
import { dnsFixture } from '../support/dns-fixture.ts';
import { AWAY, ENJAMB, HALLS, HOME, PROSODY, ROOMS } from './support/addresses.ts';
import { Enjamb } from './support/enjamb.ts';
import { Prosody } from './support/prosody.ts';
import { SlixmppClient } from './support/slixmpp.ts';
import { homeLogin, PASSWORD } from './support/world.ts';
import { EJABBERD, VERONA } from './support-security/ejabberd.ts';
import { type Federation, type Trust, withEjabberd, withProsody } from './support-security/federation.ts';

const LIMIT = { timeout: 60_000 };

type Proof = 'EXTERNAL only' | 'dialback only';
/** The side that sends first, and opens the stream if both directions share one. */
type First = 'we' | 'they';

interface Case {
  readonly by: 'STARTTLS' | 'direct TLS';
  readonly proof: Proof;
  /** Whether both sides have XEP-0288. */
  readonly bidi: boolean;
  readonly first: First;
}

interface Pair {
  readonly enjamb: Enjamb;
  readonly romeo: SlixmppClient;
  readonly juliet: SlixmppClient;
  readonly away: string;
}

const TWO_STREAMS: readonly Case[] = (['STARTTLS', 'direct TLS'] as const).flatMap((by) =>
  (['EXTERNAL only', 'dialback only'] as const).map(
    (proof): Case => ({ by, proof, bidi: false, first: 'we' }),
  ),
);
const ONE_STREAM: readonly Case[] = (['EXTERNAL only', 'dialback only'] as const).flatMap((proof) =>
  (['we', 'they'] as const).map((first): Case => ({ by: 'STARTTLS', proof, bidi: true, first })),
);

for (const given of [...TWO_STREAMS, ...ONE_STREAM])
  test(`Prosody and enjamb: ${title(given)}`, LIMIT, (t) => converse(t, given, prosodyPair));
for (const given of TWO_STREAMS)
  test(`ejabberd and enjamb: ${title(given)}`, LIMIT, (t) => converse(t, given, ejabberdPair));

function title({ by, proof, bidi, first }: Case): string {
  const streams = bidi
    ? `one stream for both directions, which ${first} open`
    : 'a stream for each direction';
  return `${by}, ${proof}, ${streams}`;
}

async function converse(
  t: TestContext,
  given: Case,
  start: (t: TestContext, given: Case) => Promise<Pair>,
): Promise<void> {
  const { enjamb, romeo, juliet, away } = await start(t, given);
  const [his, hers] = [`romeo@${HOME}`, `juliet@${away}`];
  const speakers = [
    [romeo, juliet, hers, 'What lady is that?'],
    [juliet, romeo, his, 'Go, ask his name.'],
  ] as const;
  for (const [from, to, address, body] of given.first === 'we' ? speakers : speakers.toReversed())
    await says(from, to, address, body);
  await assertLinks(enjamb, away, given);

  romeo.presence(hers, 'subscribe'); // slixmpp agrees to whatever it is asked, and asks back.
  await romeo.stanza('her presence', isAvailable(hers));
  await juliet.stanza('his presence', isAvailable(his));
  assert.equal((await romeo.ping(`${hers}/orchard`)).event, 'pong');
  assert.equal((await juliet.ping(`${his}/orchard`)).event, 'pong');
  assert.equal((await romeo.ping(away)).event, 'pong');
  assert.equal((await juliet.ping(HOME)).event, 'pong');
  juliet.presence(his, 'unavailable');
  await romeo.stanza('her farewell', (it) => isFrom(it, hers) && it.attrs.type === 'unavailable');
  await assertLinks(enjamb, away, given);
  await enjamb.stop();
}

async function says(from: SlixmppClient, to: SlixmppClient, address: string, body: string): Promise<void> {
  from.send(address, body);
  await to.stanza('the message', (it) => it.getChildText('body') === body);
}

function isAvailable(bare: string): (it: Element) => boolean {
  return (it) => it.name === 'presence' && isFrom(it, bare) && it.attrs.type === undefined;
}

function isFrom(it: Element, bare: string): boolean {
  return it.attrs.from?.startsWith(`${bare}/`) === true;
}

/** Checks the number of streams, and how each was authenticated. */
async function assertLinks(enjamb: Enjamb, away: string, { bidi, proof, first }: Case): Promise<void> {
  const opened = enjamb.log.filter(({ msg, remote }) => msg === 's2s open' && remote === away);
  const count = new Set(opened.map(({ s2s }) => s2s)).size;
  // Prosody verifies our key on its own stream, on which it also authenticates to us.
  const isSecondFine = bidi && proof === 'dialback only' && first === 'we';
  if (!isSecondFine) assert.equal(count, bidi ? 1 : 2, JSON.stringify(opened));
  const links = await enjamb.list('s2s', 'list', away);
  assert.ok(links.length > 0);
  for (const { state, secure, certificate } of links) {
    const expected = { state: 'open', secure: true, certificate: proof === 'EXTERNAL only' };
    assert.deepEqual({ state, secure, certificate }, expected);
  }
}

function prosodyPair(t: TestContext, given: Case): Promise<Pair> {
  const modules = given.bidi ? ['s2s_bidi'] : [];
  const login = { host: PROSODY.address, port: PROSODY.c2s, mechanism: 'SCRAM-SHA-1' };
  return pair(t, AWAY, login, async () => {
    const federation = await withProsody(t, { ...trust(given), modules });
    await federation.peer.addUser('juliet', PASSWORD);
    return federation;
  });
}

function ejabberdPair(t: TestContext, given: Case): Promise<Pair> {
  const login = { host: EJABBERD.address, port: EJABBERD.c2s, mechanism: 'PLAIN' };
  return pair(t, VERONA, login, () => withEjabberd(t, trust(given)));
}

function trust({ by, proof }: Case): Trust {
  const isExternal = proof === 'EXTERNAL only';
  const config = isExternal ? ['modules_disabled = ["dialback"]'] : [];
  return {
    by,
    weTrust: isExternal,
    theyTrust: isExternal,
    weDemand: isExternal,
    theyDemand: isExternal,
    config,
  };
}

test('twenty domains on one Prosody: each has its own links, and all answer', LIMIT, async (t) => {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const names = Array.from({ length: 10 }, (_, i) => `house${i}.example`);
  const domains = names.flatMap((name) => [name, `rooms.${name}`]);
  const { caPath } = await makeDevelopmentCertificates(certificates, [HOME, AWAY, ROOMS, HALLS, ...domains]);
  const { address: dns } = await dnsFixture(t, {
    'enjamb.example': { A: [ENJAMB.address] },
    'prosody.example': { A: [PROSODY.address] },
    [`_xmpp-server._tcp.${HOME}`]: { SRV: [`0 0 ${ENJAMB.s2s} enjamb.example`] },
    ...Object.fromEntries(
      domains.map((it) => [`_xmpp-server._tcp.${it}`, { SRV: [`0 0 ${PROSODY.s2s} prosody.example`] }]),
    ),
  });
  const common = { certificates, caPath, dns };
  const hosts = names.flatMap((name) => [{ domain: name }, { domain: `rooms.${name}`, component: 'muc' }]);
  await Prosody.start(t, { ...common, folder: join(folder, 'prosody'), secureAuth: true, hosts });
  const enjamb = await Enjamb.start(t, { ...common, folder: join(folder, 'enjamb') });
  await enjamb.addUser(`romeo@${HOME}`, PASSWORD);
  const romeo = await SlixmppClient.start(t, { folder, caPath, name: 'romeo' });
  await romeo.login(homeLogin('romeo'));

  for (const domain of domains) romeo.send(`nobody@${domain}`, 'Is anybody there?');
  for (const domain of domains) {
    const isAnswer = (it: Element): boolean => it.name === 'message' && it.attrs.from === `nobody@${domain}`;
    const { element } = await romeo.stanza(`the word of ${domain}`, isAnswer);
    assert.doesNotMatch(`${element.getChild('error')}`, /remote-server/);
  }
  const links = await enjamb.list('s2s', 'list');
  assert.deepEqual(new Set(links.map(({ remote }) => remote)), new Set(domains));
  assert.ok(links.every(({ state, certificate }) => state === 'open' && certificate === true));
  await enjamb.stop();
});

/** Romeo at enjamb and Juliet at the other server, both logged in. */
async function pair(
  t: TestContext,
  away: string,
  login: { host: string; port: number; mechanism: string },
  start: () => Promise<Federation<unknown>>,
): Promise<Pair> {
  const { enjamb, folder, ourCaPath, theirCaPath } = await start();
  await enjamb.addUser(`romeo@${HOME}`, PASSWORD);
  const romeo = await SlixmppClient.start(t, { folder, caPath: ourCaPath, name: 'romeo' });
  await romeo.login({ ...homeLogin('romeo'), host: ENJAMB.address });
  const juliet = await SlixmppClient.start(t, { folder, caPath: theirCaPath, name: 'juliet' });
  await juliet.login({ ...homeLogin('juliet', away), ...login });
  return { enjamb, romeo, juliet, away };
}
