// `enjamb archive …`: the archives of the accounts, on the running server or in the database.

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { AdminClient } from '../admin/client.ts';
import { databaseOf } from './backup.ts';
import { readConfig } from './configuration.ts';
import { confirm } from './confirm.ts';
import { type CommonOptions, type Session, withConfig } from './invocation.ts';
import { renderResult } from './output.ts';
import { type CommandArgs, runAnywhere } from './run-command.ts';
import { CliError } from './terminal.ts';

type ArchiveOptions = CommonOptions & { yes?: boolean; with?: string; before?: string };

export function addArchiveCommands(program: Command, session: Session): void {
  const group = program.command('archive').description('archives of messages');
  withConfig(group.command('show').description('list the archives of the accounts, with their sizes'))
    .argument('[jid]', 'only this account')
    .option('--json', 'print JSON, for programs')
    .action((jid: string | undefined, options: ArchiveOptions) =>
      answer(session, 'archive show', { jid }, options),
    );
  addDelete(group, session);
  addCompact(group, session);
  addRepairTime(group, session);
  withConfig(group.command('keep').description('set how long the messages of an account are kept'))
    .argument('<jid>', 'the account, such as romeo@example.org')
    .argument('<time>', 'the time, such as "90 days", or "default"')
    .option('--json', 'print JSON, for programs')
    .action((jid: string, time: string, options: ArchiveOptions) =>
      answer(session, 'archive keep', { jid, time }, options),
    );
}

function addCompact(group: Command, session: Session): void {
  withConfig(group.command('compact').description('give the space of deleted messages back to the system'))
    .option('--json', 'print JSON, for programs')
    .action((options: ArchiveOptions) => runCompact(options, session));
}

async function runCompact(options: ArchiveOptions, { terminal }: Session): Promise<void> {
  const { database, isRunning } = await findDatabase(options);
  const { compact } = await import('../storage/compact.ts');
  terminal.stderr.write(`Compacting ${database} …\n`);
  const onStep = (left: number): void => void terminal.stderr.write(`${left} free pages left\n`);
  const size = compact(database, { isRunning, onStep });
  const text = `${database} had ${size.before} bytes, and has ${size.after} now`;
  terminal.stdout.write(options.json === true ? `${JSON.stringify(size)}\n` : `${text}\n`);
}

function addRepairTime(group: Command, session: Session): void {
  withConfig(
    group
      .command('repair-time')
      .description('give messages from the future the time of now, after the clock was wrong'),
  )
    .option('--json', 'print JSON, for programs')
    .action((options: ArchiveOptions) => runRepairTime(options, session));
}

async function runRepairTime(options: ArchiveOptions, { terminal }: Session): Promise<void> {
  const { database, isRunning } = await findDatabase(options);
  if (isRunning) throw new CliError('a server is running; stop it first');
  const { repairTime } = await import('../storage/repair-time.ts');
  const messages = repairTime(database, Date.now());
  const text = `${messages} messages had a time in the future, and have the time of now`;
  terminal.stdout.write(options.json === true ? `${JSON.stringify({ messages })}\n` : `${text}\n`);
}

/** @throws CliError if there is no database */
async function findDatabase(options: ArchiveOptions): Promise<{ database: string; isRunning: boolean }> {
  const config = await readConfig(options.config);
  const database = databaseOf(config);
  if (!existsSync(database)) throw new CliError(`there is no database at ${database}`);
  const server = await AdminClient.connect(config.core.data_path);
  server?.close();
  return { database, isRunning: server !== undefined };
}

function addDelete(group: Command, session: Session): void {
  withConfig(group.command('delete').description('delete messages from the archive of an account'))
    .argument('<jid>', 'the account, such as romeo@example.org')
    .option('--with <jid>', 'only messages to and from this address')
    .option('--before <time>', 'only messages from before this time, such as 2026-01-31')
    .option('--yes', 'delete without asking')
    .option('--json', 'print JSON, for programs')
    .action(async (jid: string, options: ArchiveOptions) => {
      const which = options.with === undefined && options.before === undefined ? 'all' : 'these';
      const question = `Delete ${which} messages from the archive of ${jid}?`;
      await confirm(question, options.yes === true, session.terminal);
      const { with: peer, before } = options;
      await answer(session, 'archive delete', { jid, with: peer, before }, options);
    });
}

async function answer(
  { terminal }: Session,
  name: string,
  args: CommandArgs,
  options: ArchiveOptions,
): Promise<void> {
  const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
  const result = await runAnywhere(await readConfig(options.config), name, given, terminal);
  terminal.stdout.write(renderResult(result, options.json === true, 'nobody has an archive'));
}
