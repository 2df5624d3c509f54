// Runs an administrator's command on the running server, else on the database if the command needs no server.

import { archiveCommands } from '../admin/archive-commands.ts';
import { AdminClient } from '../admin/client.ts';
import { CommandRegistry, type CommandResult } from '../admin/commands.ts';
import { userCommands } from '../admin/user-commands.ts';
import type { Config } from '../config/config.ts';
import { openOffline } from './offline.ts';
import { CliError, type Terminal } from './terminal.ts';

export type CommandArgs = Readonly<Record<string, unknown>>;

/**
 * Runs a command on the running server.
 * @throws CliError when no server is running, CommandError when the command is refused.
 */
export async function runOnServer(config: Config, name: string, args: CommandArgs): Promise<CommandResult> {
  const client = await AdminClient.connect(config.core.data_path);
  if (client === undefined) throw noServer(config, name);
  try {
    return await client.run(name, args);
  } finally {
    client.close();
  }
}

/**
 * Runs a command on the running server, or on the database when no server is running.
 * @throws CliError, CommandError, StorageError
 */
export async function runAnywhere(
  config: Config,
  name: string,
  args: CommandArgs,
  terminal: Terminal,
): Promise<CommandResult> {
  const client = await AdminClient.connect(config.core.data_path);
  if (client === undefined) return runOffline(config, name, args, terminal);
  try {
    return await client.run(name, args);
  } finally {
    client.close();
  }
}

/** The error for a command that needs a running server. */
export function noServer(config: Config, name: string): CliError {
  const how = config.path === undefined ? 'enjamb start' : `enjamb start -c ${config.path}`;
  return new CliError(
    `"${name}" needs a running server, and no server uses the data directory ${config.core.data_path}\n` +
      `start it with "${how}", or name its configuration with -c FILE`,
  );
}

async function runOffline(
  config: Config,
  name: string,
  args: CommandArgs,
  terminal: Terminal,
): Promise<CommandResult> {
  const { admin, archives, close } = await openOffline(config);
  try {
    const registry = new CommandRegistry();
    for (const command of [...userCommands(admin), ...archiveCommands(archives)]) registry.register(command);
    const result = await registry.run(name, args, { by: 'command line' });
    terminal.stderr.write(`No server is running; working on the database in ${config.core.data_path}.\n`);
    return result;
  } finally {
    await close();
  }
}
