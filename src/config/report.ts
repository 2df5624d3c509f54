// The callback through which the checks of a configuration report problems.

import type { ConfigProblem } from './error.ts';
import type { Path } from './key-index.ts';
import type { OptionIssue } from './option.ts';

export type Fault = Pick<ConfigProblem, 'expected' | 'got' | 'message' | 'hint'>;
/** Reports one problem at a path of the file. */
export type Report = (path: Path, problem: Fault & Pick<OptionIssue, 'lacks'>) => void;
