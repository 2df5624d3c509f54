// XEP-0198 §4: what `h` says of messages that are archived, and what their senders hear.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { reloadModule } from '../../support/contacts.ts';
import { FailingStorage } from '../../support/failing-storage.ts';
import { assertFaults, type ErrorLog } from '../../support/server.ts';
import { arrives, BALCONY, BODY, done, JULIET, ORCHARD, ROMEO, rowsOf, type Stage, stage } from './stage.ts';

const SM = 'urn:xmpp:sm:3';
const TEXT = `<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>`;
const error = (condition: string, text = '', to = ORCHARD, id = 'm') => `
  <message type='error' id='${id}' from='${JULIET}' to='${to}'>
    <error type='wait'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>${text}</error>
  </message>`;

interface Broken extends Stage {
  readonly storage: FailingStorage;
}

async function broken(t: TestContext): Promise<Broken> {
  const storage = new FailingStorage();
  return { storage, ...(await stage(t, { openStorage: storage.openStorage })) };
}

async function counts(client: ScriptedClient): Promise<number> {
  client.send(`<r xmlns='${SM}'/>`);
  return Number((await client.next()).attrs.h);
}

test('H5: a stanza counts when every row that it caused is committed, in order', async (t) => {
  const there = await broken(t);
  there.romeo.send(`<enable xmlns='${SM}'/>`);
  await there.romeo.next();
  const resume = there.storage.slow();
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await there.juliet.next(); // The delivery does not wait.
  there.romeo.send(`<iq type='get' id='i' to='montague.lit'><query xmlns='urn:example:x'/></iq>`);
  await there.romeo.next();
  assert.equal(await counts(there.romeo), 0);
  resume();
  await there.romeo.receives(`<a xmlns='${SM}' h='2'/>`);
  assert.equal((await rowsOf(there, ROMEO)).length, 1);
});

test('H6: if the commit fails and a client has the message, it counts, without an error, with one line of the log', async (t) => {
  const there = await broken(t);
  there.romeo.send(`<enable xmlns='${SM}'/>`);
  await there.romeo.next();
  there.storage.failure = 'full';
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await there.juliet.next();
  await there.server.server.router.work.idle();
  assert.equal(await counts(there.romeo), 1);
  await there.romeo.receivesNothing();
  assert.deepEqual([await rowsOf(there, ROMEO), await rowsOf(there, JULIET)], [[], []]);
  assert.equal((there.server.server.log as ErrorLog).errors.length, 1);
  assert.equal(lost(there), 2);
  assertFaults(there.server.server.faults, { storage: 1 });
});

for (const [failure, condition, text] of [
  ['full', 'resource-constraint', TEXT],
  ['resource-constraint', 'resource-constraint', TEXT],
  ['damaged', 'internal-server-error', ''],
] as const) {
  test(`H7: if the commit fails (${failure}) and nobody has the message, its sender gets ${condition}, then it counts`, async (t) => {
    const there = await broken(t);
    there.romeo.send(`<enable xmlns='${SM}'/>`);
    await there.romeo.next();
    there.storage.failure = failure;
    there.romeo.send(`<message type='chat' id='m' to='${JULIET}'>${BODY}</message>`);
    await there.romeo.receives(error(condition, text));
    assert.equal(await counts(there.romeo), 1);
    there.storage.failure = undefined;
    there.romeo.send(`<message type='chat' to='${JULIET}'>${BODY}</message>`);
    await done(there, there.romeo);
    assert.equal((await rowsOf(there, JULIET)).length, 1);
    assertFaults(there.server.server.faults, { storage: 1 });
  });
}

test('H7: a refused message gets one error, whatever happens to the row of its sender', async (t) => {
  const there = await broken(t);
  there.storage.failure = 'full';
  there.romeo.send(`<message id='m' to='nobody@capulet.lit'>${BODY}</message>`);
  assert.equal((await there.romeo.next()).attrs.type, 'error');
  await there.server.server.router.work.idle();
  await there.romeo.receivesNothing();
  assertFaults(there.server.server.faults, { storage: 1 });
});

test('H7: errors are not answered with errors', async (t) => {
  const there = await broken(t);
  there.storage.failure = 'full';
  await arrives(
    there,
    `<message type='error' from='${ORCHARD}' to='${JULIET}/tomb'><error type='cancel'/></message>`,
  );
  await there.romeo.receivesNothing();
  assertFaults(there.server.server.faults, { storage: 1 });
});

test('H7: also while the module is reloaded', async (t) => {
  const there = await broken(t);
  there.storage.failure = 'full';
  there.romeo.send(`<message type='chat' id='m' to='${JULIET}'>${BODY}</message>`);
  await reloadModule(there.server, 'mam');
  await there.romeo.receives(error('resource-constraint', TEXT));
  assertFaults(there.server.server.faults, { storage: 1 });
});

test('H9: the sender on another server gets the same error', async (t) => {
  const there = await broken(t);
  there.storage.failure = 'full';
  // Its host is here, so that the answer can be seen; its stanza comes as from elsewhere.
  await arrives(there, `<message type='chat' id='m' from='${ORCHARD}' to='${JULIET}'>${BODY}</message>`);
  await there.romeo.receives(error('resource-constraint', TEXT));
  assertFaults(there.server.server.faults, { storage: 1 });
});

test('archive_rows counts the rows of both archives', async (t) => {
  const there = await broken(t);
  there.romeo.send(`<message type='chat' to='${JULIET}'>${BODY}</message>`);
  there.romeo.send(`<message type='chat' to='capulet.lit'>${BODY}</message>`);
  await done(there, there.romeo);
  assert.equal(sum(there, 'archive_rows'), 3);
  assert.equal(lost(there), 0);
});

const lost = (there: Stage) => sum(there, 'archive_lost');

function sum({ server: { server } }: Stage, name: string): number {
  const samples = server.metrics.samples().filter((sample) => sample.name.includes(name));
  return samples.reduce((all, { value }) => all + value, 0);
}
