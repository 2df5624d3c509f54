// The stanzas that rooms on another server get when our server stops, or is killed and starts: two runs with one
// database, streams and a real room service. Rows 16 to 18 of the fault matrix: ../ping_muc/matrix/ours.test.ts.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { NetError } from '../../../src/net/errors.ts';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { Network } from '../../support/network.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const ROOM = 'hall@rooms.capulet.lit';
const ROMEO = 'romeo@montague.lit/orchard';
const CAPULET = `[hosts."capulet.lit"]\n[hosts."rooms.capulet.lit"]\ncomponent = "muc"`;

/** One run of romeo's server. It ends when its clock stands still. */
interface Run {
  readonly test: TestServer;
  readonly clock: FakeClock;
  isDead: boolean;
}

class Story {
  readonly net = new Network();
  readonly folder: string;
  readonly #t: TestContext;
  readonly #clock = new FakeClock();
  juliet!: ScriptedClient;

  constructor(t: TestContext, folder: string) {
    this.#t = t;
    this.folder = folder;
  }

  /** The other server, with juliet in its hall. */
  async begin(): Promise<void> {
    const self = (): TestServer => this.net.servers.get('capulet')!;
    const dial = (remote: string) => this.net.dial(self, remote, this.#clock);
    const clock = this.#clock;
    this.#turnAtTheEnd(clock, () => capulet);
    const capulet = await startServer(this.#t, { config: CAPULET, clock, dial });
    this.net.servers.set('capulet', capulet);
    this.juliet = await capulet.client('juliet@capulet.lit/balcony');
    await enter(this.juliet, 'Juliet');
    await unlock(this.juliet, ROOM);
  }

  /** Romeo's server, from what is on disk. */
  async start(options = ''): Promise<Run> {
    const clock = new FakeClock();
    this.#turnAtTheEnd(clock, () => run?.test);
    const config = `storage = "sqlite"\ndata_path = "${this.folder}"\n[hosts."montague.lit"]\n${options}`;
    const dial = (remote: string) => {
      if (run?.isDead !== false)
        return Promise.reject(new NetError('connect-failed', 'nobody is there any more'));
      return this.net.dial(() => run!.test, remote, clock);
    };
    let run: Run | undefined;
    const started = await startServer(this.#t, { config, clock, dial });
    run = { test: started, clock, isDead: false };
    this.net.servers.set('montague', started);
    return run;
  }

  /** Kills the run: its memory is lost, its database stays. */
  async kill(run: Run): Promise<void> {
    await this.pass(run, 1_000);
    run.isDead = true;
    this.net.cut('montague.lit', 'rooms.capulet.lit');
    await this.#clock.advance(10_000);
  }

  async pass(run: Run, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      await run.clock.advance(500);
      await this.#clock.advance(500);
      await run.test.server.router.work.idle();
    }
  }

  /** Advances the clock at the end, so that streams do not wait for the closing tags of their peers. */
  #turnAtTheEnd(clock: FakeClock, started: () => TestServer | undefined): void {
    const turn = async (): Promise<void> => {
      for (let passed = 0; passed < 60_000; passed += 1_000) {
        await started()?.server.router.work.idle();
        await clock.advance(1_000);
      }
    };
    this.#t.after(() => void turn().catch(() => {}));
  }

  /** The sessions on disk, with their rooms. */
  get records(): string[] {
    const database = new Database(join(this.folder, 'enjamb.sqlite'), { readonly: true });
    const rows = database
      .prepare(
        `SELECT owner || '/' || key || ' ' || value AS text FROM map JOIN store ON store.id = store WHERE name = 'muc_joins'`,
      )
      .all() as { text: string }[];
    database.close();
    return rows.map(({ text }) => text);
  }
}

async function story(t: TestContext): Promise<Story> {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-restart-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const made = new Story(t, folder);
  await made.begin();
  return made;
}

async function enter(client: ScriptedClient, nick: string, room = ROOM): Promise<void> {
  client.send(`<presence to='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await client.skipUntil((element) => element.getChild('subject') !== undefined);
}

/** XEP-0045 §10.1.2: an instant room. */
async function unlock(client: ScriptedClient, room: string): Promise<void> {
  client.send(
    `<iq type='set' id='u' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  await client.skipUntil(({ attrs }) => attrs.id === 'u');
}

function isLeave({ name, attrs }: Element): boolean {
  return name === 'presence' && attrs.type === 'unavailable' && attrs.from === `${ROOM}/Romeo`;
}

test('stores one row per session, with room, nick and time of each join', async (t) => {
  const made = await story(t);
  const run = await made.start();
  const romeo = await run.test.client(ROMEO);
  await enter(romeo, 'Romeo');
  await made.pass(run, 1_000);
  assert.deepEqual(made.records, [`romeo/orchard [["${ROOM}","Romeo",${Date.UTC(2026, 0, 1) / 1_000}]]`]);
  romeo.send(`<presence to='${ROOM}/Montague'/>`);
  await romeo.skipUntil(({ attrs }) => attrs.from === `${ROOM}/Montague`);
  await made.pass(run, 1_000);
  assert.match(made.records.join(), /Montague/);
  romeo.send(`<presence type='unavailable' to='${ROOM}/Montague'/>`);
  await romeo.skipUntil(({ attrs }) => attrs.type === 'unavailable' && attrs.from === `${ROOM}/Montague`);
  await made.pass(run, 1_000);
  assert.deepEqual(made.records, []);
});

test('stores no passwords', async (t) => {
  const made = await story(t);
  const run = await made.start();
  const romeo = await run.test.client(ROMEO);
  romeo.send(
    `<presence to='${ROOM}/Romeo'><x xmlns='http://jabber.org/protocol/muc'><password>wherefore</password></x></presence>`,
  );
  await romeo.skipUntil((element) => element.getChild('subject') !== undefined);
  await made.pass(run, 1_000);
  assert.equal(made.records.length, 1);
  assert.doesNotMatch(made.records.join(), /wherefore/);
});

test('track_muc_persist = false: stores nothing, and deletes existing rows', async (t) => {
  const made = await story(t);
  const run = await made.start();
  await enter(await run.test.client(ROMEO), 'Romeo');
  await made.kill(run);
  assert.equal(made.records.length, 1);
  const next = await made.start('track_muc_persist = false');
  const romeo = await next.test.client(ROMEO);
  await enter(romeo, 'Romeo');
  await made.pass(next, 2_000);
  assert.deepEqual(made.records, []);
});

/** Removes and returns the received stanzas. */
async function catchUp(client: ScriptedClient): Promise<void> {
  client.send(`<iq type='get' id='now' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await client.skipUntil(({ attrs }) => attrs.id === 'now');
}

test('track_muc_persist = false: sends no leaves for rows of an earlier run', async (t) => {
  const made = await story(t);
  const run = await made.start();
  await enter(await run.test.client(ROMEO), 'Romeo');
  await made.kill(run);
  await catchUp(made.juliet);
  const next = await made.start('track_muc_persist = false');
  await made.pass(next, 30_000);
  await made.juliet.receivesNothing();
});

test('connected clients keep their joins when the module is unloaded and loaded again', async (t) => {
  const made = await story(t);
  const run = await made.start();
  const romeo = await run.test.client(ROMEO);
  await enter(romeo, 'Romeo');
  await made.pass(run, 1_000);
  await catchUp(made.juliet);
  const { commands } = run.test.server;
  for (const name of ['muc_autorejoin', 'ping_muc', 'track_muc_joins'])
    await commands.run('module unload', { name }, { by: 'test' });
  await commands.run('module load', { name: 'track_muc_joins' }, { by: 'test' });
  await made.pass(run, 30_000);
  await made.juliet.receivesNothing();
});

test('a clean stop sends all leaves, and leaves no rows', async (t) => {
  const made = await story(t);
  const run = await made.start();
  await enter(await run.test.client(ROMEO), 'Romeo');
  await made.pass(run, 1_000);
  assert.equal(made.records.length, 1);
  await run.test.server.stop();
  await made.juliet.skipUntil(isLeave);
  assert.deepEqual(made.records, []);
});

test("killed: a client joins again after its leave was sent, stays in, and does not get the leave's answer", async (t) => {
  const made = await story(t);
  const run = await made.start();
  await enter(await run.test.client(ROMEO), 'Romeo');
  await made.kill(run);
  const next = await made.start();
  const romeo = await next.test.client(ROMEO);
  await made.pass(next, 10_000);
  await made.juliet.skipUntil(isLeave);
  await romeo.receivesNothing();
  await enter(romeo, 'Romeo');
  await made.pass(next, 60_000);
  await romeo.receivesNothing();
  assert.equal(made.records.length, 1);
});

test('after kill -9, no client is joined again, not even in silent mode', async (t) => {
  const made = await story(t);
  const silent = 'muc_autorejoin = "silent"';
  const run = await made.start(silent);
  await enter(await run.test.client(ROMEO), 'Romeo');
  await catchUp(made.juliet);
  await made.kill(run);
  const next = await made.start(silent);
  await made.pass(next, 120_000);
  assert.ok(isLeave(await made.juliet.next()));
  await made.juliet.receivesNothing();
  const { rows } = await next.test.server.commands.run('joins', {}, { by: 'test' });
  assert.deepEqual(rows, []);
});

test('killed while the other server was down: sends the leave when it is reachable', async (t) => {
  const made = await story(t);
  const run = await made.start();
  await enter(await run.test.client(ROMEO), 'Romeo');
  await made.kill(run);
  made.net.unreachable.add('rooms.capulet.lit');
  const next = await made.start();
  await made.pass(next, 120_000);
  assert.equal(made.records.length, 1);
  made.net.unreachable.delete('rooms.capulet.lit');
  await made.pass(next, 400_000);
  await made.juliet.skipUntil(isLeave);
  assert.deepEqual(made.records, []);
});

test('killed twice: the second run still owes the leaves of the first', async (t) => {
  const made = await story(t);
  const run = await made.start();
  await enter(await run.test.client(ROMEO), 'Romeo');
  await made.kill(run);
  made.net.unreachable.add('rooms.capulet.lit');
  const second = await made.start();
  await made.kill(second);
  made.net.unreachable.delete('rooms.capulet.lit');
  await made.pass(await made.start(), 10_000);
  await made.juliet.skipUntil(isLeave);
});

test('rooms of this server end with it: rows for them are deleted, and a client may join again', async (t) => {
  const made = await story(t);
  const component = `[hosts."rooms.montague.lit"]\ncomponent = "muc"`;
  const square = 'square@rooms.montague.lit';
  const run = await made.start(component);
  const [romeo, benvolio] = [await run.test.client(ROMEO), await run.test.client('benvolio@montague.lit/x')];
  await enter(romeo, 'Romeo', square);
  await unlock(romeo, square);
  await enter(benvolio, 'Benvolio', square);
  await made.kill(run);
  assert.equal(made.records.length, 2);
  const next = await made.start(component);
  const again = await next.test.client(ROMEO);
  await enter(again, 'Romeo', square);
  await unlock(again, square);
  await made.pass(next, 12 * 60_000);
  await again.receivesNothing();
  assert.deepEqual(
    made.records.map((text) => text.split(' ')[0]),
    ['romeo/orchard'],
  );
});
