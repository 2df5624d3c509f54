// What one user sends never costs others the link between two servers.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { becomeAvailable, IM_MODULES } from '../../support/contacts.ts';
import { type Network, network } from '../../support/network.ts';
import { startWorld } from '../s2s/harness.ts';

const JULIET = 'juliet@capulet.lit/balcony';
/** A resource that is written six times as long, in the address that every stanza of its owner is stamped with. */
const ROMEO = `romeo@montague.lit/${"'".repeat(1000)}`;
const CLIENT_BYTES = 480 * 1024;

interface Scene {
  readonly net: Network;
  readonly romeo: ScriptedClient;
  readonly benvolio: ScriptedClient;
}

/** Two servers, one of which has two users online. The link is there. */
async function scene(t: TestContext, modules = ''): Promise<Scene> {
  const enabled = IM_MODULES.replace(']', `, "dialback"${modules}]`);
  const net = await network(t, {
    montague: `${enabled}\n[hosts."montague.lit"]`,
    capulet: `${enabled}\n[hosts."capulet.lit"]`,
  });
  await net.of('capulet.lit').account(JULIET);
  const romeo = await net.client(ROMEO);
  const benvolio = await net.client('benvolio@montague.lit/street');
  const tybalt = await online(net, 'tybalt@capulet.lit/street');
  await says(benvolio, tybalt, 'first');
  return { net, romeo, benvolio };
}

async function online(net: Network, jid: string): Promise<ScriptedClient> {
  const client = await net.client(jid);
  await becomeAvailable(client);
  return client;
}

async function says(from: ScriptedClient, to: ScriptedClient, body: string): Promise<void> {
  from.send(message(to.jid, `<body>${body}</body>`));
  await to.skipUntil((element) => element.getChildText('body') === body);
}

/** The link is the one that was there at first, and others talk on it. */
async function assertLinkIsUp({ net, benvolio }: Scene): Promise<void> {
  const mercutio = await online(net, 'mercutio@capulet.lit/street');
  await says(benvolio, mercutio, 'still here');
  assert.deepEqual(Object.fromEntries(net.dialled), { 'capulet.lit': 1, 'montague.lit': 1 });
}

function message(to: string, content: string): string {
  return `<message to='${to}' type='chat'>${content}</message>`;
}

const indices = Array.from({ length: 20 }, (_, n) => n);
const declared = indices.map((n) => ` xmlns:p${n}='urn:p${n}'`).join('');
const used = indices.map((n) => ` p${n}:k='v'`).join('');
/** 20 prefixes on an element, and the same 20 on its child, which does not declare them. */
const PREFIXED = `<x xmlns='urn:x'${declared}${used}><y${used}/></x>`;

function assertPrefixed(element: { getChild(name: string, xmlns: string): unknown }): void {
  const x = `${element.getChild('x', 'urn:x')}`;
  for (const n of indices) assert.equal(x.split(`p${n}:k='v'`).length, 3, x);
}

test('a prefix that a child declares again passes between servers, and the link stays', async (t) => {
  const present = await scene(t);
  const juliet = await online(present.net, JULIET);
  for (let n = 0; n < 3; n++) {
    present.romeo.send(message(JULIET, `<body>hi</body>${PREFIXED}`));
    assertPrefixed(await juliet.next());
  }
  await assertLinkIsUp(present);
});

test('such a prefix in a stored message: it is delivered when its recipient logs in', async (t) => {
  const present = await scene(t, ', "offline"');
  present.romeo.send(message('juliet@capulet.lit', `<body>hi</body>${PREFIXED}`));
  await assertLinkIsUp(present);
  const juliet = await present.net.client(JULIET);
  juliet.send('<presence/>');
  assertPrefixed(await juliet.skipUntil(({ name }) => name === 'message'));
});

test('such a prefix in private storage: it is read as it was written', async (t) => {
  const { romeo } = await scene(t, ', "private"');
  romeo.send(`<iq type='set' id='s'><query xmlns='jabber:iq:private'>${PREFIXED}</query></iq>`);
  assert.equal((await romeo.next()).attrs.type, 'result');
  romeo.send(`<iq type='get' id='g'><query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query></iq>`);
  assertPrefixed((await romeo.next()).getChild('query', 'jabber:iq:private')!);
});

for (const modules of ['', ', "stream_limits"']) {
  const how = modules === '' ? 'without XEP-0478' : 'with XEP-0478';
  for (const more of [-1, 0, 1]) {
    const rest = more > 0 ? 'costs its sender the stream, and nobody else' : 'arrives with the address added';
    test(`${how}, a stanza of the limit ${['- 1 byte', 'itself', '+ 1 byte'][more + 1]} ${rest}`, async (t) => {
      const present = await scene(t, modules);
      const juliet = await online(present.net, JULIET);
      const bytes = CLIENT_BYTES + more;
      const empty = message(JULIET, '<body></body>');
      present.romeo.send(message(JULIET, `<body>${'x'.repeat(bytes - empty.length)}</body>`));
      if (more > 0) assert.equal((await present.romeo.next()).name, 'error');
      else assert.equal((await juliet.next()).attrs.from, ROMEO);
      await assertLinkIsUp(present);
    });
  }

  test(`${how}, a stanza that becomes too long when written is refused, and nothing else`, async (t) => {
    const present = await scene(t, modules);
    const bodies = ['>'.repeat(300_000), `<![CDATA[${'&'.repeat(300_000)}]]>`];
    const nested = `<x xmlns:p='${'u'.repeat(1000)}'>${'<p:a/><b/>'.repeat(1000)}</x>`;
    for (const content of [...bodies.map((body) => `<body>${body}</body>`), nested]) {
      present.romeo.send(message(JULIET, content));
      const refusal = await present.romeo.next();
      assert.equal(refusal.attrs.type, 'error');
      assert.match(`${refusal}`, /<policy-violation/);
    }
    await assertLinkIsUp(present);
  });
}

test('from another server, a stanza that becomes too long when written is refused, and the link stays', async (t) => {
  const world = await startWorld(t, { modules: ['dialback'] });
  const peer = await world.verified();
  const nested = `<x xmlns:p='${'u'.repeat(1000)}'>${'<p:a/><b/>'.repeat(1000)}</x>`;
  // A room would throw out an occupant from whom a presence comes back as an error.
  peer.send(`<presence from='rooms@capulet.lit/nick' to='romeo@montague.lit/orchard'>${nested}</presence>`);
  peer.send(`<message id='long' from='juliet@capulet.lit' to='romeo@montague.lit'>${nested}</message>`);
  peer.send(`<message id='next' from='nurse@capulet.lit' to='romeo@montague.lit'><body>hi</body></message>`);
  const way = await world.prepared();
  await way.reads('</db:result>');
  way.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  const answers = await way.reads('</message>');
  assert.match(answers, /id='long'[^>]*>.*<policy-violation/);
  assert.doesNotMatch(answers, /<presence/);
  assert.deepEqual(
    world.arrived.map(({ attrs }) => attrs.id),
    ['next'],
  );
});
