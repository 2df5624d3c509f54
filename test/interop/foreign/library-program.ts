// Small programs made with client libraries, without code of enjamb. They get their arguments
// in this order: JID, password, host, port, file of trusted certificates, contact, room with nick, line for the room.
// They log in, request a subscription and approve the contact's, join the room and send the line. They return a
// message to its sender, "quit" ends the program. On standard output, one line each:
//
//   session               logged in                  room BODY   heard in the room
//   both JID              subscribed both ways       refused …   why the server did not let it in
//   chat BODY             a message of a person      untrusted … what is wrong with the certificate

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ENJAMB } from '../support/addresses.ts';
import { Program, run } from '../support/program.ts';
import { withinMs } from '../support/waiting.ts';
import {
  foreignScene,
  HALL,
  hasBothWays,
  hears,
  JULIET,
  LINE,
  mechanisms,
  PASSWORD,
  ROMEO,
  type Scene,
} from './scene.ts';
import { systemWith, WELL_KNOWN } from './system.ts';

const STEP_MS = 10_000;
const RESOURCE = 'window';

export interface LibraryProgram {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Its output for a wrong password, and for a certificate of an unknown authority. */
  readonly refused: RegExp;
  readonly untrusted: RegExp;
  readonly mechanism: string;
  /** Its further actions before it quits. */
  readonly also?: (scene: Scene, reports: (line: string) => Promise<string>) => Promise<void>;
}

/** The whole scene, for one program. */
export async function playsWithOthers(t: TestContext, program: LibraryProgram, scene?: Scene): Promise<void> {
  const there = scene ?? (await foreignScene(t));
  const { enjamb, juliet, folder, caPath } = there;
  const romeo = new Program(t, program.name, {
    ...(await commandOf(program, folder, caPath)),
    logFile: join(folder, `${program.name}.log`),
  });
  const reports = (line: string) => romeo.line((it) => it === line, STEP_MS);
  await reports('session');
  assert.deepEqual(mechanisms(enjamb), [program.mechanism]);
  await reports(`both ${JULIET}`);
  await hasBothWays(juliet, ROMEO);

  juliet.send(ROMEO, LINE);
  await reports(`chat ${LINE}`);
  await hears(juliet, ROMEO, LINE);

  await hears(juliet, `${HALL}/Romeo`, LINE);
  await reports(`room ${LINE}`);
  juliet.send(HALL, 'Ay me!', 'groupchat');
  await reports('room Ay me!');
  await program.also?.(there, reports);

  juliet.send(ROMEO, 'quit');
  const exit = await withinMs(STEP_MS, `the end of ${program.name}`, romeo.exited);
  assert.deepEqual(exit, { code: 0, signal: null }, romeo.tail());

  const wrong = await commandOf(program, folder, caPath, 'wrong');
  assert.match(await saidBy(wrong), program.refused);
  const distrusting = await commandOf(program, folder, WELL_KNOWN);
  assert.match(await saidBy(distrusting), program.untrusted);
  assert.deepEqual(mechanisms(enjamb), [program.mechanism]);
  await enjamb.stop();
}

async function commandOf(
  { command, env }: LibraryProgram,
  folder: string,
  caPath: string,
  password = PASSWORD,
) {
  const system = await systemWith(join(folder, 'system'), caPath);
  const login = [`${ROMEO}/${RESOURCE}`, password, ENJAMB.address, `${ENJAMB.c2s}`, caPath];
  const [unshare = '', ...args] = [...system, ...command, ...login, JULIET, `${HALL}/Romeo`, LINE];
  return { command: unshare, args, env: { LC_ALL: 'C.UTF-8', ...env } };
}

/** Both outputs of a program that must fail. */
async function saidBy({ command, args, env }: Awaited<ReturnType<typeof commandOf>>): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, { env, limitMs: STEP_MS });
  assert.notEqual(code, 0);
  return stdout + stderr;
}
