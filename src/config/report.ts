// How the checks of a configuration file tell what they find.

import type { ConfigProblem } from './error.ts';
import type { Path } from './key-index.ts';
import type { OptionIssue } from './option.ts';

export type Fault = Pick<ConfigProblem, 'expected' | 'got' | 'message' | 'hint'>;
/** Notes one problem at a path of the file. */
export type Report = (path: Path, problem: Fault & Pick<OptionIssue, 'lacks'>) => void;
