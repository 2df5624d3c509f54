// All programs of the table.

import { GO_SENDXMPP } from './go-sendxmpp.ts';
import { INTERACTIVE } from './interactive.ts';
import type { ProgramKind } from './program.ts';
import { SCRIPTED } from './scripted.ts';

export const PROGRAMS: readonly ProgramKind[] = [...SCRIPTED, GO_SENDXMPP, ...INTERACTIVE];
