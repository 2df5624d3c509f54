// Routing of messages: every row of RFC 6121 §8.5.2.1.1, §8.5.2.2.1, §8.5.3.1 and §8.5.3.2.1.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type {} from '../../modules/message.ts';
import type { StanzaEvent } from '../../src/api/events.ts';
import type { ScriptedClient } from '../support/client.ts';
import { becomeAvailable, IM_MODULES, settled } from '../support/contacts.ts';
import { ownersLoaded } from '../support/late-storage.ts';
import { assertFaults, startServer, type TestServer } from '../support/server.ts';

const CONFIG = `${IM_MODULES}\n[hosts."capulet.lit"]\n[hosts."montague.lit"]`;
const ROMEO = 'romeo@montague.lit/orchard';
const JULIET = 'juliet@capulet.lit';

/** A priority: available; `silent`: connected only. */
type Resource = number | 'silent';
type Outcome = 'delivered' | 'refused' | 'ignored';

interface Case {
  readonly section: string;
  readonly to: 'bare' | 'other resource';
  readonly type: string;
  readonly resources: readonly Resource[];
  /** Delivered: to every available client whose priority is not negative. */
  readonly outcome: Outcome;
}

/** None, one or several clients, with negative, zero or positive priority, or connected but not available. */
const GATHERINGS: readonly (readonly Resource[])[] = [
  [],
  ['silent'],
  [-1],
  [-1, -1],
  [-1, 'silent'],
  [0],
  [1],
  [1, 1],
  [3, 0],
  [0, 0],
  [1, -1],
  [0, -1, 'silent'],
];
const TYPES = ['normal', '', 'chat', 'groupchat', 'headline', 'error', 'no-such-type'];

const CASES: readonly Case[] = GATHERINGS.flatMap((resources) => {
  const isOpen = resources.some((resource) => typeof resource === 'number' && resource >= 0);
  const isAvailable = resources.some((resource) => typeof resource === 'number');
  return TYPES.flatMap((type): Case[] => [
    {
      section: isAvailable ? '§8.5.2.1.1' : '§8.5.2.2.1',
      to: 'bare',
      type,
      resources,
      outcome: forAccount(type, isOpen),
    },
    { section: '§8.5.3.2.1', to: 'other resource', type, resources, outcome: forResource(type, isOpen) },
  ]);
});

function forAccount(type: string, isOpen: boolean): Outcome {
  if (type === 'error') return 'ignored';
  if (type === 'groupchat') return 'refused';
  if (isOpen) return 'delivered';
  return type === 'headline' ? 'ignored' : 'refused';
}

function forResource(type: string, isOpen: boolean): Outcome {
  if (type === 'error' || type === 'headline') return 'ignored';
  return type === 'chat' && isOpen ? 'delivered' : 'refused';
}

const typed = (type: string) => (type === '' ? '' : ` type='${type}'`);
const refusal = (from: string) => `<message type='error' from='${from}' to='${ROMEO}'>
  <error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`;

async function gather(
  t: TestContext,
  resources: readonly Resource[],
): Promise<[ScriptedClient, ScriptedClient[], Told[]]> {
  const server = await startServer(t, { config: CONFIG });
  await server.account(JULIET);
  const told = deliveries(server);
  const clients: ScriptedClient[] = [];
  for (const [index, resource] of resources.entries()) {
    const client = await server.client(`${JULIET}/${index}`);
    if (resource !== 'silent') await becomeAvailable(client, `<priority>${resource}</priority>`);
    clients.push(client);
  }
  for (const client of clients) await drain(client);
  return [await server.client(ROMEO), clients, told];
}

/** The payload of one `message-delivered`. */
interface Told {
  readonly user: string;
  readonly to: string | undefined;
  readonly sessions: readonly string[];
  readonly taken: StanzaEvent['notes']['taken'];
}

/** Returns a list to which the deliveries to users of capulet.lit are added. */
function deliveries({ server }: TestServer): Told[] {
  const told: Told[] = [];
  server.router.hosts.get('capulet.lit')!.hooks.add(
    'message-delivered',
    ({ event: { stanza, notes }, user, sessions }) => {
      const { to } = stanza.attrs;
      told.push({ user, to, sessions: sessions.map(({ jid }) => `${jid}`), taken: notes.taken });
    },
    'deliver',
    'test',
  );
  return told;
}

/** Reads the presence that the clients have sent each other. */
async function drain(client: ScriptedClient): Promise<void> {
  client.send(`<iq type='get' id='drain' to='capulet.lit'><query xmlns='urn:example:drain'/></iq>`);
  await client.skipUntil((element) => element.attrs.id === 'drain');
}

for (const resources of GATHERINGS) {
  test(`RFC 6121 §8.5: messages for an account with the clients [${resources.join(', ')}]`, async (t) => {
    const [romeo, clients, told] = await gather(t, resources);
    for (const { section, to, type, outcome } of CASES.filter((one) => one.resources === resources)) {
      await t.test(`RFC 6121 ${section}: type "${type}" for the ${to}: ${outcome}`, async () => {
        const address = to === 'bare' ? JULIET : `${JULIET}/tomb`;
        const takers = resources.flatMap((resource, index) =>
          typeof resource === 'number' && resource >= 0 ? [`${JULIET}/${index}`] : [],
        );
        romeo.send(`<message${typed(type)} to='${address}'><body>Hi</body></message>`);
        if (outcome === 'refused') await romeo.receives(refusal(address));
        await settled(romeo);
        for (const [index, client] of clients.entries()) {
          const priority = resources[index];
          if (outcome === 'delivered' && typeof priority === 'number' && priority >= 0) {
            await client.receives(
              `<message${typed(type)} from='${ROMEO}' to='${address}'><body>Hi</body></message>`,
            );
          }
          await settled(client);
        }
        const expected: Told = { user: 'juliet', to: address, sessions: takers, taken: true };
        t.assert.deepEqual(told.splice(0), outcome === 'delivered' ? [expected] : []);
      });
    }
  });
}

test('RFC 6121 §8.5.3.1: only the client with the full JID gets a message to it, whatever its priority', async (t) => {
  const [romeo, clients, told] = await gather(t, [-1, 'silent', 5]);
  for (const type of TYPES) {
    for (const index of [0, 1]) {
      romeo.send(`<message${typed(type)} to='${JULIET}/${index}'><body>Hi</body></message>`);
      await clients[index]!.receives(
        `<message${typed(type)} from='${ROMEO}' to='${JULIET}/${index}'><body>Hi</body></message>`,
      );
      const to = `${JULIET}/${index}`;
      t.assert.deepEqual(told.splice(0), [{ user: 'juliet', to, sessions: [to], taken: true }]);
    }
  }
  await settled(romeo, ...clients);
});

test('RFC 6121 §8.5.1: a message to an unknown account is answered like one to an account without clients', async (t) => {
  const [romeo] = await gather(t, []);
  for (const type of TYPES) {
    for (const resource of ['', '/tomb']) {
      const answers: string[] = [];
      for (const bare of [JULIET, 'nobody@capulet.lit']) {
        const to = `${bare}${resource}`;
        romeo.send(`<message${typed(type)} to='${to}'><body>Hi</body></message>`);
        await ownersLoaded();
        romeo.send(`<iq type='get' id='end' to='montague.lit'><query xmlns='urn:example:end'/></iq>`);
        const first = await romeo.next();
        if (first.attrs.id !== 'end') await romeo.skipUntil((element) => element.attrs.id === 'end');
        answers.push(`${first}`.replaceAll(to, 'them'));
      }
      t.assert.equal(answers[0], answers[1], `${type} to ${resource || 'the account'}`);
    }
  }
});

test("RFC 6120 §10.3.1: a message without an address goes to the sender's own account", async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const balcony = await server.client(`${JULIET}/balcony`);
  await becomeAvailable(balcony);
  balcony.send(`<message><body>To myself</body></message>`);
  await balcony.receives(`<message from='${JULIET}/balcony' to='${JULIET}'><body>To myself</body></message>`);
});

test('a message that no client takes is offered to modules that store messages, for existing accounts', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  await server.account(JULIET);
  const kept: string[] = [];
  const told = deliveries(server);
  server.server.router.hosts.get('capulet.lit')!.hooks.add(
    'message-undeliverable',
    ({ stanza }) => {
      kept.push(`${stanza.attrs.type} ${stanza.attrs.to}`);
      return 'handled';
    },
    'deliver',
    'test',
  );
  const romeo = await server.client(ROMEO);
  for (const to of [JULIET, `${JULIET}/tomb`, 'nobody@capulet.lit']) {
    for (const type of ['normal', 'chat', 'headline', 'groupchat', 'error']) {
      romeo.send(`<message type='${type}' to='${to}'><body>Hi</body></message>`);
    }
  }
  for (let refused = 0; refused < 6; refused++) {
    await romeo.skipUntil((element) => element.attrs.type === 'error');
  }
  await settled(romeo);
  t.assert.deepEqual(kept, [`normal ${JULIET}`, `chat ${JULIET}`, `chat ${JULIET}/tomb`]);
  const without = { user: 'juliet', sessions: [], taken: undefined };
  t.assert.deepEqual(
    told,
    [JULIET, JULIET, `${JULIET}/tomb`].map((to) => ({ ...without, to })),
    'no client has taken them',
  );
});

test('XEP-0203 §4: removes delay stamps in the name of this host that others have added', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const balcony = await server.client(`${JULIET}/balcony`);
  await becomeAvailable(balcony);
  const romeo = await server.client(ROMEO);
  const delay = (from: string) =>
    `<delay xmlns='urn:xmpp:delay' from='${from}' stamp='2002-09-10T23:08:25Z'/>`;
  const forged = `${delay('capulet.lit')}${delay('Capulet.LIT')}`;
  for (const to of [JULIET, `${JULIET}/balcony`]) {
    romeo.send(`<message type='chat' to='${to}'><body>Hi</body>${forged}${delay('montague.lit')}</message>`);
    await balcony.receives(
      `<message type='chat' from='${ROMEO}' to='${to}'><body>Hi</body>${delay('montague.lit')}</message>`,
    );
  }
});

test('a failing handler of `message-delivered` affects neither sender nor recipient', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const balcony = await server.client(`${JULIET}/balcony`);
  await becomeAvailable(balcony);
  const { hooks } = server.server.router.hosts.get('capulet.lit')!;
  hooks.add('message-delivered', () => assert.fail('on purpose'), 'deliver', 'test');
  const told = deliveries(server);
  const romeo = await server.client(ROMEO);
  romeo.send(`<message to='${JULIET}'><body>Hi</body></message>`);
  await balcony.receives(`<message from='${ROMEO}' to='${JULIET}'><body>Hi</body></message>`);
  await settled(romeo);
  assert.equal(told.length, 1);
  assertFaults(server.server.faults, { handler: 1 });
});
