// The command `enjamb`: its subcommands, options and exit codes. The only user of the command line library.

import { Command, CommanderError } from 'commander';
import { CommandError } from '../admin/commands.ts';
import { OperatorError } from '../util/operator-error.ts';
import { addArchiveCommands } from './archive.ts';
import { addBackupCommands } from './backup.ts';
import { CHECK_NAMES, check } from './check/index.ts';
import { readConfig } from './configuration.ts';
import { runDynamic } from './dynamic.ts';
import { type CommonOptions, type Session, withConfig } from './invocation.ts';
import { renderResult } from './output.ts';
import { type CommandArgs, runOnServer } from './run-command.ts';
import { start } from './start.ts';
import { CliError, type ExitCode, type Terminal } from './terminal.ts';
import { explainUsage } from './usage.ts';
import { addUserCommands } from './user.ts';
import { version } from './version.ts';

/** Runs `enjamb` with its arguments (without the program's name); never rejects. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const session: Session = { terminal, exitCode: 0 };
  const program = buildProgram(session);
  const own = program.commands.map((command) => command.name());
  try {
    const [first] = argv;
    if (first === undefined) {
      terminal.stderr.write(program.helpInformation());
      return 2;
    }
    if (!first.startsWith('-') && ![...own, 'help'].includes(first))
      return await runDynamic(argv, own, terminal);
    await program.parseAsync([...argv], { from: 'user' });
    return session.exitCode;
  } catch (error) {
    return explain(error, terminal);
  }
}

function buildProgram(session: Session): Command {
  const { stdout, stderr } = session.terminal;
  const program = new Command('enjamb')
    .description('An XMPP server whose users stay in their rooms')
    .version(version, '-V, --version')
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .exitOverride();
  addStart(program, session);
  addCheck(program, session);
  addUserCommands(program, session);
  addModuleCommands(program, session);
  addLinkCommands(program, session);
  addJoins(program, session);
  addOverviews(program, session);
  addBackupCommands(program, session);
  addArchiveCommands(program, session);
  explainUsage(program);
  return program;
}

function addStart(program: Command, session: Session): void {
  const command = withConfig(program.command('start').description('run the server in the foreground'));
  command
    .option('--no-backup', 'do not copy a database of an older version before it is converted')
    .action(async (options: CommonOptions & { backup: boolean }) => {
      session.exitCode = await start(options.config, session.terminal, { isBackedUp: options.backup });
    });
}

function addCheck(program: Command, session: Session): void {
  withConfig(program.command('check').description('find mistakes in the setup, with remedies'))
    .argument('[what]', `what to check: ${CHECK_NAMES.join(', ')} (default: everything)`)
    .option('--json', 'print JSON, for programs')
    .action(async (only: string | undefined, options: CommonOptions) => {
      const settings = { file: options.config, only, json: options.json === true };
      session.exitCode = await check(settings, session.terminal);
    });
}

function addModuleCommands(program: Command, session: Session): void {
  const group = program.command('module').description('modules of the running server');
  remote(group.command('list').description('list the loaded modules'), session, 'module list', () => ({}));
  for (const [action, what] of [
    ['load', 'load a module'],
    ['unload', 'remove a module from the running server'],
    ['reload', 'load the current file of a module in place of the running one'],
  ] as const) {
    const command = group.command(action).description(what).argument('<name>', 'the module');
    remote(command, session, `module ${action}`, (name) => ({ name }));
  }
  for (const command of group.commands) command.option('--host <host>', 'only on this host');
}

function addLinkCommands(program: Command, session: Session): void {
  const group = program.command('s2s').description('links to other servers');
  const list = group.command('list').description('list links with their last errors and the times of both');
  list.argument('[domain]', 'only this other server');
  const none = (domain?: string) => `no link to ${domain ?? 'any other server'}`;
  remote(list, session, 's2s list', (domain) => ({ domain }), none);
  for (const [action, what] of [
    ['close', 'close the links to a domain'],
    ['ping', 'check that a domain answers'],
  ] as const) {
    const command = group.command(action).description(what).argument('<domain>', 'the other server');
    remote(command, session, `s2s ${action}`, (domain) => ({ domain }));
  }
}

function addJoins(program: Command, session: Session): void {
  const joins = program
    .command('joins')
    .description('list the rooms on other servers that local users are in, with state and last proof');
  joins.argument('[who]', 'a user, a client, a room, or a domain of rooms');
  const none = (who?: string) =>
    who === undefined ? 'no user is in a room on another server' : `no join matches ${who}`;
  remote(joins, session, 'joins', (who) => ({ who }), none);
  const probe = joins.command('probe').description('ask the rooms of a domain now');
  probe.argument('<domain>', 'the domain of the rooms');
  remote(probe, session, 'joins probe', (domain) => ({ domain }));
  const forget = joins.command('forget').description('forget a join without telling the client or the room');
  forget.argument('<client>', 'the full address of the client').argument('<room>', 'the address of the room');
  remote(forget, session, 'joins forget', (client, room) => ({ client, room }));
}

function addOverviews(program: Command, session: Session): void {
  const components = program.command('components').description('external components (XEP-0114)');
  const list = components
    .command('list')
    .description('list external components, and why disconnected ones disconnected');
  remote(list, session, 'components list', () => ({}));
  const metrics = program.command('metrics').description('what the server has counted, as OpenMetrics text');
  remote(metrics, session, 'metrics', () => ({}));
}

/** Adds a command that runs on the running server. */
function remote(
  command: Command,
  session: Session,
  name: string,
  argsOf: (...words: (string | undefined)[]) => CommandArgs,
  /** The text for a listing without rows. */
  none?: (...words: (string | undefined)[]) => string,
): void {
  withConfig(command).option('--json', 'print JSON, for programs');
  command.action(async (...given: unknown[]) => {
    const words = given.map((word) => (typeof word === 'string' ? word : undefined));
    const options = command.optsWithGlobals<CommonOptions & { host?: string }>();
    const args = { ...argsOf(...words), ...(options.host === undefined ? {} : { host: options.host }) };
    const result = await runOnServer(await readConfig(options.config), name, withoutGaps(args));
    session.terminal.stdout.write(renderResult(result, options.json === true, none?.(...words)));
  });
}

function withoutGaps(args: CommandArgs): CommandArgs {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
}

/** Prints the error, without a stack if the sentence alone tells the administrator what to do. */
function explain(error: unknown, { stderr }: Terminal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  stderr.write(`enjamb: ${textOf(error)}\n`);
  if (error instanceof CliError) return error.exitCode;
  return error instanceof CommandError && error.code === 'usage' ? 2 : 1;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof OperatorError)) return error.stack ?? error.message;
  const word = error.documentedAs;
  return word === undefined ? error.message : `${error.message}\n(${word}: see docs/errors.md)`;
}
