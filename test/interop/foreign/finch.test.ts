// finch (libpurple, as Pidgin has it; NSS or GnuTLS), by its keys and its screen.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Finch } from './finch.ts';
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
} from './scene.ts';
import { WELL_KNOWN } from './system.ts';

const LIMIT = { timeout: 60_000 };

test('finch: rosters, chat, a room', LIMIT, async (t) => {
  const { enjamb, juliet, folder, caPath } = await foreignScene(t);
  const finch = await Finch.open(t, { folder: join(folder, 'f'), caPath, password: PASSWORD });
  const { terminal } = finch;
  await terminal.shows(`hall (${ROMEO}`);
  assert.deepEqual(mechanisms(enjamb), ['SCRAM-SHA-256']);

  await finch.addBuddy(JULIET);
  await terminal.shows('Authorize buddy?');
  await finch.front(3);
  await terminal.press('Enter');
  await hasBothWays(juliet, ROMEO);

  await finch.openConversation(JULIET);
  await terminal.shows(`${JULIET} (${ROMEO}`);
  await finch.front(3);
  await terminal.type(LINE);
  await hears(juliet, ROMEO, LINE);
  juliet.send(ROMEO, 'Ay me! <3');
  await terminal.shows('Ay me! <3');

  await finch.front(2);
  await terminal.type(LINE);
  await hears(juliet, `${HALL}/Romeo`, LINE);
  juliet.send(HALL, 'Who is there?', 'groupchat');
  await terminal.shows('Juliet: Who is there?');

  await terminal.press('M-q');
  await terminal.ended();
  await enjamb.stop();
});

test('finch: a wrong password, five times, and an unknown authority', LIMIT, async (t) => {
  const { enjamb, folder, caPath } = await foreignScene(t);
  const wrong = await Finch.open(t, { folder: join(folder, 'w'), caPath, password: 'wrong' });
  await wrong.terminal.shows('disconnected.');
  await wrong.front(2);
  await wrong.terminal.shows('Incorrect username or password');
  const refused = enjamb.log.filter(({ msg }) => msg === 'authentication refused');
  assert.deepEqual(
    refused.map(({ mechanism, condition }) => [mechanism, condition]),
    ['SCRAM-SHA-256', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'SCRAM-SHA-1', 'PLAIN'].map((name) => [
      name,
      'not-authorized',
    ]),
  );

  const distrusting = await Finch.open(t, {
    folder: join(folder, 'd'),
    caPath: WELL_KNOWN,
    password: PASSWORD,
  });
  await distrusting.terminal.shows('SSL Certificate Verification');
  assert.deepEqual(mechanisms(enjamb), []);
  await enjamb.stop();
});
