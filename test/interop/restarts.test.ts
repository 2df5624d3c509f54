// Restarts and kills of the other server while users exchange messages in both directions and in a room there.
// No message to it is lost, and duplicates are counted (docs/adr/0017).

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Kind, scene } from './matrix/service.ts';
import { AWAY, HOME, PROSODY, ROOMS } from './support/addresses.ts';
import { Enjamb } from './support/enjamb.ts';
import type { SlixmppClient } from './support/slixmpp.ts';
import { type Count, Talk } from './support/talk.ts';
import { until } from './support/waiting.ts';
import { homeLogin, PASSWORD, type World, world } from './support/world.ts';

const LIMIT = { timeout: 120_000 };
const ROMEO = `romeo@${HOME}`;
const JULIET = `juliet@${AWAY}`;
const ROOM = `balcony@${ROOMS}`;
/** The time for which they continue after all are back. */
const SETTLED_MS = 2_000;

type Fault = 'restart' | 'kill -9';

interface Peer {
  readonly there: World;
  readonly juliet: SlixmppClient;
  /** Waits until Juliet's client is back. */
  login(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  kill9(): Promise<void>;
}

interface Outcome {
  /** From Romeo to Juliet, who is offline for a while and then gets stored messages. */
  readonly there: Count;
  /** From Romeo to a room of hers. */
  readonly room: Count;
  /** From Juliet to Romeo. */
  readonly back: Count;
  /** The time of the fault, in ms since 1970. */
  readonly at: number;
  readonly talk: Talk;
  readonly reply: Talk;
}

async function prosodyOrEjabberd(
  t: TestContext,
  kind: Kind,
  options: { secureAuth?: boolean; modules?: readonly string[] } = {},
): Promise<Peer> {
  const { secureAuth = false, modules = [] } = options;
  const prosodyModules = ['offline', ...modules];
  const { there, service, awayUser } = await scene(t, kind, { secureAuth, prosodyModules });
  const juliet = await awayUser('juliet');
  const login = { ...homeLogin('juliet', AWAY), host: PROSODY.address, port: PROSODY.c2s };
  return {
    there,
    juliet,
    login: async () => void (await juliet.login({ ...login, mechanism: 'SCRAM-SHA-1' })),
    start: () => service.start(),
    stop: () => service.stop(),
    kill9: () => service.kill9(),
  };
}

async function anotherEnjamb(t: TestContext): Promise<Peer> {
  const there = await world(t, { prosody: false, secureAuth: true });
  const { certificates, caPath, dns } = there;
  const rooms = [
    `[hosts."${ROOMS}"]`,
    'component = "muc"',
    'muc_room_locking = false',
    'restrict_room_creation = false',
  ];
  const other = await Enjamb.start(t, {
    folder: join(there.folder, 'other'),
    certificates,
    caPath,
    dns: dns.address,
    address: PROSODY.address,
    domain: AWAY,
    // Messages to her are queued for the whole outage.
    config: ['s2s_secure_auth = true', 'offline_max_messages = 100_000', ...rooms],
  });
  await other.addUser(JULIET, PASSWORD);
  const juliet = await there.client('juliet');
  const login = async () =>
    void (await juliet.login({ ...homeLogin('juliet', AWAY), host: PROSODY.address, port: PROSODY.c2s }));
  await login();
  return {
    there,
    juliet,
    login,
    start: () => other.start(),
    stop: () => other.stop(),
    kill9: () => other.kill9(),
  };
}

/** Sends messages while the other server goes down and comes back. Returns the fate of all. */
async function talkDuring(t: TestContext, peer: Peer, fault: Fault): Promise<Outcome> {
  const { there, juliet } = peer;
  const romeo = await there.homeUser('romeo');
  await juliet.join(ROOM, 'Juliet');
  await romeo.join(ROOM, 'Romeo');
  const talk = new Talk(romeo, JULIET);
  const inRoom = new Talk(romeo, ROOM, { type: 'groupchat', everyMs: 80, word: 'loudly' });
  const reply = new Talk(juliet, ROMEO, { word: 'reply' });
  const isGoing = () =>
    talk.heard(juliet.stanzas).length > 40 && reply.heard(romeo.stanzas).length > 40 ? true : undefined;
  await until('both directions', isGoing, 20_000);

  const isCutOff = juliet.report('disconnected').then(() => reply.stop());
  const at = Date.now();
  await (fault === 'restart' ? peer.stop() : peer.kill9());
  await isCutOff;
  await pause(2_000);
  await peer.start();
  await peer.login();
  await juliet.join(ROOM, 'Juliet');
  reply.resume();
  await romeo.join(ROOM, 'Romeo');
  await pause(SETTLED_MS);
  for (const each of [talk, inRoom, reply]) each.stop();
  // ejabberd may store a message after it has delivered the stored ones; she gets it at the next login.
  await pause(500);
  await juliet.logout();
  await peer.login();

  const counts = () => ({
    there: talk.count(juliet.stanzas, romeo.stanzas),
    room: inRoom.count(romeo.stanzas, romeo.stanzas),
    back: reply.count(romeo.stanzas, juliet.stanzas),
  });
  const isAll = () => (counts().there.lost.length + counts().room.lost.length === 0 ? true : undefined);
  await until('all', isAll, 15_000).catch(() => undefined);
  await pause(1_000); // What comes twice may come late.
  const outcome = counts();
  for (const [name, { said, bounced, lost, twice }] of Object.entries(outcome))
    t.diagnostic(`${name}: ${said} said, ${bounced} bounced, ${lost.length} lost, ${twice.length} twice`);
  await there.enjamb.stop();
  return { ...outcome, at, talk, reply };
}

/** Checks that no accepted message is lost, and that none is both delivered and returned. */
function assertNothingLost({ there, room, back, at, reply }: Outcome): void {
  assert.deepEqual(there.lost, []);
  assert.equal(there.bounced, 0, 'she has an offline store');
  assert.deepEqual(room.lost, []);
  // Her client has no stream management, so messages that her own server has not read are lost.
  for (const number of back.lost) assert.ok(Math.abs(reply.saidAt[number]! - at) < 1_000, `${number}`);
  assert.deepEqual(back.twice, []);
}

interface Case {
  readonly name: string;
  readonly make: (t: TestContext) => Promise<Peer>;
  /** The most duplicates of messages to a user and to a room. */
  readonly twice: Partial<Record<Fault, number>>;
  /** After a kill, a client without an archive gets again what came in this time before it. */
  readonly againMs?: number;
}

const CASES: readonly Case[] = [
  {
    name: 'ejabberd, which knows no XEP-0198',
    make: (t) => prosodyOrEjabberd(t, 'ejabberd'),
    twice: { restart: 8, 'kill -9': 8 },
  },
  {
    name: 'Prosody, certificates and XEP-0198',
    make: (t) => prosodyOrEjabberd(t, 'Prosody', { secureAuth: true, modules: ['smacks'] }),
    twice: { restart: 1, 'kill -9': 5 },
  },
  {
    name: 'Prosody, dialback and no XEP-0198',
    make: (t) => prosodyOrEjabberd(t, 'Prosody'),
    twice: { restart: 8, 'kill -9': 8 },
  },
  {
    name: 'Prosody, one stream for both directions',
    make: (t) => prosodyOrEjabberd(t, 'Prosody', { secureAuth: true, modules: ['smacks', 's2s_bidi'] }),
    twice: { restart: 1 },
  },
  // Five seconds between two marks of what was delivered, and one of margin (docs/messages.md).
  { name: 'another enjamb', make: anotherEnjamb, twice: { restart: 0, 'kill -9': 5 }, againMs: 6_000 },
];

for (const { name, make, twice, againMs = 0 } of CASES) {
  for (const [fault, most] of Object.entries(twice) as [Fault, number][]) {
    test(`${name}: ${fault}: no message is lost, and few are duplicated`, LIMIT, async (t) => {
      const outcome = await talkDuring(t, await make(t), fault);
      assertNothingLost(outcome);
      const { there, room, at, talk } = outcome;
      const isAgain = (number: number) => {
        const beforeMs = at - talk.saidAt[number]!;
        return fault === 'kill -9' && beforeMs >= 0 && beforeMs < againMs;
      };
      const doubles = [...there.twice.filter((number) => !isAgain(number)), ...room.twice];
      assert.ok(doubles.length <= most, `${there.twice} ${room.twice}`);
    });
  }
}

test(
  'our server stops cleanly while the other is down: queued messages are returned before the streams end',
  LIMIT,
  async (t) => {
    const peer = await prosodyOrEjabberd(t, 'Prosody');
    const romeo = await peer.there.homeUser('romeo');
    const talk = new Talk(romeo, JULIET);
    await until('the link', () => (talk.heard(peer.juliet.stanzas).length > 10 ? true : undefined), 20_000);
    await peer.stop();
    await pause(1_000);
    talk.stop();
    await pause(500);
    await peer.there.enjamb.stop();
    // Prosody may have stored messages for Juliet between the end of her stream and its own.
    await peer.start();
    await peer.login();
    const count = () => talk.count(peer.juliet.stanzas, romeo.stanzas);
    await until('all', () => (count().lost.length === 0 ? true : undefined), 15_000).catch(() => undefined);
    const { said, bounced, lost, twice } = count();
    t.diagnostic(`${said} said, ${bounced} bounced, ${lost.length} lost, ${twice.length} twice`);
    assert.deepEqual(lost, []);
  },
);
