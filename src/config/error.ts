// Mistakes in the configuration, each with its position. The server does not start until all of them are corrected.

import { OperatorError } from '../util/operator-error.ts';
import type { Position } from './key-index.ts';

export interface ConfigProblem {
  /** The dotted path, as in the file: `hosts."example.org".component`; empty for the whole file. */
  readonly path: string;
  readonly line?: number;
  readonly column?: number;
  /** A description of the valid values. */
  readonly expected: string;
  /** The value in the file. */
  readonly got: string;
  /** The fault; replaces `expected …, got …` where that would not explain it. */
  readonly message?: string;
  /** The remedy. */
  readonly hint?: string;
}

/** The configuration cannot be used; `problems` holds every mistake, in the order of the file. */
export class ConfigError extends OperatorError {
  /** The file, or `undefined` when the text came from elsewhere. */
  readonly file: string | undefined;
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], file?: string) {
    const sorted = [...problems].sort(
      (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    );
    const count = sorted.length === 1 ? 'a mistake' : `${sorted.length} mistakes`;
    const lines = sorted.map((problem) => formatProblem(problem, file));
    super(`${file ?? 'the configuration'} has ${count}:\n${lines.join('\n')}`);
    this.name = 'ConfigError';
    this.file = file;
    this.problems = sorted;
  }
}

/** The file cannot be read. */
export class ConfigFileError extends ConfigError {
  /** @param message names the file */
  constructor(message: string, hint: string) {
    super([{ path: '', expected: 'a file that can be read', got: 'none', message, hint }]);
    this.message = `${message}\n    ${hint}`;
  }
}

/** One problem on one line, and its hint on the next. */
function formatProblem(problem: ConfigProblem, file?: string): string {
  const hint = problem.hint === undefined ? '' : `\n    ${problem.hint}`;
  return `  ${describeProblem(problem, file)}${hint}`;
}

/** The position of a problem, and its description. */
export function describeProblem(problem: ConfigProblem, file?: string): string {
  const { path, line, column, expected, got, message = `expected ${expected}, got ${got}` } = problem;
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return [place, path, message].filter((part) => part !== '').join(': ');
}

/** A path in the notation of the file. */
export function formatPath(path: readonly (string | number)[]): string {
  return path
    .map((part) => (typeof part === 'number' || /^[\w-]+$/.test(part) ? String(part) : JSON.stringify(part)))
    .join('.');
}

/** The two fields of a position; empty for `undefined`. */
export function placeOf(position: Position | undefined): { line?: number; column?: number } {
  return position === undefined ? {} : { line: position.line, column: position.column };
}
