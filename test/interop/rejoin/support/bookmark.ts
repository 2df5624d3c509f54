// A room that a user has bookmarked, for all the clients of that user.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { ENJAMB } from '../../support/addresses.ts';
import { run } from '../../support/program.ts';
import type { RoomUserOptions } from './room-user.ts';

const SCRIPT = fileURLToPath(new URL('./bookmarking_client.py', import.meta.url));
const PYTHON = '/usr/bin/python3';

/** Logs in, bookmarks, and logs out. */
export async function bookmark(
  { jid, password, caPath, nick }: RoomUserOptions,
  room: string,
): Promise<void> {
  const login = { jid: `${jid}/bookmarks`, password, ca: caPath, host: ENJAMB.address, port: ENJAMB.c2s };
  const commands = [{ do: 'login', ...login }, { do: 'bookmark', room, nick }, { do: 'logout' }];
  const input = commands.map((command) => `${JSON.stringify(command)}\n`).join('');
  const { stdout, stderr } = await run(PYTHON, [SCRIPT], { input });
  assert.match(stdout, /"bookmarked"/, `${stdout}${stderr}`);
}
