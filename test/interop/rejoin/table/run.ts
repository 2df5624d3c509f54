// One run: all given programs in one room, one fault, and what each of them made of it.

import { cpSync, globSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Kind, scene } from '../../matrix/service.ts';
import { AWAY, ENJAMB, HOME } from '../../support/addresses.ts';
import type { LogLine } from '../../support/enjamb.ts';
import { Line } from '../../support/line.ts';
import { Prosody } from '../../support/prosody.ts';
import { until, untilTime } from '../../support/waiting.ts';
import { webSocketRelay } from '../../support/web-socket-relay.ts';
import { PASSWORD } from '../../support/world.ts';
import { RoomClients } from '../support/room-clients.ts';
import { type Cell, cellOf, GAP, MENTION, type Mode, type Seen } from './cells.ts';
import { FAULTS, type Fault, type FaultName, prepareRoom, serversFor } from './faults.ts';
import { arrive, Observer } from './observer.ts';
import type { ProgramKind, RoomProgram } from './program.ts';

export interface RunOptions {
  readonly remote: Kind;
  readonly fault: FaultName;
  readonly mode: Mode;
  readonly programs: readonly ProgramKind[];
  /** The seconds after which people who are missing are shown to leave. Default: enjamb's. */
  readonly absence?: number;
  /** A folder for the logs and pictures of the run. */
  readonly keptIn?: string;
}

export interface Outcome {
  readonly name: string;
  readonly cell?: Cell;
  /** Its screen at the end. */
  readonly screen?: string;
  /** Why there is no cell. */
  readonly error?: string;
}

interface Player {
  readonly kind: ProgramKind;
  readonly nick: string;
  readonly program: RoomProgram;
  error?: string;
}

const DEFAULT_ABSENCE = 60;
/** After the absence: a join, the archive, and what a slow machine adds. */
const GRACE_MS = 12_000;
/** Assisted: the delay of the notice, 30 seconds for the program itself, and the join. */
const ASSISTED_MS = 60_000;
const HEARD_MS = 30_000;
/** Some programs are asked by commands. */
const POLL_MS = 500;
const SETTLED_MS = 3_000;
/** The port of programs in which it cannot be configured. */
const C2S_PORT = 5222;

export async function run(t: TestContext, options: RunOptions): Promise<Outcome[]> {
  const { remote, mode, absence = DEFAULT_ABSENCE } = options;
  const fault: Fault = FAULTS[options.fault];
  const set = await scene(t, remote, { ...serversFor(fault), config: configuration(options, fault) });
  const { there, service } = set;
  const room = await prepareRoom(set, remote, fault);
  const clients = await RoomClients.start(t, there);
  const person = async (name: string) => {
    await service.addUser(name, PASSWORD);
    return clients.add(`${name}@${AWAY}/orchard`);
  };
  const observer = new Observer(await person('observer'), room);
  const [leaver, newcomer] = [await person('leaver'), await person('newcomer')];
  await observer.client.login();
  await observer.arrive();
  await leaver.login();
  await arrive(leaver, room);
  const players = await enter(t, set, options.programs, observer);
  const well = () => players.filter(({ error }) => error === undefined);
  if (service instanceof Prosody && fault.room === 'archive') await service.saveRoom(room);
  await untilTime(Date.now() + SETTLED_MS);
  await saidTo(well(), observer, 'before-1');
  await untilTime(Date.now() + SETTLED_MS);
  await pictures(players, '1-before');

  const brokenAt = Date.now();
  const mention = `${MENTION} ${players.map(({ nick }) => nick).join(' ')}: look`;
  await fault.happen({
    scene: set,
    observer,
    leaver,
    newcomer,
    async talk() {
      for (const text of [GAP[0], mention, GAP[2]]) await observer.say(text);
    },
  });
  const openAt = Date.now();
  const foundAt = openAt + 2 * (fault.silence ?? 0) * 1_000;
  await untilTime(foundAt + (mode === 'silent' ? absence * 1_000 + GRACE_MS : ASSISTED_MS));
  const present = observer.people;
  await pictures(players, '2-afterwards');
  const lists = await Promise.all(well().map(({ program }) => program.people()));
  const peopleOf = new Map(well().map((player, i) => [player, lists[i]]));
  await saidTo(well(), observer, 'after-1', false);
  const linkAt = linkOpenAt(there.enjamb.log, brokenAt, room) ?? brokenAt;
  const outcomes: Outcome[] = [];
  for (const player of players)
    outcomes.push(await outcome(player, { observer, present, linkAt, listed: peopleOf.get(player) }));
  await pictures(players, '3-end');
  for (const { program } of players) await program.stop();
  await there.enjamb.stop();
  if (options.keptIn !== undefined) keep(there.folder, options.keptIn);
  return outcomes;
}

function configuration({ mode, absence = DEFAULT_ABSENCE }: RunOptions, fault: Fault): string[] {
  return [
    `muc_autorejoin = "${mode}"`,
    `muc_autorejoin_absence = ${absence}`,
    'ping_muc_delay = 2',
    ...(fault.silence === undefined ? [] : [`ping_muc_silence = ${fault.silence}`]),
  ];
}

/** One after the other: most programs need the processor while they start. */
async function enter(
  t: TestContext,
  { there }: Awaited<ReturnType<typeof scene>>,
  kinds: readonly ProgramKind[],
  observer: Observer,
): Promise<Player[]> {
  await Line.start(t, { address: ENJAMB.address, port: ENJAMB.c2s }, C2S_PORT);
  const webSocket = await webSocketRelay(t, there.caPath);
  const make = async (kind: ProgramKind): Promise<Player> => {
    const user = kind.name.toLowerCase().replaceAll(/[^a-z]/g, '');
    const nick = `${user.charAt(0).toUpperCase()}${user.slice(1)}`;
    const [folder, jid] = [join(there.folder, user), `${user}@${HOME}`];
    await mkdir(folder, { mode: 0o700 });
    await there.enjamb.addUser(jid, PASSWORD);
    const account = { folder, caPath: there.caPath, jid, password: PASSWORD, nick, webSocket };
    const program = await kind.make(t, account);
    const player: Player = { kind, nick, program };
    const isThere = () => (observer.people.includes(nick) ? true : undefined);
    try {
      await program.enter(observer.room);
      await until(`${nick} in the room`, isThere, HEARD_MS);
    } catch (error) {
      player.error = `did not enter: ${error}`;
    }
    return player;
  };
  const players: Player[] = [];
  for (const kind of kinds) players.push(await make(kind));
  return players;
}

/** @param must Whether a program that does not show it takes no further part. */
async function saidTo(
  players: readonly Player[],
  observer: Observer,
  text: string,
  must = true,
): Promise<void> {
  await observer.say(text);
  const limit = Date.now() + HEARD_MS;
  for (const player of players) {
    const shows = async () => ((await player.program.talk()).includes(text) ? true : undefined);
    await until(text, shows, limit - Date.now(), POLL_MS).catch((error: unknown) => {
      if (must) player.error = `does not show "${text}": ${error}`;
    });
  }
}

interface Moment {
  readonly observer: Observer;
  readonly present: readonly string[];
  readonly linkAt: number;
  readonly listed: readonly string[] | undefined;
}

async function outcome(player: Player, moment: Moment): Promise<Outcome> {
  const { kind, nick, program, error } = player;
  if (error !== undefined) return { name: kind.name, error };
  const { observer, present, linkAt, listed } = moment;
  const seen: Seen = {
    isHeard: kind.speaks === false ? undefined : await isHeard(program, observer, `here-${nick}`),
    talk: await program.talk(),
    people: listed,
    alerts: await program.alerts?.(),
    seconds: observer.secondsUntil(nick, linkAt),
  };
  return { name: kind.name, cell: cellOf(seen, present), screen: await program.screen() };
}

async function isHeard(program: RoomProgram, observer: Observer, text: string): Promise<boolean> {
  await program.say(text);
  const heard = () => (observer.heard(text) ? true : undefined);
  return until(text, heard, HEARD_MS).catch(() => false);
}

async function pictures(players: readonly Player[], name: string): Promise<void> {
  for (const { program } of players) await program.picture?.(name);
}

/** When enjamb had a link to the room's domain again; `undefined`: it never broke. */
function linkOpenAt(log: readonly LogLine[], since: number, room: string): number | undefined {
  const domain = room.slice(room.indexOf('@') + 1);
  const opened = log.find(
    ({ msg, direction, remote, time }) =>
      msg === 's2s open' && direction === 'out' && remote === domain && Date.parse(`${time}`) >= since,
  );
  return opened === undefined ? undefined : Date.parse(`${opened.time}`);
}

/** Copies logs, screens and pictures. */
function keep(from: string, to: string): void {
  for (const file of globSync('**/*.{log,txt,png}', { cwd: from }))
    cpSync(join(from, file), join(to, file), { recursive: true });
}
