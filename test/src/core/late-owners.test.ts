// Owners who are not in memory when a stanza, a client or a module needs them.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { StorageError } from '../../../src/storage/error.ts';
import { openStorage } from '../../../src/storage/index.ts';
import type { OwnerLoader, StorageDriver, Table } from '../../../src/storage/stores.ts';
import { FakeClock } from '../../support/clock.ts';
import { late } from '../../support/late-storage.ts';
import { assertFaults, startServer, type TestServer } from '../../support/server.ts';

const HOST = 'montague.lit';

interface Late {
  readonly server: TestServer;
  readonly table: Table<string>;
  /** What `romeo` is told when something reads the row of `owner`. */
  read(owner: string): string | undefined;
}

async function start(
  t: TestContext,
  change = (driver: StorageDriver) => driver,
  clock?: FakeClock,
): Promise<Late> {
  const server = await startServer(t, {
    config: `modules_enabled = []\n[hosts."${HOST}"]`,
    openStorage: async (options) => change(late(await openStorage(options))),
    ...(clock ? { clock } : {}),
  });
  const { stores } = server.server.router.hosts.get(HOST)!;
  await stores.keyval('notes').set('juliet', 'hers');
  const table = await stores.table<string>('notes');
  return { server, table, read: (owner) => table.get(owner) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a table throws for an owner who is not in memory, and writes nothing', async (t) => {
  const { server, table } = await start(t);
  const { stores } = server.server.router.hosts.get(HOST)!;
  const notLoaded = { name: 'StorageError', condition: 'not-loaded', message: /"juliet" is not in memory/ };
  assert.throws(() => table.get('juliet'), notLoaded);
  await assert.rejects(table.set('juliet', 'empty'), notLoaded);
  await assert.rejects(table.delete('juliet'), notLoaded);
  assert.equal(await stores.keyval('notes').get('juliet'), 'hers');
  const ready = stores.ready('juliet');
  assert.ok(ready instanceof Promise);
  await ready;
  assert.equal(stores.ready('juliet'), true);
  assert.equal(table.get('juliet'), 'hers');
  await turn();
  await turn();
  assert.throws(() => table.get('juliet'), notLoaded);
});

test('an owner stays in memory while held, and while it is being written', async (t) => {
  const { server, table } = await start(t, slow);
  const { stores } = server.server.router.hosts.get(HOST)!;
  const release = stores.hold('juliet');
  await stores.ready('juliet');
  for (let n = 0; n < 3; n++) await turn();
  assert.equal(table.get('juliet'), 'hers');
  const written = table.set('juliet', 'new');
  release?.();
  await written;
  assert.equal(table.get('juliet'), 'new');
  for (let n = 0; n < 3; n++) await turn();
  assert.deepEqual([...table.keys()], []);
});

test('a table that is opened later has the owners who are in memory', async (t) => {
  const { server } = await start(t);
  const { stores } = server.server.router.hosts.get(HOST)!;
  await stores.keyval('later').set('juliet', 1);
  const release = stores.hold('juliet');
  await stores.ready('juliet');
  assert.equal((await stores.table('later')).get('juliet'), 1);
  release?.();
});

test('stanzas to an owner who is not in memory arrive in order, with the owner there', async (t) => {
  const { server, read } = await start(t);
  const { hooks } = server.server.router.hosts.get(HOST)!;
  const seen: string[] = [];
  const note = ({
    stanza,
    to,
  }: {
    stanza: { attrs: { id?: string } };
    to: { local: string | undefined };
  }) => {
    seen.push(`${stanza.attrs.id} ${read(to.local ?? '')}`);
    return 'handled' as const;
  };
  hooks.add('message/bare', note, 'deliver', 'test');
  const romeo = await server.client(`romeo@${HOST}/orchard`);
  for (let id = 1; id <= 3; id++) romeo.send(`<message to='juliet@${HOST}' id='${id}'/>`);
  await romeo.receivesNothing();
  await server.server.router.work.idle();
  assert.deepEqual(seen, ['1 hers', '2 hers', '3 hers']);
});

test('sender and recipient stay in memory while the work of a stanza lasts', async (t) => {
  const { server, read } = await start(t);
  const { hooks } = server.server.router.hosts.get(HOST)!;
  let value: string | undefined;
  hooks.add(
    'message/bare',
    (event) => {
      const work = async () => {
        for (let n = 0; n < 5; n++) await turn();
        value = read('juliet');
      };
      event.waitUntil(work());
      return 'handled';
    },
    'deliver',
    'test',
  );
  const romeo = await server.client(`romeo@${HOST}/orchard`);
  romeo.send(`<message to='juliet@${HOST}'/>`);
  await romeo.receivesNothing();
  await server.server.router.work.idle();
  assert.equal(value, 'hers');
});

test('a client is bound once its user is in memory, and keeps it there', async (t) => {
  const { server, read } = await start(t);
  const { hooks } = server.server.router.hosts.get(HOST)!;
  const seen: unknown[] = [];
  const note = ({ session }: { session: { jid: { local: string | undefined } } }) =>
    void seen.push(read(session.jid.local ?? ''));
  hooks.add('resource-bind', note, 'deliver', 'test');
  hooks.add('resource-unbind', note, 'deliver', 'test');
  const juliet = await server.client(`juliet@${HOST}/balcony`);
  for (let n = 0; n < 3; n++) await turn();
  juliet.send('</stream:stream>');
  await juliet.closed();
  assert.deepEqual(seen, ['hers', 'hers']);
});

test('when an owner cannot be loaded, the sender and the binding client may try again', async (t) => {
  const clock = new FakeClock();
  const broken = new Set(['juliet']);
  const { server } = await start(
    t,
    (driver) => ({ ...driver, ownerLoader: (host) => failing(driver, host, broken) }),
    clock,
  );
  const refusal = (kind: string, from: string, to: string) =>
    `<${kind} type='error'${from}${to}><error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Try again later</text></error></${kind}>`;
  const romeo = await server.client(`romeo@${HOST}/orchard`);
  romeo.send(`<message to='juliet@${HOST}'/>`);
  await romeo.skipUntil(refusal('message', ` from='juliet@${HOST}'`, ` to='${romeo.jid}'`));
  await server.account(`juliet@${HOST}`);
  const juliet = server.connect();
  await juliet.authenticate(`juliet@${HOST}`);
  const bind = `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>`;
  juliet.send(bind);
  await juliet.receives(refusal('iq', '', ''));
  broken.clear();
  juliet.send(bind);
  await juliet.receives(
    `<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@${HOST}/balcony</jid></bind></iq>`,
  );
  assertFaults(server.server.faults, { storage: 2 });
});

/** The same driver, whose keyval stores take some turns for a write. */
function slow(driver: StorageDriver): StorageDriver {
  const keyval: StorageDriver['keyval'] = (...name) => {
    const store = driver.keyval(...name);
    const set: typeof store.set = async (owner, value) => {
      for (let n = 0; n < 5; n++) await turn();
      await store.set(owner, value);
    };
    return {
      set,
      get: (owner) => store.get(owner),
      delete: (owner) => store.delete(owner),
      change: (owner, edit) => store.change(owner, edit),
      owners: () => store.owners(),
      entries: () => store.entries(),
    };
  };
  return { ...driver, keyval };
}

function failing(driver: StorageDriver, host: string, broken: ReadonlySet<string>): OwnerLoader {
  const owners = driver.ownerLoader!(host);
  return {
    ready: (owner) =>
      broken.has(owner)
        ? Promise.reject(new StorageError('failed', 'disk', { driver: 'late' }))
        : owners.ready(owner),
    hold: (owner) => owners.hold(owner),
    add: (rows) => owners.add(rows),
  };
}
