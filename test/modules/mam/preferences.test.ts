// XEP-0441: whose messages a user wants to have archived.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { reloadModule, setRoster } from '../../support/contacts.ts';
import { FailingStorage } from '../../support/failing-storage.ts';
import { HandClock, startHarness } from '../../support/module-harness.ts';
import { assertFaults } from '../../support/server.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import { arrives, BALCONY, BODY, done, JULIET, ORCHARD, ROMEO, rowsOf, shortRows, stage } from './stage.ts';

const NS = 'urn:xmpp:mam:2';

interface Lists {
  readonly always?: readonly string[];
  readonly never?: readonly string[];
}

function prefs(policy: string, { always = [], never = [] }: Lists = {}): string {
  const list = (name: string, jids: readonly string[]) =>
    `<${name}>${jids.map((jid) => `<jid>${jid}</jid>`).join('')}</${name}>`;
  return `<prefs xmlns='${NS}' default='${policy}'>${list('always', always)}${list('never', never)}</prefs>`;
}

const result = (id: string, content: string, to = BALCONY) =>
  `<iq type='result' id='${id}' from='${JULIET}' to='${to}'>${content}</iq>`;
const refusal = (type: string, condition: string, from = JULIET) => `
  <iq type='error' id='p' from='${from}' to='${BALCONY}'>
    <error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{any}</error>
  </iq>`;

async function set(client: ScriptedClient, policy: string, lists: Lists = {}): Promise<void> {
  client.send(`<iq type='set' id='p'>${prefs(policy, lists)}</iq>`);
  await client.receives(result('p', prefs(policy, lists)));
}

for (const [option, policy] of [
  ['true', 'always'],
  ['false', 'never'],
  ['"roster"', 'roster'],
] as const) {
  test(`P1: get has the policy and both lists, also empty; at first as default_archive_policy = ${option} says`, async (t) => {
    const { juliet } = await stage(t, { options: `default_archive_policy = ${option}` });
    juliet.send(`<iq type='get' id='1'><prefs xmlns='${NS}'/></iq>`);
    await juliet.receives(result('1', prefs(policy)));
    juliet.send(`<iq type='get' id='2' to='${JULIET}'><prefs xmlns='${NS}'/></iq>`);
    await juliet.receives(result('2', prefs(policy)));
  });
}

for (const content of [`<prefs xmlns='${NS}'/>`, `<prefs xmlns='${NS}' default='sometimes'/>`]) {
  test(`P2: ${content} is a bad-request`, async (t) => {
    const { juliet } = await stage(t);
    juliet.send(`<iq type='set' id='p'>${content}</iq>`);
    await juliet.receives(refusalWithText('modify', 'bad-request'));
  });
}

test('P3: addresses are prepared, sorted and named once', async (t) => {
  const { juliet } = await stage(t);
  juliet.send(
    `<iq type='set' id='p'>${prefs('always', { never: ['Romeo@Montague.LIT', 'a@b', ' a@B '] })}</iq>`,
  );
  await juliet.receives(result('p', prefs('always', { never: ['a@b', ROMEO] })));
});

test('P3: an invalid address is jid-malformed, and nothing changes', async (t) => {
  const { juliet } = await stage(t);
  juliet.send(`<iq type='set' id='p'>${prefs('never', { never: ['@'] })}</iq>`);
  await juliet.receives(refusal('modify', 'jid-malformed').replace('{any}', ''));
  juliet.send(`<iq type='get' id='1'><prefs xmlns='${NS}'/></iq>`);
  await juliet.receives(result('1', prefs('always')));
});

for (const [what, jids] of [
  ['500 addresses', Array.from({ length: 501 }, (_, n) => `u${1000 + n}@a.example`)],
  ['64 KiB', Array.from({ length: 65 }, (_, n) => `u${10 + n}@a.example/${'x'.repeat(1000)}`)],
] as const) {
  test(`P3: more than ${what} in both lists are a resource-constraint`, async (t) => {
    const { juliet } = await stage(t);
    const half = Math.floor(jids.length / 2);
    juliet.send(
      `<iq type='set' id='p'>${prefs('always', { always: jids.slice(half), never: jids.slice(0, half) })}</iq>`,
    );
    await juliet.receives(refusalWithText('cancel', 'resource-constraint'));
    await set(juliet, 'always', { always: jids.slice(half), never: jids.slice(0, half - 1) });
  });
}

test('P4: who is in both lists is never archived', async (t) => {
  const there = await stage(t);
  await set(there.juliet, 'always', { always: [ROMEO], never: [ROMEO] });
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await done(there, there.romeo);
  assert.deepEqual(await rowsOf(there, JULIET), []);
});

const OTHER = `${ROMEO}/other`;
for (const [policy, lists, expected] of [
  ['always', {}, [ORCHARD, OTHER]],
  ['never', {}, []],
  ['always', { never: [ROMEO] }, []],
  ['always', { never: [ORCHARD] }, [OTHER]],
  ['always', { never: ['montague.lit'] }, [ORCHARD, OTHER]],
  ['never', { always: [ROMEO] }, [ORCHARD, OTHER]],
  ['never', { always: [ORCHARD] }, [ORCHARD]],
  ['roster', { always: [ORCHARD] }, [ORCHARD]],
] as const) {
  test(`P5 (XEP-0441 §2.3): ${policy}, ${JSON.stringify(lists)}: archived are messages from ${expected.join()}`, async (t) => {
    const there = await stage(t);
    await set(there.juliet, policy, lists);
    for (const from of [ORCHARD, OTHER])
      await arrives(there, `<message type='chat' from='${from}' to='${BALCONY}'>${BODY}</message>`);
    const rows = await rowsOf(there, JULIET);
    assert.deepEqual(
      rows.map(({ xml }) => /from='([^']+)'/.exec(xml)?.[1]),
      expected,
    );
  });
}

test('P5: "roster" means the listed contacts, by bare JID, in both directions', async (t) => {
  const there = await stage(t);
  await there.server.account('paris@montague.lit');
  await setRoster(there.server, JULIET, { [ROMEO]: 'none' });
  await set(there.juliet, 'roster');
  for (const from of [ORCHARD, 'paris@montague.lit/x'])
    await arrives(there, `<message type='chat' from='${from}' to='${BALCONY}'>${BODY}</message>`);
  for (const to of [ORCHARD, 'paris@montague.lit/x'])
    there.juliet.send(`<message type='chat' to='${to}'>${BODY}</message>`);
  await done(there, there.juliet);
  assert.deepEqual(await shortRows(there, JULIET), [`received ${ROMEO} body`, `sent ${ROMEO} body`]);
});

test('P5: an address that has asked to see the presence is no listed contact', async (t) => {
  const there = await stage(t);
  await set(there.juliet, 'roster');
  await arrives(there, `<presence type='subscribe' from='${ROMEO}' to='${JULIET}'/>`);
  await arrives(there, `<message type='chat' from='${ORCHARD}' to='${BALCONY}'>${BODY}</message>`);
  assert.deepEqual(await rowsOf(there, JULIET), []);
});

test('P6: the answer is what is in force, given when committed', async (t) => {
  const storage = new FailingStorage();
  const { server, juliet } = await stage(t, { openStorage: storage.openStorage });
  const resume = storage.slow();
  juliet.send(`<iq type='set' id='p'>${prefs('never')}</iq>`);
  await juliet.receivesNothing();
  resume();
  await juliet.receives(result('p', prefs('never')));
  await reloadModule(server, 'mam');
  juliet.send(`<iq type='get' id='1'><prefs xmlns='${NS}'/></iq>`);
  await juliet.receives(result('1', prefs('never')));
});

test('P6: if they cannot be stored, the client gets resource-constraint, and the old ones stay in force', async (t) => {
  const storage = new FailingStorage();
  const { server, juliet } = await stage(t, { openStorage: storage.openStorage });
  storage.failure = 'full';
  juliet.send(`<iq type='set' id='p'>${prefs('never')}</iq>`);
  await juliet.receives(refusalWithText('wait', 'resource-constraint'));
  juliet.send(`<iq type='get' id='1'><prefs xmlns='${NS}'/></iq>`);
  await juliet.receives(result('1', prefs('always')));
  assertFaults(server.server.faults, { storage: 1 });
});

test('P7: preferences concern later messages only', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await there.juliet.next();
  await set(there.juliet, 'never');
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await done(there, there.romeo);
  assert.equal((await rowsOf(there, JULIET)).length, 1);
});

test('P8, M10: messages that are never archived still wait', async (t) => {
  const there = await stage(t);
  await set(there.juliet, 'never');
  there.romeo.send(`<message type='chat' id='m' to='${JULIET}'>${BODY}</message>`);
  await done(there, there.romeo);
  assert.deepEqual(await rowsOf(there, JULIET), []);
  assert.equal((await rowsOf(there, ROMEO)).length, 1);
  assert.equal(await waitingFor(archiveOf(there.server.server), 'juliet'), 1);
  there.juliet.send('<presence/>');
  const message = await there.juliet.skipUntil(({ attrs }) => attrs.id === 'm');
  assert.equal(message.getChild('stanza-id', 'urn:xmpp:sid:0'), undefined);
});

test('a request for the preferences counts the size of the lists', async (t) => {
  const h = await startHarness(new HandClock(), '', ['presence', 'message', 'mam']);
  t.after(() => h.server.stop());
  await h.host.createUser('romeo', 'secret');
  const romeo = h.client(`${ROMEO}/orchard`);
  romeo.says(`<iq type='set' id='p'>${prefs('always', { never: [JULIET, BALCONY] })}</iq>`);
  romeo.says(`<iq type='get' id='g'><prefs xmlns='${NS}'/></iq>`);
  assert.equal(romeo.charged, `${JULIET}${BALCONY}`.length);
});

for (const user of [ROMEO, 'nobody@montague.lit']) {
  for (const type of ['get', 'set']) {
    test(`XEP-0313 §7.1: ${type} of the preferences of ${user} is forbidden, whether the account exists or not`, async (t) => {
      const { juliet } = await stage(t);
      juliet.send(`<iq type='${type}' id='p' to='${user}'>${prefs('never')}</iq>`);
      await juliet.receives(refusal('auth', 'forbidden', user).replace('{any}', ''));
    });
  }
}

function refusalWithText(type: string, condition: string): string {
  const text = `<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>`;
  return refusal(type, condition).replace('{any}', text);
}
