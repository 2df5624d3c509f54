// All programs of the table.

import type { ProgramKind } from './program.ts';

export const PROGRAMS: readonly ProgramKind[] = [];
