// The input and output of a command, and its exit code.

import type { Readable, Writable } from 'node:stream';
import { OperatorError } from '../util/operator-error.ts';

export interface Terminal {
  readonly stdin: Readable & { isTTY?: boolean; setRawMode?(mode: boolean): unknown };
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** 0: done; 1: refused or failed, with the reason on stderr; 2: wrong usage. */
export type ExitCode = 0 | 1 | 2;

/** Ends the command with a sentence on stderr. */
export class CliError extends OperatorError {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = 1) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}
