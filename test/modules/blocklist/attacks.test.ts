// What blocked users, and users who block, may try.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RosterItem } from '../../../modules/roster/item.ts';
import type { Roster } from '../../../modules/roster/roster.ts';
import { becomeAvailable, setRoster, settled } from '../../support/contacts.ts';
import { parseXml } from '../../support/match.ts';
import { HandClock, startHarness } from '../../support/module-harness.ts';
import { network } from '../../support/network.ts';
import {
  arrives,
  BALCONY,
  block,
  blocked,
  CHAMBER,
  departures,
  enters,
  friends,
  JULIET,
  lists,
  MODULES,
  NURSE,
  ORCHARD,
  ROMEO,
  ROOM,
  scene,
  TYBALT,
  takeAll,
  unavailable,
  unblock,
} from './scene.ts';

const NS = `xmlns='urn:xmpp:blocking'`;

test('XEP-0191 §3.2, §3.3: the list of another user cannot be read or changed', async (t) => {
  const { server, juliet, romeo } = await scene(t);
  const nurse = await server.client(`${NURSE}/garden`);
  await block(juliet, TYBALT);
  for (const client of [romeo, nurse]) {
    for (const to of [JULIET, 'nobody@capulet.lit']) {
      client.send(`<iq type='get' id='x' to='${to}'><blocklist ${NS}/></iq>`);
      await client.receives(unavailable('iq', 'x', to, client.jid));
      client.send(`<iq type='set' id='x' to='${to}'><unblock ${NS}/></iq>`);
      await client.receives(unavailable('iq', 'x', to, client.jid));
      client.send(`<iq type='set' id='x' to='${to}'><block ${NS}><item jid='${NURSE}'/></block></iq>`);
      await client.receives(unavailable('iq', 'x', to, client.jid));
    }
  }
  await lists(juliet, TYBALT);
});

test('every spelling of an address is the same address', async (t) => {
  const { server, juliet } = await scene(t);
  const sent = departures(server);
  await becomeAvailable(juliet);
  await block(juliet, 'TYBALT@Verona.LIT', 'Ö@XN--bcher-kva.example');
  for (const from of [
    'tybalt@verona.lit',
    'Tybalt@VERONA.lit/street',
    'ö@bücher.example',
    'Ö@BÜCHER.example/x',
  ]) {
    arrives(
      server,
      `<message type='headline' from='${from}' to='Juliet@CAPULET.lit'><body>O!</body></message>`,
    );
    arrives(server, `<presence from='${from}' to='${BALCONY}'/>`);
  }
  await settled(juliet);
  assert.deepEqual(sent, []);
});

test('another server that spells its user in another way does not pass the block', async (t) => {
  const modules = MODULES.concat('dialback');
  const net = await network(t, {
    capulet: `modules_enabled = ${JSON.stringify(modules)}\n[hosts."capulet.lit"]`,
    montague: `modules_enabled = ["message", "presence", "dialback"]\n[hosts."montague.lit"]`,
  });
  const juliet = await net.client(BALCONY);
  const romeo = await net.client(ORCHARD);
  await becomeAvailable(juliet);
  await block(juliet, ROMEO);
  const { router } = net.of('montague.lit').server;
  // Past the rules of Romeo's own server, which prepares the address.
  const wire = (from: string, type: string) =>
    router.remote?.send(
      'montague.lit',
      'capulet.lit',
      parseXml(`<message type='${type}' from='${from}' to='${JULIET}' id='w'><body>O!</body></message>`),
      false,
    );
  wire('ROMEO@Montague.LIT/orchard', 'chat');
  await romeo.receives(unavailable('message', 'w', JULIET, ORCHARD));
  wire('Romeo@montague.lit', 'headline');
  romeo.send(`<message id='m' type='chat' to='${JULIET}'><body>O!</body></message>`);
  await romeo.receives(unavailable('message', 'm', JULIET, ORCHARD));
  await settled(juliet);
});

test('a block shows nothing about presence: all answers are those for a user who is offline', async (t) => {
  const answers = async (isOnline: boolean) => {
    const { server, juliet, romeo } = await scene(t);
    await setRoster(server, JULIET, { [ROMEO]: 'both' });
    await setRoster(server, ROMEO, { [JULIET]: 'both' });
    if (isOnline) await becomeAvailable(juliet);
    await takeAll(juliet);
    await block(juliet, ROMEO);
    await becomeAvailable(romeo);
    const stanzas = [BALCONY, CHAMBER, JULIET].flatMap((to) => [
      `<presence id='p' type='probe' to='${to}'/>`,
      `<presence id='p' to='${to}'/>`,
      `<presence id='p' type='subscribe' to='${to}'/>`,
      `<iq id='i' type='get' to='${to}'><ping xmlns='urn:xmpp:ping'/></iq>`,
      `<iq id='i' type='get' to='${to}'><query xmlns='jabber:iq:version'/></iq>`,
      `<iq id='i' type='get' to='${to}'><vCard xmlns='vcard-temp'/></iq>`,
      `<iq id='i' type='get' to='${to}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
      `<iq id='i' type='get' to='${to}'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
      `<message id='m' type='chat' to='${to}'><body>?</body></message>`,
      `<message id='m' type='headline' to='${to}'><body>?</body></message>`,
      `<message id='m' to='${to}'><request xmlns='urn:xmpp:receipts'/></message>`,
    ]);
    for (const stanza of stanzas) romeo.send(stanza);
    const heard = (await takeAll(romeo)).map(String);
    await settled(juliet);
    return heard;
  };
  const [online, offline] = [await answers(true), await answers(false)];
  assert.deepEqual(online, offline);
  assert.equal(online.length, 3 * (4 + 1 + 2)); // Requests, and messages but headlines; presence has no answer.
});

test('mutual blocks: neither hears of the other, and each hears of its own refusal', async (t) => {
  const { juliet, romeo } = await friends(t);
  await block(juliet, ROMEO);
  await romeo.receives(`<presence type='unavailable' id='{any}' from='${BALCONY}' to='${ROMEO}'/>`);
  await block(romeo, JULIET);
  romeo.send(`<message id='m' type='chat' to='${JULIET}'/>`);
  await romeo.receives(blocked('message', 'm', JULIET, ORCHARD));
  juliet.send(`<message id='m' type='chat' to='${ROMEO}'/>`);
  await juliet.receives(blocked('message', 'm', ROMEO, BALCONY));
  await settled(juliet, romeo);
});

test('XEP-0191 §5, note: users cannot block themselves, their sessions, or their server', async (t) => {
  const { server, juliet, romeo } = await scene(t);
  const nurse = await server.client(`${NURSE}/garden`);
  const chamber = await server.client(CHAMBER);
  await becomeAvailable(chamber);
  await block(juliet, JULIET, CHAMBER, 'capulet.lit', 'lit');
  juliet.send(`<message type='chat' to='${CHAMBER}'><body>Me</body></message>`);
  await chamber.receives(`<message type='chat' from='${BALCONY}' to='${CHAMBER}'><body>Me</body></message>`);
  juliet.send(`<iq type='get' id='x' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await juliet.receives(`<iq type='result' id='x' from='capulet.lit' to='${BALCONY}'/>`);
  for (const client of [nurse, romeo]) {
    client.send(`<message id='m' type='chat' to='${JULIET}'/>`);
    await client.receives(unavailable('message', 'm', JULIET, client.jid));
  }
  await unblock(juliet);
  await settled(juliet, nurse, romeo);
});

test('a blocked domain covers its users, its resources and the domains below it, and no other', async (t) => {
  const { server, juliet } = await scene(t);
  departures(server);
  await becomeAvailable(juliet);
  await block(juliet, 'verona.lit', 'gate.siena.lit/x', 'paris@siena.lit/y');
  const isBlocked = async (from: string) => {
    arrives(server, `<message type='headline' from='${from}' to='${BALCONY}'/>`);
    return (await takeAll(juliet)).length === 0;
  };
  const cases: readonly [from: string, isBlocked: boolean][] = [
    ['verona.lit', true],
    ['verona.lit/x', true],
    ['a@verona.lit', true],
    ['a@rooms.verona.lit/b', true],
    ['a@notverona.lit', false],
    ['lit', false],
    ['gate.siena.lit/x', true],
    ['gate.siena.lit', false],
    ['a@gate.siena.lit/x', false],
    ['paris@siena.lit/y', true],
    ['paris@siena.lit', false],
    ['paris@siena.lit/z', false],
    ['siena.lit/y', false],
  ];
  for (const [from, expected] of cases) assert.equal(await isBlocked(from), expected, from);
});

test('messages through a room: a blocked user reaches nobody by private messages or invitations', async (t) => {
  const { juliet, romeo } = await scene(t);
  await becomeAvailable(juliet);
  await enters(romeo, 'Romeo');
  await enters(juliet, 'Juliet');
  await takeAll(romeo);
  await block(juliet, ROMEO, `${ROOM}/Romeo`);
  const x = `<x xmlns='http://jabber.org/protocol/muc#user'`;
  romeo.send(`<message type='chat' to='${ROOM}/Juliet'><body>Psst</body></message>`);
  romeo.send(`<message type='chat' to='${ROOM}/Juliet'><body>Psst</body>${x}/></message>`);
  romeo.send(`<message type='groupchat' to='${ROOM}'><body>Juliet!</body></message>`);
  romeo.send(`<message to='${ROOM}'>${x}><invite to='${JULIET}'/></x></message>`);
  romeo.send(`<message to='${JULIET}'>${x}><invite from='${NURSE}'/></x></message>`);
  romeo.send(`<message to='${JULIET}'><x xmlns='jabber:x:conference' jid='${ROOM}'/></message>`);
  romeo.send(`<iq type='get' id='v' to='${ROOM}/Juliet'><query xmlns='jabber:iq:version'/></iq>`);
  await takeAll(romeo);
  await settled(juliet);
});

test('a change of the list counts for the rate of the account: the list, and 128 bytes for each stanza', async (t) => {
  const h = await startHarness(new HandClock(), '', ['roster', 'presence', 'blocklist']);
  t.after(() => h.server.stop());
  await h.host.createUser('romeo', 'secret');
  const table = await h.host.stores.table<Roster>('roster');
  const items = Array.from({ length: 50 }, (_, n) => contact(`user${n}@verona.lit`));
  await table.set('romeo', { version: 1, since: 1, items: Object.fromEntries(items), removed: [] });
  const romeo = h.client('romeo@montague.lit/orchard');
  romeo.says('<presence/>');
  const asks = async (name: string) => {
    romeo.charged = 0;
    romeo.says(`<iq type='set' id='x'><${name} ${NS}><item jid='verona.lit'/></${name}></iq>`);
    await new Promise(setImmediate); // It is stored.
    return romeo.charged;
  };
  assert.equal(await asks('block'), 'verona.lit'.length + 50 * 128);
  assert.equal(await asks('block'), 0);
  assert.equal(await asks('unblock'), 2 * 50 * 128); // Presence and probes.
});

test('a request with 7,000 addresses is refused, or does nothing', async (t) => {
  const { juliet, romeo } = await scene(t);
  const content = Array.from({ length: 7_000 }, (_, n) => `<item jid='${n}@x.lit'/>`).join('');
  juliet.send(`<iq type='set' id='x'><block ${NS}>${content}</block></iq>`);
  const answer = await juliet.next();
  assert.equal(answer.getChild('error')?.attrs.type, 'cancel');
  await lists(juliet);
  juliet.send(`<iq type='set' id='x'><unblock ${NS}>${content}</unblock></iq>`);
  await juliet.receives(`<iq type='result' id='x' from='${JULIET}' to='${BALCONY}'/>`);
  await settled(romeo);
});

function contact(jid: string): [string, RosterItem] {
  return [jid, { jid, state: 'both', listed: true, groups: [], approved: false, version: 1 }];
}
