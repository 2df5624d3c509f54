// The reactions of real client programs to the notice, and to a join by the server. docs/clients.md describes them in
// words, including what only a person can see.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isNotice } from '../support/room.ts';
import { until, untilTime } from '../support/waiting.ts';
import type { World } from '../support/world.ts';
import type { RoomUser } from './support/room-user.ts';
import { ROOM, type Scene, scene } from './support/scene.ts';
import { occurrences } from './support/screen.ts';

const LIMIT = { timeout: 200_000 };
const DELAY = 'ping_muc_delay = 2';
const ASSISTED = 'muc_autorejoin = "assisted"';
const SILENT = 'muc_autorejoin = "silent"';
const NOTICE_MS = 20_000;
/** More than the half minute in which clients may act. */
const REJOIN_MS = 45_000;
const HEARD_MS = 15_000;
/** The resolution of history requests. */
const SECOND_MS = 1_000;
/** Messages of the last second before the break may be shown twice. */
const LAST_WORDS = 'last words';
/** It opens a window for a room that it has left, and shows only its own messages in it. */
const DEAF = 'Profanity';
/** It shows all messages, but its user can write only after a click on "Join". */
const MUTE = 'Gajim';

test(
  'XEP-0045 §7.2.13: the line breaks and the room removes all: joined again, all clients show what they missed',
  LIMIT,
  async (t) => {
    const there = await scene(t, { config: [DELAY, ASSISTED], speakerAt: 'prosody', desktops: true });
    const meanwhile = await talkAndBreak(there);
    await says(there, 'afterwards', there.users.filter(hears));
    for (const user of there.users.filter(hears)) {
      await t.test(`${user.program} shows each message once`, async () => {
        await showsOnce(user, ['before', ...meanwhile, 'afterwards']);
        assert.ok((await times(user, LAST_WORDS)) >= 1, LAST_WORDS);
      });
    }
    await everybodySpeaks(
      t,
      there,
      there.users.filter((user) => hears(user) && user.program !== MUTE),
    );
  },
);

test(
  'XEP-0045 §7.2.13: the same, joined again silently: all clients show each message once, list all, and can send',
  LIMIT,
  async (t) => {
    const there = await scene(t, { config: [DELAY, SILENT], speakerAt: 'prosody', desktops: true });
    const meanwhile = await talkAndBreak(there);
    await says(there, 'afterwards', there.users);
    const nicks = [...there.users.map(({ nick }) => nick), 'Speaker'].toSorted();
    for (const user of there.users) {
      await t.test(`${user.program} shows each message once, and lists all`, async () => {
        await showsOnce(user, ['before', LAST_WORDS, ...meanwhile, 'afterwards']);
        assert.deepEqual(((await user.people()) ?? nicks).toSorted(), nicks);
      });
    }
    await everybodySpeaks(t, there, there.users);
  },
);

test(
  'XEP-0045 §7.2: Prosody and its room are killed: joined again, clients receive and send',
  LIMIT,
  async (t) => {
    const there = await scene(t, { config: [DELAY, ASSISTED], speakerAt: 'enjamb', desktops: false });
    await says(there, 'before', there.users);
    await dieAndReturn(there);
    await allAreIn(there);
    const users = there.users.filter(hears);
    await says(there, 'afterwards', users);
    for (const user of users) assert.equal(await times(user, 'before'), 1, user.program);
    await everybodySpeaks(t, there, users);
  },
);

async function showsOnce(user: RoomUser, texts: readonly string[]): Promise<void> {
  for (const text of texts) assert.equal(await times(user, text), 1, text);
}

async function times(user: RoomUser, text: string): Promise<number> {
  return occurrences(await user.talk(), text);
}

function hears({ program }: RoomUser): boolean {
  return program !== DEAF;
}

/** Resolves when all programs show the text. */
async function says({ speaker }: Scene, text: string, listeners: readonly RoomUser[]): Promise<void> {
  speaker.send(ROOM, text, 'groupchat');
  for (const user of listeners) {
    const shown = async () => ((await times(user, text)) > 0 ? true : undefined);
    await until(`"${text}" at ${user.program}`, shown, HEARD_MS);
  }
}

/**
 * Messages then reach no client, and Prosody removes unreachable occupants from the room. Resolves with the messages
 * that were sent; Prosody sends the first of them into connections that are gone without its notice.
 */
async function breakTheLine({ world, speaker }: Scene): Promise<string[]> {
  const lines = [world.toProsody, world.toEnjamb];
  const said: string[] = [];
  for (const line of lines) line.state = 'refuse';
  for (const line of lines) line.cut('reset');
  const alone = async () => {
    said.push(`meanwhile (${said.length + 1})`);
    speaker.send(ROOM, said.at(-1) ?? '', 'groupchat');
    return (await world.prosody.occupants(ROOM))?.length === 1 ? true : undefined;
  };
  await until('the speaker alone', alone, NOTICE_MS);
  for (const line of lines) line.state = 'forward';
  return said;
}

/** Resolves with what is said while the line is broken, when all are in the room again. */
async function talkAndBreak(there: Scene): Promise<string[]> {
  await says(there, 'before', there.users);
  await untilTime(Date.now() + 2 * SECOND_MS);
  await says(there, LAST_WORDS, there.users);
  await untilTime(Date.now() + 2 * SECOND_MS);
  const meanwhile = await breakTheLine(there);
  await allAreIn(there);
  return meanwhile;
}

/** The speaker gets the notice like all others, but joins again immediately. */
async function dieAndReturn({ world, speaker }: Scene): Promise<void> {
  const since = speaker.stanzas.length;
  await world.prosody.kill9();
  await world.prosody.start();
  await speaker.stanza('the notice', isNotice, { since, limitMs: NOTICE_MS });
  await speaker.join(ROOM, 'Speaker');
}

async function allAreIn({ world, users }: Scene): Promise<void> {
  const expected = [...users.map(({ jid }) => jid.replace(/@.*/, '')), 'speaker'].toSorted();
  const here = async () => (`${await namesIn(world)}` === `${expected}` ? true : undefined);
  await until('everybody in the room again', here, REJOIN_MS);
}

async function everybodySpeaks(
  t: TestContext,
  { speaker }: Scene,
  users: readonly RoomUser[],
): Promise<void> {
  for (const user of users) {
    await t.test(`${user.program} sends without a click`, async () => {
      const text = `here is ${user.program}`;
      await user.say(text);
      await speaker.stanza(text, (it) => it.getChildText('body') === text, { limitMs: HEARD_MS });
    });
  }
}

async function namesIn({ prosody }: World): Promise<string[]> {
  const occupants = (await prosody.occupants(ROOM)) ?? [];
  return occupants.map((jid) => jid.replace(/@.*/, '')).toSorted();
}
