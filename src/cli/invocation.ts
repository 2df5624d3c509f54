// What all commands of the program share.

import type { Command } from 'commander';
import type { ExitCode, Terminal } from './terminal.ts';

export interface CommonOptions {
  config?: string;
  json?: boolean;
}

/** What the parts of the program share: where to write, and how to say how it ended. */
export interface Session {
  readonly terminal: Terminal;
  exitCode: ExitCode;
}

/** `-c FILE`, on every command. */
export function withConfig(command: Command): Command {
  return command.option('-c, --config <file>', 'the configuration file (default: enjamb.toml if it exists)');
}
