// What a person sees who looks at the program: the column that no run can fill.

import type { Mode } from './cells.ts';

export const WORDS: Readonly<Record<string, Readonly<Record<Mode, string>>>> = {};
