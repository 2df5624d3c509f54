// messages.md 12 (b): clients made with libraries come back to what was written while they were away.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ENJAMB, HOME } from './support/addresses.ts';
import { until } from './support/waiting.ts';
import { webSocketRelay } from './support/web-socket-relay.ts';
import { PASSWORD } from './support/world.ts';
import { JULIET, login, ROMEO, type Scene, scene, writes } from './support-archive/scene.ts';
import { type Got, Talker, type TalkerOptions } from './support-archive/talker.ts';

const LIMIT = { timeout: 240_000 };
const NURSE = `nurse@${HOME}`;
const GOT_MS = 30_000;
/** What comes twice may come late. */
const SETTLED_MS = 500;
const RETRACT = `xmlns='urn:xmpp:message-retract:1'`;

interface Library {
  readonly name: TalkerOptions['library'];
  /** It gets what waits for it, and knows no archive. */
  readonly isWithoutArchive?: true;
}

const LIBRARIES: readonly Library[] = [
  { name: 'slixmpp' },
  { name: 'stanza' },
  { name: '@xmpp/client', isWithoutArchive: true },
];

/** What happens while Juliet is away, and what her client gets then, in order. */
interface Case {
  readonly title: string;
  readonly happens: (absence: Absence) => Promise<void>;
  readonly gets: readonly string[];
  /** The same for a client without an archive, if it is different. */
  readonly waits?: readonly string[];
  /** Her client has to begin anew, because the archive no longer has the last message that it knows. */
  readonly isLost?: true;
}

interface Absence {
  readonly there: Scene;
  /** Romeo, with a new connection. */
  romeo(): ReturnType<typeof login>;
  juliet(): ReturnType<typeof login>;
}

const CASES: readonly Case[] = [
  {
    title: 'a fresh profile gets the history',
    happens: async ({ there }) => writes(there.romeo, JULIET, ...numbers(1, 60)),
    gets: numbers(1, 60),
  },
  {
    title: 'ten messages while it was away',
    happens: async ({ there }) => writes(there.romeo, JULIET, ...numbers(61, 70)),
    gets: numbers(61, 70),
  },
  {
    title: 'the server is killed after the messages',
    async happens({ there }) {
      await writes(there.romeo, JULIET, ...numbers(71, 75));
      await there.enjamb.kill9();
      await there.enjamb.start();
    },
    gets: numbers(71, 75),
  },
  {
    title: 'the archive has lost the last message that it knows, and another client has taken what waited',
    async happens({ there: { enjamb }, romeo, juliet }) {
      await enjamb.command(['archive', 'delete', JULIET, '--yes']);
      await writes(await romeo(), JULIET, ...numbers(76, 78));
      const other = await juliet();
      other.send('<presence/>');
      for (const number of numbers(76, 78))
        await other.skipUntil(({ name, attrs }) => name === 'message' && attrs.id === number);
      other.drop();
    },
    gets: numbers(76, 78),
    waits: [],
    isLost: true,
  },
  {
    title: 'XEP-0424 §4: a message was retracted',
    async happens({ romeo }) {
      const client = await romeo();
      await writes(client, JULIET, '79', '80');
      client.send(`<message type='chat' to='${JULIET}' id='r'><retract ${RETRACT} id='79'/></message>`);
      await writes(client, JULIET, '81');
    },
    gets: ['tombstone 79', '80', 'retraction r', '81'],
    waits: ['80', 'retraction r', '81'],
  },
  {
    title: 'XEP-0191 §3: the sender was blocked',
    async happens({ romeo, juliet }) {
      const other = await juliet();
      other.send(
        `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${ROMEO}'/></block></iq>`,
      );
      await other.skipUntil(({ attrs }) => attrs.id === 'b' && attrs.type === 'result');
      other.drop();
      const client = await romeo();
      client.send(`<message type='chat' to='${JULIET}' id='82'><body>82</body></message>`);
      await client.skipUntil(({ attrs }) => attrs.id === '82' && attrs.type === 'error');
    },
    gets: [],
  },
];

for (const { name, isWithoutArchive = false } of LIBRARIES) {
  test(`${name} gets each message once and in order`, LIMIT, async (t) => {
    const there = await scene(t, ['smacks_hibernation_time = 1', 'limits = false']);
    await there.enjamb.addUser(NURSE, PASSWORD);
    const webSocket = await webSocketRelay(t, there.caPath);
    const absence: Absence = {
      there,
      romeo: () => login(t, `${ROMEO}/orchard`),
      juliet: () => login(t, `${JULIET}/other`),
    };
    let last: string | undefined;
    for (const { title, happens, gets, waits = gets, isLost = false } of CASES) {
      await happens(absence);
      const expected = isWithoutArchive ? waits : gets;
      const visit = await visits(t, there, { library: name, webSocket, last }, expected);
      assert.deepEqual(visit.got.map(inWords), expected, title);
      assert.equal(visit.losses, isLost && !isWithoutArchive ? 1 : 0, title);
      last = visit.last;
    }
    await there.enjamb.stop();
  });
}

interface Visit {
  readonly got: readonly Got[];
  readonly losses: number;
  /** The id of the newest message in the archive. */
  readonly last: string | undefined;
}

/** Juliet's client comes, gets what it gets, and leaves. */
async function visits(
  t: TestContext,
  { caPath, folder, enjamb }: Scene,
  more: Pick<TalkerOptions, 'library' | 'webSocket' | 'last'>,
  expected: readonly string[],
): Promise<Visit> {
  const place = { host: ENJAMB.address, port: ENJAMB.c2s, folder, caPath };
  const client = new Talker(t, {
    ...place,
    jid: `${JULIET}/balcony`,
    password: PASSWORD,
    archive: true,
    ...more,
  });
  await client.login();
  const hasAll = () => client.got.length >= expected.length || undefined;
  await until(`${expected.length} messages`, hasAll, GOT_MS).catch(() => undefined); // The comparison says more.
  const { length } = client.got;
  const nurse = await login(t, `${NURSE}/hall`);
  await writes(nurse, JULIET, 'end');
  nurse.drop();
  await until('the end', () => client.got.length > length || undefined, GOT_MS);
  await pause(SETTLED_MS);
  await client.logout();
  const gone = async () =>
    (await enjamb.list('user', 'sessions')).every(({ jid }) => !`${jid}`.startsWith(JULIET));
  await until('the end of her session', async () => (await gone()) || undefined, GOT_MS);
  const got = client.got.filter(({ id }) => id !== 'end');
  return { got, losses: client.losses, last: client.got.at(-1)?.stanza_id };
}

function inWords({ kind, id }: Got): string {
  return kind === 'text' ? id : `${kind} ${id}`;
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);
}
