// `enjamb backup` and `enjamb restore`: a copy of all data in one file. A backup needs no server, and disturbs none: it is
// made by this program.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AdminClient } from '../admin/client.ts';
import type { Config } from '../config/config.ts';
import { formatSize } from '../config/units.ts';
import type { Backup } from '../storage/backup.ts';
import { readConfig } from './configuration.ts';
import { confirm } from './confirm.ts';
import { type CommonOptions, type Session, withConfig } from './invocation.ts';
import { CliError } from './terminal.ts';

const DATABASE = 'enjamb.sqlite';

export function addBackupCommands(program: Command, session: Session): void {
  const backup = program.command('backup').description('copy all data to a new file; the server may run');
  withConfig(backup)
    .argument('<file>', 'the new file')
    .option('--json', 'print JSON, for programs')
    .action((file: string, options: CommonOptions) => runBackup(resolve(file), options, session));

  const restore = program
    .command('restore')
    .description('replace all data by those of a backup; the server must be stopped');
  withConfig(restore)
    .argument('<file>', 'the backup')
    .option('--yes', 'replace the data without asking')
    .option('--json', 'print JSON, for programs')
    .action((file: string, options: RestoreOptions) => runRestore(resolve(file), options, session));
}

type RestoreOptions = CommonOptions & { yes?: boolean };

async function runBackup(file: string, options: CommonOptions, { terminal }: Session): Promise<void> {
  const database = databaseOf(await readConfig(options.config));
  if (!existsSync(database)) throw new CliError(`there is no database at ${database}`);
  const { backUp } = await import('../storage/backup.ts');
  terminal.stderr.write(`Copying ${database} …\n`);
  const backup = backUp(database, file);
  const text = options.json === true ? JSON.stringify({ file, ...backup }) : describe(file, backup);
  terminal.stdout.write(`${text}\n`);
}

async function runRestore(file: string, options: RestoreOptions, { terminal }: Session): Promise<void> {
  const config = await readConfig(options.config);
  const database = databaseOf(config);
  const running = await AdminClient.connect(config.core.data_path);
  running?.close();
  if (running !== undefined)
    throw new CliError(`a server is using ${config.core.data_path}: stop it, then restore the backup`);
  const storage = await import('../storage/backup.ts');
  const backup = storage.inspect(file, 'quick_check');
  terminal.stderr.write(`${describe(file, backup)}\n`);
  await confirm(`Replace all data in ${config.core.data_path} by it?`, options.yes === true, terminal);
  const kept = storage.restore(file, database, new Date());
  const done = kept === undefined ? 'restored' : `restored; what was there before is in ${kept}`;
  terminal.stdout.write(options.json === true ? `${JSON.stringify({ file, kept })}\n` : `${done}\n`);
}

/** @throws CliError if the configuration keeps no data on disk */
export function databaseOf(config: Config): string {
  if (config.core.storage === 'memory')
    throw new CliError('with storage = "memory" there is no database on disk');
  return join(config.core.data_path, DATABASE);
}

function describe(file: string, { bytes, rows }: Backup): string {
  const counts = Object.entries(rows).map(([table, count]) => `${table} ${count}`);
  return `${file}: ${formatSize(bytes)}, undamaged; rows: ${counts.join(', ')}`;
}
