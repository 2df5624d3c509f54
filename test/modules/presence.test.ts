// Who is there, and who is told (RFC 6121 §4).

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

/** Romeo and Juliet see each other; both are available, and have seen it. */
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

test('RFC 6121 §4.2.2: initial presence goes to those who are subscribed, and to no one else', async (t) => {
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
  // The request that is still open is repeated to the contacts on other hosts (§3.1.2).
  await clients.asking!.receives(`<presence type='subscribe' from='${ROMEO}' to='asking@capulet.lit'/>`);
  await clients.out!.receives(`<presence type='subscribe' from='${ROMEO}' to='out@capulet.lit'/>`);
  await settled(clients.to!, clients.none!, clients.from!, clients.both!);
});

test('RFC 6121 §4.2.2: all available clients of the user hear of each other, connected ones do not', async (t) => {
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

test('RFC 6121 §4.3.2: the contacts that a user sees are asked once, at the first presence', async (t) => {
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

test('RFC 6121 §4.3.2: who is not subscribed is told so, and learns nothing about the account', async (t) => {
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

test('RFC 6121 §4.5.2: unavailable presence goes where the available one went, its sender included', async (t) => {
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

test('RFC 6121 §4.5.2: a client that is gone without a word is declared unavailable, once', async (t) => {
  const [, romeo, juliet] = await lovers(t);
  romeo.drop();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}'/>`);
  await settled(juliet);
});

test('RFC 6121 §4.5.2: a client that closes its stream after its goodbye is not declared again', async (t) => {
  const [, romeo, juliet] = await lovers(t);
  romeo.send(`<presence type='unavailable'/></stream:stream>`);
  await romeo.closed();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}'/>`);
  await settled(juliet);
});

test('RFC 6121 §4.6.3: directed presence reaches a stranger, who is told when the client goes', async (t) => {
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

test('RFC 6121 §4.6.3: who has been told already is not told again when the client goes', async (t) => {
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

test('RFC 6121 §4.6.3: a subscriber that was addressed directly too hears of the end once', async (t) => {
  const [server, romeo, juliet] = await lovers(t);
  romeo.send(`<presence to='${JULIET}/balcony'/>`);
  await juliet.receives(`<presence from='${ROMEO}/orchard' to='${JULIET}/balcony'/>`);
  const session = server.server.router.hosts.get('montague.lit')?.sessions.get(romeo.jid);
  assert.equal(session?.state.directed, undefined);
  romeo.drop();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}'/>`);
  await settled(juliet);
});

test('RFC 6121 §4.6.3: what was directed before the first broadcast covers it is no longer kept apart', async (t) => {
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

test('a client is present to no more than presence_max_directed strangers', async (t) => {
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

test('a client is present to addresses of no more than 128 KiB', async (t) => {
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

test('a presence that would burden every contact is refused', async (t) => {
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

test('other modules hear of a client once it is available, and of its priority before', async (t) => {
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

test('RFC 6121 §8.5.1, §8.5.3.2.2: presence for nobody is ignored', async (t) => {
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

test('a reloaded module knows who is available, and says goodbye for them', async (t) => {
  const [server, romeo, juliet] = await lovers(t);
  await reloadModule(server, 'presence');
  romeo.drop();
  await juliet.receives(`<presence type='unavailable' from='${ROMEO}/orchard' to='${JULIET}'/>`);
});
