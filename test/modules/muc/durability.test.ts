// Changes of persistent rooms: applied after their write, or not at all.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { saveDraft } from '../../../modules/muc/engine/store.ts';
import type { Room } from '../../../modules/muc/model/room.ts';
import type { StoredRoom } from '../../../modules/muc/model/row.ts';
import { MemoryStorage } from '../../../src/storage/drivers/memory.ts';
import type { KeyvalStore } from '../../../src/storage/stores.ts';
import { SerialQueue } from '../../../src/util/serial-queue.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { parseXml } from '../../support/match.ts';
import { assertFaults } from '../../support/server.ts';
import { ADMIN, form, HALL, joined, MUC, OWNER, roomServer, roomWith, settled, userOf } from './rooms.ts';

const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const KEPT = { 'muc#roomconfig_persistentroom': '1' };
const NOT_STORED = `
  <error type='wait' by='${HALL}'>
    <internal-server-error xmlns='${STANZAS}'/>
    <text xmlns='${STANZAS}' xml:lang='en'
      >The room cannot be stored now, so nothing was changed. Try again later.</text>
  </error>`;

async function onDisk(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-muc-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const start = (options = '') =>
    roomServer(t, options, { top: `storage = "sqlite"\ndata_path = "${folder}"` });
  const server = await start();
  const db = new Database(join(folder, 'enjamb.sqlite'));
  t.after(() => db.close());
  return {
    start,
    server,
    romeo: await server.client('romeo@localhost/orchard'),
    /** The room's row on disk. */
    row(): StoredRoom | undefined {
      const found = db.prepare(`SELECT value FROM keyval WHERE owner = 'hall'`).get() as { value: string };
      return found && JSON.parse(found.value);
    },
    /** Makes all writes of rooms fail. */
    breakDisk() {
      for (const event of ['INSERT', 'UPDATE', 'DELETE']) {
        db.exec(`CREATE TRIGGER broken_${event} BEFORE ${event} ON keyval
          BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
      }
    },
    mendDisk() {
      for (const event of ['INSERT', 'UPDATE', 'DELETE']) db.exec(`DROP TRIGGER broken_${event}`);
    },
    /** Counts the writes of rows. */
    countWrites(): () => number {
      db.exec(`CREATE TABLE written (owner TEXT);
        CREATE TRIGGER inserted AFTER INSERT ON keyval BEGIN INSERT INTO written VALUES (NEW.owner); END;
        CREATE TRIGGER updated AFTER UPDATE ON keyval BEGIN INSERT INTO written VALUES (NEW.owner); END`);
      return () => (db.prepare('SELECT count(*) AS n FROM written').get() as { n: number }).n;
    },
  };
}

/** Sends a change and returns its answer. */
async function asks(client: ScriptedClient, query: string): Promise<string> {
  client.send(`<iq type='set' id='change' to='${HALL}'>${query}</iq>`);
  return String(await client.skipUntil((element) => element.attrs.id === 'change'));
}

const admin = (items: string) => `<query xmlns='${ADMIN}'>${items}</query>`;
const owner = (inside: string) => `<query xmlns='${OWNER}'>${inside}</query>`;

test('a change of a persistent room is on disk before its result is sent', async (t) => {
  const { romeo, row } = await onDisk(t);
  await roomWith(romeo, 'Romeo', KEPT);
  assert.deepEqual(Object.keys(row()?.standings ?? {}), ['romeo@localhost']);
  assert.match(await asks(romeo, admin(`<item jid='troll@x.test' affiliation='outcast'/>`)), /type='result'/);
  assert.equal(row()?.standings['troll@x.test']?.affiliation, 'outcast');
  assert.match(await asks(romeo, owner(form({ 'muc#roomconfig_roomname': 'Hall' }))), /type='result'/);
  assert.equal(row()?.config.name, 'Hall');
  assert.match(await asks(romeo, owner('<destroy/>')), /type='result'/);
  assert.equal(row(), undefined);
});

for (const [what, query] of [
  ['a ban', admin(`<item jid='juliet@localhost' affiliation='outcast'/>`)],
  ['a configuration', owner(form({ 'muc#roomconfig_roomname': 'Tomb', 'muc#roomconfig_membersonly': '1' }))],
  ['the end of the room', owner('<destroy/>')],
] as const) {
  test(`refuses ${what} that cannot be written, and changes nothing`, async (t) => {
    const { start, server, romeo, row, breakDisk, mendDisk } = await onDisk(t);
    const juliet = await server.client('juliet@localhost/balcony');
    await roomWith(romeo, 'Romeo', KEPT);
    await joined(juliet, 'Juliet');
    await settled(romeo);
    const before = row();
    breakDisk();
    romeo.send(`<iq type='set' id='change' to='${HALL}'>${query}</iq>`);
    await romeo.receives(`<iq type='error' id='change' from='${HALL}' to='${romeo.jid}'>${NOT_STORED}</iq>`);
    await juliet.receivesNothing();
    await romeo.receivesNothing();
    mendDisk();
    assert.deepEqual(row(), before);
    await server.server.stop();

    const second = await start();
    const again = await second.client('juliet@localhost/balcony');
    const self = (await joined(again, 'Juliet')).find(({ attrs }) => attrs.from === `${HALL}/Juliet`);
    assert.deepEqual(userOf(self!).codes, ['110'], 'she enters an existing room');
  });
}

test('a change that was refused because of the disk may be requested again', async (t) => {
  const { romeo, breakDisk, mendDisk } = await onDisk(t);
  await roomWith(romeo, 'Romeo', KEPT);
  const ban = admin(`<item jid='troll@x.test' affiliation='outcast'/>`);
  breakDisk();
  assert.match(await asks(romeo, ban), /internal-server-error/);
  mendDisk();
  assert.match(await asks(romeo, ban), /type='result'/);
});

test('a room stays temporary if it cannot be stored as persistent', async (t) => {
  const { server, romeo, breakDisk } = await onDisk(t);
  const juliet = await server.client('juliet@localhost/balcony');
  await joined(romeo, 'Romeo');
  breakDisk();
  assert.match(await asks(romeo, owner(form(KEPT))), /internal-server-error/);
  juliet.send(`<presence to='${HALL}/Juliet'><x xmlns='${MUC}'/></presence>`);
  assert.match(String(await juliet.next()), /item-not-found/, 'it is still locked');
});

test('many changes of one room share a few writes, and are answered in order', async (t) => {
  const { romeo, row, countWrites } = await onDisk(t);
  await roomWith(romeo, 'Romeo', KEPT);
  const written = countWrites();
  const people = Array.from({ length: 300 }, (_, n) => `member${n}@x.test`);
  const sets = people.map(
    (jid) =>
      `<iq type='set' id='${jid}' to='${HALL}'>${admin(`<item jid='${jid}' affiliation='member'/>`)}</iq>`,
  );
  romeo.send(sets.join(''));
  for (const jid of people) {
    await romeo.receives(`<iq type='result' id='${jid}' from='${HALL}' to='${romeo.jid}'/>`);
  }
  assert.equal(Object.keys(row()?.standings ?? {}).length, 301);
  // A slow machine reads fewer of them in one tick.
  assert.ok(written() <= 100, `${written()} writes`);
});

test('at most 1,000 changes of one room wait; the next one is refused', async (t) => {
  const { server, romeo, row } = await onDisk(t);
  const { router } = server.server;
  await roomWith(romeo, 'Romeo', KEPT);
  const set = (n: number) =>
    parseXml(
      `<iq type='set' id='${n}' from='${romeo.jid}' to='${HALL}'>${admin(`<item jid='m${n}@x.test' affiliation='member'/>`)}</iq>`,
    );
  // In one tick, like changes of many sessions.
  for (let n = 0; n < 1_001; n++) router.route(set(n), router.hosts.get('localhost')!.origin);
  const refused = await romeo.next();
  assert.deepEqual([refused.attrs.id, refused.attrs.type], ['1000', 'error']);
  assert.match(String(refused), /<resource-constraint/);
  for (let n = 0; n < 1_000; n++) assert.equal((await romeo.next()).attrs.type, 'result');
  assert.equal(Object.keys(row()?.standings ?? {}).length, 1_001);
});

test('changes that share a write are checked against each other', async (t) => {
  const { romeo, row } = await onDisk(t);
  await roomWith(romeo, 'Romeo', KEPT);
  const set = (id: string, item: string) => `<iq type='set' id='${id}' to='${HALL}'>${admin(item)}</iq>`;
  romeo.send(
    set('1', `<item jid='juliet@localhost' affiliation='owner' nick='Star'/>`) +
      set('2', `<item jid='nurse@localhost' affiliation='member' nick='Star'/>`) +
      set('3', `<item jid='romeo@localhost' affiliation='none'/>`) +
      set('4', `<item jid='nurse@localhost' affiliation='admin'/>`),
  );
  const answers = [];
  for (let n = 0; n < 4; n++) {
    const { attrs } = await romeo.skipUntil(({ name }) => name === 'iq');
    answers.push(`${attrs.id} ${attrs.type}`);
  }
  assert.deepEqual(answers.sort(), ['1 result', '2 error', '3 result', '4 error']);
  assert.deepEqual(row()?.standings, { 'juliet@localhost': { affiliation: 'owner', nick: 'Star' } });
});

test('an invitation that makes a member is sent after the write', async (t) => {
  const { server, romeo, row, breakDisk, mendDisk } = await onDisk(t);
  const juliet = await server.client('juliet@localhost/balcony');
  juliet.send('<presence/>');
  await settled(juliet);
  await roomWith(romeo, 'Romeo', { ...KEPT, 'muc#roomconfig_membersonly': '1' });
  const invite = `<message to='${HALL}' id='i'><x xmlns='${MUC}#user'><invite to='juliet@localhost'/></x></message>`;
  breakDisk();
  romeo.send(invite);
  await romeo.receives(
    `<message type='error' id='i' from='${HALL}' to='${romeo.jid}'>${NOT_STORED}</message>`,
  );
  await juliet.receivesNothing();
  mendDisk();
  romeo.send(invite);
  const invitation = await juliet.next();
  assert.ok(invitation.getChild('x', `${MUC}#user`)?.getChild('invite'), String(invitation));
  assert.equal(row()?.standings['juliet@localhost']?.affiliation, 'member');
});

test('a reload of the module waits for pending changes', async (t) => {
  const { server, romeo, row } = await onDisk(t);
  await roomWith(romeo, 'Romeo', KEPT);
  romeo.send(
    `<iq type='set' id='change' to='${HALL}'>${admin(`<item jid='a@x.test' affiliation='member'/>`)}</iq>`,
  );
  await server.server.commands.run('module reload', { name: 'muc' }, { by: 'test' });
  await romeo.skipUntil(`<iq type='result' id='change' from='${HALL}' to='${romeo.jid}'/>`);
  assert.ok(row()?.standings['a@x.test']);
});

test('large rows are written one at a time, small ones in parallel', async () => {
  const queue = new SerialQueue();
  let underWay = 0;
  let most = 0;
  const rows = new MemoryStorage().keyval('rooms.localhost', 'muc_rooms') as KeyvalStore<StoredRoom>;
  const store: KeyvalStore<StoredRoom> = {
    get: (name) => rows.get(name),
    delete: (name) => rows.delete(name),
    owners: () => rows.owners(),
    entries: () => rows.entries(),
    change: (name, edit) => rows.change(name, edit),
    async set(name, row) {
      most = Math.max(most, ++underWay);
      await rows.set(name, row);
      underWay--;
    },
  };
  const module = { serial: <T>(key: string, task: () => Promise<T>) => queue.run(key, task) };
  const save = async (affiliationBytes: number) => {
    most = 0;
    const config = { persistent: true } as Room['config'];
    const room = { config, affiliations: new Map(), secret: 's', affiliationBytes } as unknown as Room;
    const names = Array.from({ length: 10 }, (_, n) => `room${n}`);
    await Promise.all(names.map((name) => saveDraft({ module, store, stored: new Set() }, name, room)));
    return most;
  };
  assert.equal(await save(1_000), 10);
  assert.equal(await save(1_000_000), 1);
});

test('rooms create fails and creates nothing if the room cannot be stored', async (t) => {
  const { server, romeo, breakDisk, mendDisk } = await onDisk(t);
  const create = () =>
    server.server.commands.run('rooms create', { room: HALL, owner: 'romeo@localhost' }, { by: 'test' });
  breakDisk();
  await assert.rejects(create(), /cannot be stored/);
  assertFaults(server.server.faults, { storage: 1 });
  mendDisk();
  await create();
  assert.deepEqual(userOf((await joined(romeo, 'Romeo'))[0]!).codes, ['110']);
});
