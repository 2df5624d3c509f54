// The programs that a person uses by keys or by a mouse.

import { ConverseUser } from '../support/converse-user.ts';
import { DinoUser } from '../support/dino-user.ts';
import { GajimUser } from '../support/gajim-user.ts';
import { McabberUser } from '../support/mcabber-user.ts';
import { PoezioUser } from '../support/poezio-user.ts';
import { ProfanityRoomUser } from '../support/profanity-room-user.ts';
import type { ProgramKind } from './program.ts';
import { debianVersion, npmVersion } from './scripted.ts';

export const INTERACTIVE: readonly ProgramKind[] = [
  {
    name: 'Converse',
    group: 'interactive',
    version: () => npmVersion('converse.js'),
    make: async (t, account) => new ConverseUser(t, account),
  },
  debian('Profanity', 'profanity', async (t, account) => new ProfanityRoomUser(t, account)),
  debian('Poezio', 'poezio', async (t, account) => new PoezioUser(t, account)),
  debian('mcabber', 'mcabber', async (t, account) => new McabberUser(t, account)),
  debian('Dino', 'dino-im', (t, account) => DinoUser.start(t, account)),
  debian('Gajim', 'gajim', (t, account) => GajimUser.start(t, account)),
];

function debian(name: string, pack: string, make: ProgramKind['make']): ProgramKind {
  return { name, group: 'interactive', version: () => debianVersion(pack), make };
}
