// The server is killed again and again under load from real clients.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { makeDevelopmentCertificates } from '../../src/net/dev-certificates.ts';
import { archived, inDatabase } from '../storage/archived.ts';
import { atEnd, temporaryFolder } from '../support/clean-up.ts';
import { parseXml } from '../support/match.ts';
import { randomFrom } from '../support/random.ts';
import { ENJAMB, HOME } from './support/addresses.ts';
import { Enjamb } from './support/enjamb.ts';
import { until } from './support/waiting.ts';
import { PASSWORD } from './support/world.ts';
import { type Got, nameOf, Talker, type TalkerOptions } from './support-archive/talker.ts';

/** `KILLS=50 npm run test:interop -- test/interop/archive-crash.test.ts` is the long form. */
const FULL = 50;
const KILLS = Number(process.env.KILLS ?? 8);
const SAY_MS = 40;
/** Few enough that a client that comes back sends less than the 200 messages that are compared (M11). */
const MOST_PENDING = 60;
/** The server runs that long, now and then longer than the pause between two marks of what was delivered. */
const SHORT_MS = 1_200;
const LONG_MS = 9_000;
const LONG_EVERY = 10;
/** Two kills of five come while clients are still coming back. */
const EARLY = 0.4;
/** One run of four has a break of a connection, after which the session is resumed. */
const BREAK = 0.25;
const RESUMED_MS = 1_500;
/** O9: five seconds between two marks; a second of margin; what a client and this machine take to acknowledge. */
const TWICE_MS = 5_000 + 1_000 + 3_000;
const SETTLE_MS = 90_000;

const [ROMEO, JULIET] = [`romeo@${HOME}`, `juliet@${HOME}`];
const [MERCUTIO, BENVOLIO, PARIS] = [`mercutio@${HOME}`, `benvolio@${HOME}`, `paris@${HOME}`];

test(`O9, M11: over ${KILLS} kill -9 each acknowledged message is once in both archives, no id serves twice, clients lose nothing`, {
  timeout: 590_000,
}, async (t) => {
  const there = await scene(t);
  const kills = await killOftenWhileTalking(t, there);
  await settle(there);
  const histories = await readArchives(t, there);
  await there.enjamb.stop();
  assertOnceInArchives(there, histories);
  assertIdsUnique(there, histories);
  assertNothingLost(there);
  assertLittleTwice(there, kills);
  const resumptions = [...there.senders, ...there.receivers].map((each) => each.resumptions);
  if (KILLS >= FULL) assert.ok(Math.max(...resumptions) > 0, 'sessions were resumed, too');
});

interface Scene {
  readonly enjamb: Enjamb;
  readonly folder: string;
  readonly options: Pick<TalkerOptions, 'folder' | 'caPath' | 'password' | 'host' | 'port'>;
  readonly senders: readonly Talker[];
  readonly receivers: readonly Talker[];
}

async function scene(t: TestContext): Promise<Scene> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { caPath } = await makeDevelopmentCertificates(certificates, [HOME]);
  const dns = '127.0.0.1:1'; // Everybody is at home.
  // The address has more logins than any user would make.
  const config = ['limits = false', 'offline_max_messages = 100_000'];
  const enjamb = await Enjamb.start(t, { folder: join(folder, 'enjamb'), certificates, dns, config });
  const options = { folder, caPath, password: PASSWORD, host: ENJAMB.address, port: ENJAMB.c2s };
  const talker = async (bare: string, more: Pick<TalkerOptions, 'library' | 'archive' | 'resumes'>) => {
    await enjamb.addUser(bare, PASSWORD);
    return new Talker(t, { ...options, jid: `${bare}/orchard`, ...more });
  };
  const senders = [
    await talker(ROMEO, { library: 'slixmpp' }),
    await talker(JULIET, { library: '@xmpp/client' }),
  ];
  const receivers = [
    await talker(MERCUTIO, { library: 'slixmpp', archive: true }),
    await talker(BENVOLIO, { library: '@xmpp/client' }),
    await talker(PARIS, { library: 'slixmpp', resumes: false }),
  ];
  for (const each of [...senders, ...receivers]) await each.login();
  return { enjamb, folder, options, senders, receivers };
}

/** Returns the times of the kills, in ms since 1970. */
async function killOftenWhileTalking(
  t: TestContext,
  { enjamb, senders, receivers }: Scene,
): Promise<number[]> {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed} repeats the moments of the kills`);
  const random = randomFrom(seed);
  const all = [...senders, ...receivers];
  const resuming = all.filter(({ options }) => options.resumes !== false);
  const talk = startTalking(senders, receivers);
  atEnd(t, () => clearInterval(talk));
  const kills: number[] = [];
  while (kills.length < KILLS) {
    const isEarly = random() < EARLY;
    if (!isEarly) await Promise.all(all.map((each) => each.back()));
    const isLong = kills.length % LONG_EVERY === LONG_EVERY - 1;
    const breaks = random() < BREAK ? resuming[Math.floor(random() * resuming.length)] : undefined;
    await pause(random() * SHORT_MS);
    breaks?.cut();
    if (breaks) await pause(RESUMED_MS);
    if (isLong) await pause(LONG_MS);
    await enjamb.kill9();
    kills.push(Date.now());
    await enjamb.start();
  }
  await Promise.all(all.map((each) => each.back()));
  clearInterval(talk);
  return kills;
}

/** Each sends to each in turn. */
function startTalking(senders: readonly Talker[], receivers: readonly Talker[]): NodeJS.Timeout {
  let said = 0;
  return setInterval(() => {
    const to = receivers[said++ % receivers.length]!;
    for (const from of senders) {
      if (from.pending.size >= MOST_PENDING) continue;
      from.say(bareOf(to), `${nameOf(from.options.jid)}-${nameOf(to.options.jid)}-${said}`);
    }
  }, SAY_MS);
}

/** Resolves when the server has acknowledged all, and the receivers have the last message of each sender. */
async function settle({ senders, receivers }: Scene): Promise<void> {
  const isDone = () => senders.every(({ pending }) => pending.size === 0) || undefined;
  await until('the acknowledgement of all messages', isDone, SETTLE_MS);
  for (const from of senders) for (const to of receivers) from.say(bareOf(to), lastOf(from, to));
  await until('the acknowledgement of the last messages', isDone, SETTLE_MS);
  const hasLast = (to: Talker) =>
    senders.every((from) => to.got.some(({ id, way }) => id === lastOf(from, to) && way === 'live'));
  await until('the last messages', () => receivers.every(hasLast) || undefined, SETTLE_MS);
}

function lastOf(from: Talker, to: Talker): string {
  return `${nameOf(from.options.jid)}-${nameOf(to.options.jid)}-last`;
}

/** What a new client of each user gets from its archive. */
async function readArchives(
  t: TestContext,
  { options, senders, receivers }: Scene,
): Promise<Map<string, Got[]>> {
  const histories = new Map<string, Got[]>();
  for (const talker of [...senders, ...receivers]) {
    const bare = bareOf(talker);
    const reader = new Talker(t, {
      ...options,
      jid: `${bare}/reader`,
      library: 'slixmpp',
      archive: true,
      folder: options.folder,
    });
    await reader.login();
    histories.set(
      bare,
      reader.got.filter(({ way }) => way === 'archive'),
    );
    await reader.logout();
  }
  return histories;
}

function assertOnceInArchives({ senders, receivers, folder }: Scene, histories: Map<string, Got[]>): void {
  const acknowledged = senders.flatMap((from) => [...from.acknowledged]);
  for (const talker of [...senders, ...receivers]) {
    const bare = bareOf(talker);
    const name = nameOf(bare);
    const own = acknowledged.filter((id) => id.split('-').includes(name)).toSorted();
    assert.ok(own.length > KILLS, `${name} has talked`);
    const queried = (histories.get(bare) ?? []).map(({ id }) => id);
    assert.deepEqual(queried.toSorted(), own, `the archive of ${name}, as a client gets it`);
    const stored = archived(join(folder, 'enjamb/data'), name).map(({ xml }) => parseXml(xml).attrs.id);
    assert.deepEqual(stored.toSorted(), own, `the archive of ${name}, as it is in the database`);
    assert.deepEqual(queried, stored, 'in the same order');
  }
  inDatabase(join(folder, 'enjamb/data'), (db) =>
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok'),
  );
}

/** XEP-0359 §5: an id stands for one message, also if it was given out shortly before a kill. */
function assertIdsUnique({ receivers }: Scene, histories: Map<string, Got[]>): void {
  for (const talker of receivers) {
    const messages = new Map<string, string>();
    for (const { stanza_id, id } of [...talker.got, ...(histories.get(bareOf(talker)) ?? [])]) {
      assert.ok(stanza_id, `${id} has an id of the archive`);
      assert.equal(messages.get(stanza_id) ?? id, id, `${stanza_id} at ${talker.options.jid}`);
      messages.set(stanza_id, id);
    }
  }
}

function assertNothingLost({ senders, receivers }: Scene): void {
  for (const from of senders) assert.deepEqual(from.refused, [], 'no error came');
  const acknowledged = senders.flatMap((from) => [...from.acknowledged]);
  for (const to of receivers) {
    const name = nameOf(to.options.jid);
    const got = new Set(to.got.map(({ id }) => id));
    const lost = acknowledged.filter((id) => id.split('-')[1] === name && !got.has(id));
    assert.deepEqual(lost, [], `${name} has all`);
  }
}

/**
 * M11: what is sent again is delivered again. O9: a client without an archive gets the seconds before a kill twice. One with an
 * archive may get what came while it asked for the archive; it knows that by the id.
 */
function assertLittleTwice({ senders, receivers }: Scene, kills: readonly number[]): void {
  const resent = new Set(senders.flatMap((from) => [...from.resent]));
  for (const { options, got } of receivers) {
    const seen = new Map<string, Got>();
    for (const message of got) {
      const before = seen.get(message.id);
      seen.set(message.id, message);
      if (before === undefined || resent.has(message.id)) continue;
      const text = `${message.id} twice at ${options.jid}: ${JSON.stringify([before, message])}`;
      assert.equal(message.stanza_id, before.stanza_id, text);
      if (options.archive) continue;
      assert.ok(message.delayed, text);
      const kill = kills.find((at) => at > before.at) ?? Number.POSITIVE_INFINITY;
      assert.ok(before.at > kill - TWICE_MS, `${kill - before.at} ms before a kill: ${text}`);
    }
  }
}

function bareOf({ options }: Talker): string {
  return options.jid.replace(/\/.*/, '');
}
