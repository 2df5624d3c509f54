// The other server is killed, and comes back with its rooms and archives, but without occupants.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Kind, SceneOptions } from '../../matrix/service.ts';
import { asText } from '../../support/room.ts';
import { until, untilTime } from '../../support/waiting.ts';
import type { RoomClient } from './room-clients.ts';
import { allTalk, areIn, assertUnbroken, PATIENCE_MS, type SilentScene, silentScene } from './silent.ts';

export interface KilledOptions {
  readonly rooms: readonly string[];
  readonly options: SceneOptions;
  /** Makes the rooms, before anybody has joined. */
  readonly prepare?: (scene: SilentScene) => Promise<void>;
  /** Puts them onto the disk, when all are in. */
  readonly save?: (scene: SilentScene) => Promise<void>;
}

/** At the end of the test. */
export interface Killed {
  readonly scene: SilentScene;
  readonly ours: readonly RoomClient[];
  readonly juliet: RoomClient;
  /** In ms since 1970. */
  readonly diedAt: number;
}

const OURS = ['romeo', 'benvolio', 'mercutio', 'abram', 'balthasar'];
const LEAVERS = ['nurse', 'paris'];
const NEWCOMERS = ['tybalt', 'peter', 'samson'];
const PEOPLE = [...NEWCOMERS.map((nick) => `+${nick}`), ...LEAVERS.map((nick) => `-${nick}`)].toSorted();
const MESSAGES = 30;
/** After which a killed ejabberd finds its archive again. */
const WRITTEN_MS = 3_000;
const DOWN_MS = 3_000;

/** Checks that five clients in several rooms see who has come and gone and what was said meanwhile, and nothing else. */
export async function surviveKill(t: TestContext, kind: Kind, given: KilledOptions): Promise<Killed> {
  const { rooms, options, prepare, save } = given;
  const scene = await silentScene(t, kind, { ...options, proxies: true });
  const { there, service } = scene;
  await prepare?.(scene);
  const [juliet, ...leavers] = await scene.awayClients('juliet', ...LEAVERS);
  assert.ok(juliet);
  const ours = await scene.homeClients(...OURS);
  for (const room of rooms) for (const each of [juliet, ...leavers, ...ours]) await each.join(room);
  await save?.(scene);
  await scene.known(rooms);
  for (const room of rooms) await allTalk(room, [juliet, ...ours], 'before');
  await untilTime(Date.now() + WRITTEN_MS);
  const since = new Map(ours.map((each) => [each, each.stanzas.length]));

  const diedAt = Date.now();
  there.toProsody.state = 'refuse';
  await service.kill9();
  await untilTime(diedAt + DOWN_MS);
  await service.start();
  await juliet.login();
  const newcomers = await scene.awayClients(...NEWCOMERS);
  for (const room of rooms) for (const each of [juliet, ...newcomers]) await each.join(room);
  const said = await talkMeanwhile(rooms, [juliet, newcomers[0]!]);
  there.toProsody.state = 'forward';

  const openAt = Date.now();
  for (const room of rooms) {
    await areIn(service, room, ours);
    for (const each of ours) await each.hears(room, said.get(room)!.at(-1)!);
  }
  t.diagnostic(`all have heard everything ${Date.now() - openAt} ms after the line is open`);
  for (const room of rooms) said.get(room)!.push(...(await allTalk(room, [juliet, ...ours], 'afterwards')));
  const peopleOf = (each: RoomClient, room: string) => each.people(room, since.get(each)).toSorted();
  for (const each of ours) {
    for (const room of rooms) {
      const isAll = () => (peopleOf(each, room).length >= PEOPLE.length ? true : undefined);
      await until(`the people of ${room} at ${each.jid}`, isAll, PATIENCE_MS);
    }
  }
  for (const each of ours) {
    assertUnbroken(each, since.get(each)!);
    for (const room of rooms) {
      assert.deepEqual(each.texts(room, since.get(each)), said.get(room), `${each.jid} in ${room}`);
      assert.deepEqual(peopleOf(each, room), PEOPLE, `${each.jid} in ${room}`);
    }
    assert.deepEqual(asText(withoutBody(each, since.get(each)!)), []);
    // What the room has seen of each of them: one join, as the room had forgotten all of them.
    for (const room of rooms) assert.deepEqual(comingsOf(each, juliet, room, diedAt), [`+${each.nick}`]);
  }
  return { scene, ours, juliet, diedAt };
}

/** Resolves with the texts by room, in order. */
async function talkMeanwhile(
  rooms: readonly string[],
  speakers: readonly RoomClient[],
): Promise<Map<string, string[]>> {
  const said = new Map<string, string[]>(rooms.map((room) => [room, []]));
  for (let i = 0; i < MESSAGES; i++) {
    const room = rooms[i % rooms.length]!;
    const text = `meanwhile ${i}`;
    speakers[i % 3 === 0 ? 0 : 1]!.say(room, text);
    said.get(room)!.push(text);
    await speakers[0]!.hears(room, text);
  }
  return said;
}

function withoutBody({ stanzas }: RoomClient, since: number) {
  return stanzas.slice(since).filter(({ element }) => element.is('message') && !element.getChild('body'));
}

function comingsOf({ nick }: RoomClient, witness: RoomClient, room: string, sinceTime: number): string[] {
  const first = witness.stanzas.findIndex(({ at }) => at >= sinceTime);
  return witness.people(room, first).filter((one) => one.slice(1) === nick);
}
