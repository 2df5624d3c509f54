// Presence and its recipients (RFC 6121 §4).

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { C2SSession } from '../../src/api/session.ts';
import type { ScriptedClient } from '../support/client.ts';
import {
  becomeAvailable,
  befriend,
  IM_MODULES,
  reloadModule,
  requestRoster,
  setRoster,
  settled,
} from '../support/contacts.ts';
import { startServer, type TestServer } from '../support/server.ts';

const CONFIG = `${IM_MODULES}\n[hosts."capulet.lit"]\n[hosts."montague.lit"]`;
const ROMEO = 'romeo@montague.lit';
const JULIET = 'juliet@capulet.lit';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

const start = (t: TestContext, config = CONFIG) => startServer(t, { config });

/** Romeo and Juliet, subscribed to each other and available; both have got each other's presence. */
async function lovers(t: TestContext): Promise<[TestServer, ScriptedClient, ScriptedClient]> {
  const server = await start(t);
  await befriend(server, ROMEO, JULIET);
  const juliet = await server.client(`${JULIET}/balcony`);
  await becomeAvailable(juliet);
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}' to='${JULIET}/balcony'/>`);
  const romeo = await server.client(`${ROMEO}/orchard`);
  await becomeAvailable(romeo);
  await romeo.receives(`<presence from='${JULIET}/balcony' to='${ROMEO}/orchard'/>`);
  await juliet.receives(`<presence from='${ROMEO}/orchard' to='${JULIET}'/>`);
  return [server, romeo, juliet];
}

test('RFC 6121 §4.2.2: initial presence goes to all subscribers, and to no one else', async (t) => {
  const server = await start(t);
  await server.account(ROMEO);
  const states = {
    from: 'from',
    both: 'both',
    asking: 'from + out',
    to: 'to',
    none: 'none',
    out: 'none + out',
  } as const;
  const clients: Record<string, ScriptedClient> = {};
  for (const name of Object.keys(states)) {
    clients[name] = await server.client(`${name}@capulet.lit/1`);
    await becomeAvailable(clients[name]);
  }
  const contacts = Object.fromEntries(
    Object.entries(states).map(([name, state]) => [`${name}@capulet.lit`, state]),
  );
  await setRoster(server, ROMEO, contacts);
  const romeo = await server.client(`${ROMEO}/orchard`);
  romeo.send(`<presence><show>away</show></presence>`);
  await romeo.receives(`<presence from='${ROMEO}/orchard' to='${ROMEO}'><show>away</show></presence>`);
  for (const name of ['from', 'both', 'asking']) {
    await clients[name]!.receives(
      `<presence from='${ROMEO}/orchard' to='${name}@capulet.lit'><show>away</show></presence>`,
    );
  }
  // Pending requests to contacts on other hosts are repeated (§3.1.2).
  await clients.asking!.receives(`<presence type='subscribe' from='${ROMEO}' to='asking@capulet.lit'/>`);
  await clients.out!.receives(`<presence type='subscribe' from='${ROMEO}' to='out@capulet.lit'/>`);
  await settled(clients.to!, clients.none!, clients.from!, clients.both!);
});

test("RFC 6121 §4.2.2: the user's available clients get each other's presence; other connected clients do not", async (t) => {
  const server = await start(t);
  const silent = await server.client(`${JULIET}/silent`);
  const balcony = await server.client(`${JULIET}/balcony`);
  await becomeAvailable(balcony, '<show>chat</show>');
  const chamber = await server.client(`${JULIET}/chamber`);
  chamber.send(`<presence/>`);
  await chamber.receives(`<presence from='${JULIET}/chamber' to='${JULIET}'/>`);
  await chamber.receives(
    `<presence from='${JULIET}/balcony' to='${JULIET}/chamber'><show>chat</show></presence>`,
  );
  await balcony.receives(`<presence from='${JULIET}/chamber' to='${JULIET}'/>`);
  await settled(silent);
});

test('RFC 6121 §4.3.2: initial presence sends one probe to each contact that the user is subscribed to', async (t) => {
  const [, romeo, juliet] = await lovers(t);
  romeo.send(`<presence><status>away</status></presence>`);
  await romeo.receives(`<presence from='${ROMEO}/orchard' to='${ROMEO}'><status>away</status></presence>`);
  await juliet.receives(`<presence from='${ROMEO}/orchard' to='${JULIET}'><status>away</status></presence>`);
  await settled(romeo, juliet);
});

test('RFC 6121 §4.3.2: a probe is answered with the last presence of every available client', async (t) => {
  const [server, romeo, juliet] = await lovers(t);
  const chamber = await server.client(`${JULIET}/chamber`);
  await becomeAvailable(chamber, '<show>dnd</show><priority>3</priority>');
  await romeo.receives(
    `<presence from='${JULIET}/chamber' to='${ROMEO}'><show>dnd</show><priority>3</priority></presence>`,
  );
  juliet.send(`<presence><show>xa</show></presence>`);
  await romeo.receives(`<presence from='${JULIET}/balcony' to='${ROMEO}'><show>xa</show></presence>`);
  romeo.send(`<presence type='probe' to='${JULIET}'/>`);
  await romeo.receivesInAnyOrder(
    `<presence from='${JULIET}/balcony' to='${ROMEO}/orchard'><show>xa</show></presence>`,
    `<presence from='${JULIET}/chamber' to='${ROMEO}/orchard'><show>dnd</show><priority>3</priority></presence>`,
  );
  romeo.send(`<presence type='probe' to='${JULIET}/balcony'/>`);
  await romeo.receives(`<presence from='${JULIET}/balcony' to='${ROMEO}/orchard'><show>xa</show></presence>`);
  romeo.send(`<presence type='probe' to='${JULIET}/tomb'/>`);
  await romeo.receives(`<presence type='unavailable' from='${JULIET}/tomb' to='${ROMEO}/orchard'/>`);
});

test('RFC 6121 §4.3.2: a probe of a user without subscription gets unsubscribed, whether the account exists or not', async (t) => {
  const server = await start(t);
  const juliet = await server.client(`${JULIET}/balcony`);
  await becomeAvailable(juliet);
  await setRoster(server, JULIET, { [ROMEO]: 'to' });
  const romeo = await server.client(`${ROMEO}/orchard`);
  await requestRoster(romeo);
  for (const who of [JULIET, 'nobody@capulet.lit', `${JULIET}/balcony`, 'nobody@capulet.lit/x']) {
    const bare = who.split('/')[0]!;
    await setRoster(server, ROMEO, { [bare]: 'to' });
    romeo.send(`<presence type='probe' to='${who}'/>`);
    await romeo.receives(`<presence type='unsubscribed' from='${bare}' to='${ROMEO}'/>`);
    await romeo.receives(`<iq type='set' to='${ROMEO}/orchard'>
      <query xmlns='jabber:iq:roster' ver='{any}'><item jid='${bare}' subscription='none'/></query></iq>`);
  }
  await settled(juliet);
});

test('RFC 6121 §4.5.2: unavailable presence goes to the recipients of available presence, including the sender', async (t) => {
  const [server, romeo, juliet] = await lovers(t);
  romeo.send(`<presence type='unavailable'><status>bye</status></presence>`);
  const gone = (to: string) =>
    `<presence type='unavailable' from='${ROMEO}/orchard' to='${to}'><status>bye</status></presence>`;
  await romeo.receives(gone(ROMEO));
  await juliet.receives(gone(JULIET));
  assert.equal(
    server.server.router.hosts.get('montague.lit')?.sessions.get(romeo.jid)?.state.presence,
    undefined,
  );
  juliet.send(`<presence><show>away</show></presence>`);
  await juliet.next();
  await settled(romeo);
});

test('RFC 6121 §4.5.2: unavailable presence is sent once for a client that disconnects without it', async (t) => {
  const [, romeo, juliet] = await lovers(t);
  romeo.drop();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}'/>`);
  await settled(juliet);
});

test('RFC 6121 §4.5.2: no second one is sent for a client that has sent it and closes its stream', async (t) => {
  const [, romeo, juliet] = await lovers(t);
  romeo.send(`<presence type='unavailable'/></stream:stream>`);
  await romeo.closed();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}'/>`);
  await settled(juliet);
});

test('RFC 6121 §4.6.3: directed presence reaches an unsubscribed user, who gets unavailable presence when the client goes', async (t) => {
  const server = await start(t);
  const juliet = await server.client(`${JULIET}/balcony`);
  const romeo = await server.client(`${ROMEO}/orchard`);
  await becomeAvailable(romeo);
  romeo.send(`<presence to='${JULIET}/balcony'><show>chat</show></presence>`);
  await juliet.receives(
    `<presence from='${ROMEO}/orchard' to='${JULIET}/balcony'><show>chat</show></presence>`,
  );
  romeo.send(`<presence><show>away</show></presence>`); // for the contacts alone
  await romeo.next();
  await settled(romeo, juliet);
  romeo.drop();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}/balcony'/>`);
});

test('RFC 6121 §4.6.3: a user who got directed unavailable presence does not get a second one', async (t) => {
  const server = await start(t);
  const juliet = await server.client(`${JULIET}/balcony`);
  const romeo = await server.client(`${ROMEO}/orchard`);
  romeo.send(`<presence to='${JULIET}/balcony'/><presence type='unavailable' to='${JULIET}/balcony'/>`);
  await juliet.receives(`<presence from='${ROMEO}/orchard' to='${JULIET}/balcony'/>`);
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}/balcony'/>`);
  romeo.send('</stream:stream>');
  await romeo.closed();
  await settled(juliet);
});

test('RFC 6121 §4.6.3: a subscriber with directed presence gets unavailable presence once', async (t) => {
  const [server, romeo, juliet] = await lovers(t);
  romeo.send(`<presence to='${JULIET}/balcony'/>`);
  await juliet.receives(`<presence from='${ROMEO}/orchard' to='${JULIET}/balcony'/>`);
  const session = server.server.router.hosts.get('montague.lit')?.sessions.get(romeo.jid);
  assert.equal(session?.state.directed, undefined);
  romeo.drop();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}'/>`);
  await settled(juliet);
});

test('RFC 6121 §4.6.3: directed presence to a subscriber before the first broadcast is not tracked separately', async (t) => {
  const server = await start(t);
  await befriend(server, ROMEO, JULIET);
  const juliet = await server.client(`${JULIET}/balcony`);
  await becomeAvailable(juliet);
  await juliet.next();
  const romeo = await server.client(`${ROMEO}/orchard`);
  romeo.send(`<presence to='${JULIET}'/><presence to='hall@chat.capulet.lit/Romeo'/>`);
  await juliet.receives(`<presence from='${ROMEO}/orchard' to='${JULIET}'/>`);
  await becomeAvailable(romeo);
  await juliet.receives(`<presence from='${ROMEO}/orchard' to='${JULIET}'/>`);
  const session = server.server.router.hosts.get('montague.lit')?.sessions.get(romeo.jid);
  assert.deepEqual(
    [...(session?.state.directed ?? [])],
    [['hall@chat.capulet.lit', new Set(['hall@chat.capulet.lit/Romeo'])]],
  );
  romeo.drop();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}'/>`);
  await settled(juliet);
});

test('a client has directed presence with at most presence_max_directed addresses', async (t) => {
  const server = await start(t, `presence_max_directed = 2\n${CONFIG}`);
  const romeo = await server.client(`${ROMEO}/orchard`);
  for (const nobody of ['a', 'b']) romeo.send(`<presence to='${nobody}@capulet.lit'/>`);
  romeo.send(`<presence to='c@capulet.lit'/>`);
  await romeo.receives(`<presence type='error' from='c@capulet.lit' to='${ROMEO}/orchard'>
    <error type='wait'><resource-constraint xmlns='${STANZAS}'/>
      <text xmlns='${STANZAS}' xml:lang='en'>{any}</text></error></presence>`);
  romeo.send(`<presence to='b@capulet.lit'/>`); // known already
  await settled(romeo);
});

test('a client has directed presence with addresses of at most 128 KiB', async (t) => {
  const server = await start(t);
  const romeo = await server.client(`${ROMEO}/orchard`);
  const to = (n: number) => `nobody@capulet.lit/${`${n} `.padEnd(1000, 'r')}`;
  for (let n = 0; n < 128; n++) romeo.send(`<presence to='${to(n)}'/>`);
  await settled(romeo);
  romeo.send(`<presence to='${to(128)}'/>`);
  romeo.send(`<presence to='${to(129)}'/>`);
  const answers = [await romeo.next(), await romeo.next()].map(({ attrs }) => attrs.type);
  assert.deepEqual(answers, ['error', 'error']);
  romeo.send(`<presence type='unavailable' to='${to(0)}'/>`);
  romeo.send(`<presence to='${to(1)}'/>`); // known already
  romeo.send(`<presence to='${to(130)}'/>`);
  await settled(romeo);
});

test('RFC 6121 §4.7.2.3: a priority is a number from -128 to 127', async (t) => {
  const server = await start(t);
  const romeo = await server.client(`${ROMEO}/orchard`);
  for (const priority of ['128', '-129', 'high', '1.5', '', '0x10', '1e1']) {
    romeo.send(`<presence id='p'><priority>${priority}</priority></presence>`);
    await romeo.receives(`<presence type='error' from='montague.lit' to='${ROMEO}/orchard'>
      <error type='modify'><bad-request xmlns='${STANZAS}'/>
        <text xmlns='${STANZAS}' xml:lang='en'>{any}</text></error></presence>`);
  }
  for (const priority of ['-128', '127', '+5']) {
    await becomeAvailable(romeo, `<priority>${priority}</priority>`);
    const session = server.server.router.hosts.get('montague.lit')?.sessions.get(romeo.jid);
    assert.equal(session?.state.priority, Number(priority));
  }
});

test('refuses presence that is too large for broadcast', async (t) => {
  const server = await start(t, `presence_max_size = "1 KiB"\n${CONFIG}`);
  const romeo = await server.client(`${ROMEO}/orchard`);
  await becomeAvailable(romeo);
  for (const type of ['', ` type='unavailable'`]) {
    romeo.send(`<presence${type}><status>${'!'.repeat(1024)}</status></presence>`);
    await romeo.receives(`<presence type='error' from='montague.lit' to='${ROMEO}/orchard'>
      <error type='modify'><policy-violation xmlns='${STANZAS}'/>
        <text xmlns='${STANZAS}' xml:lang='en'>{any}</text></error></presence>`);
  }
});

test('other modules are notified when a client becomes available, with its former priority', async (t) => {
  const server = await start(t);
  const heard: unknown[] = [];
  const { hooks } = server.server.router.hosts.get('montague.lit')!;
  const observe = ({
    session,
    previousPriority,
  }: {
    session: C2SSession;
    previousPriority: number | undefined;
  }) => {
    heard.push([previousPriority, session.state.priority]);
  };
  hooks.add('presence-available', observe, 'observe', 'test');
  const romeo = await server.client(`${ROMEO}/orchard`);
  await becomeAvailable(romeo, '<priority>-1</priority>');
  await becomeAvailable(romeo);
  assert.deepEqual(heard, [
    [undefined, -1],
    [-1, 0],
  ]);
});

test('RFC 6121 §8.5.2.1.2: presence for the bare JID goes to available clients, whatever their priority', async (t) => {
  const server = await start(t);
  const low = await server.client(`${JULIET}/low`);
  await becomeAvailable(low, '<priority>-5</priority>');
  const silent = await server.client(`${JULIET}/silent`);
  const romeo = await server.client(`${ROMEO}/orchard`);
  romeo.send(`<presence to='${JULIET}'/>`);
  await low.receives(`<presence from='${ROMEO}/orchard' to='${JULIET}'/>`);
  await settled(romeo, silent);
});

test('RFC 6121 §8.5.3.1: presence for a full JID reaches that client, available or not', async (t) => {
  const server = await start(t);
  const silent = await server.client(`${JULIET}/silent`);
  const romeo = await server.client(`${ROMEO}/orchard`);
  for (const type of ['', ` type='unavailable'`]) {
    romeo.send(`<presence${type} to='${JULIET}/silent'/>`);
    await silent.receives(`<presence${type} from='${ROMEO}/orchard' to='${JULIET}/silent'/>`);
  }
});

test('RFC 6121 §8.5.1, §8.5.3.2.2: ignores presence to unknown accounts and clients', async (t) => {
  const server = await start(t);
  const juliet = await server.client(`${JULIET}/balcony`);
  await becomeAvailable(juliet);
  const romeo = await server.client(`${ROMEO}/orchard`);
  const types = ['', 'unavailable', 'subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'];
  for (const type of types) {
    const typed = type === '' ? '' : ` type='${type}'`;
    romeo.send(`<presence${typed} to='nobody@capulet.lit'/><presence${typed} to='nobody@capulet.lit/x'/>`);
    if (type !== 'subscribe') romeo.send(`<presence${typed} to='${JULIET}/tomb'/>`);
  }
  await settled(romeo, juliet);
});

test('after a reload the module knows the available clients, and sends their unavailable presence', async (t) => {
  const [server, romeo, juliet] = await lovers(t);
  await reloadModule(server, 'presence');
  romeo.drop();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}'/>`);
});
