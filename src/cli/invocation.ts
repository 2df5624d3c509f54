// The parts that all commands of the program share.

import type { Command } from 'commander';
import type { ExitCode, Terminal } from './terminal.ts';

export interface CommonOptions {
  config?: string;
  json?: boolean;
}

/** One run of the program: its terminal and its exit code. */
export interface Session {
  readonly terminal: Terminal;
  exitCode: ExitCode;
}

/** Adds `-c FILE`, which every command has. */
export function withConfig(command: Command): Command {
  return command.option('-c, --config <file>', 'the configuration file (default: enjamb.toml if it exists)');
}
