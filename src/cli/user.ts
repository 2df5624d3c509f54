// `enjamb user …`: manages accounts on the running server or in the database.

import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { CORE_OPTIONS } from '../config/core-options.ts';
import { Jid } from '../xml/jid.ts';
import { readConfig } from './configuration.ts';
import { confirm } from './confirm.ts';
import { type CommonOptions, type Session, withConfig } from './invocation.ts';
import { renderResult } from './output.ts';
import { newPassword, type PasswordSource } from './password.ts';
import { type CommandArgs, runAnywhere, runOnServer } from './run-command.ts';

type UserOptions = CommonOptions & PasswordSource & { admin?: boolean; host?: string; yes?: boolean };

export function addUserCommands(program: Command, session: Session): void {
  const group = program.command('user').description('accounts');
  addPasswordCommand(group, session, 'add', 'create an account').option(
    '--admin',
    'print how to make it an administrator',
  );
  addPasswordCommand(group, session, 'passwd', 'set a new password');
  addPlainCommand(group, session, 'disable', 'prevent an account from logging in; its data is kept');
  addPlainCommand(group, session, 'enable', 'let a disabled account log in again');
  addDelete(group, session);
  addList(group, session);
  addSessions(group, session);
}

/** `add` and `passwd` need a password besides the address. */
function addPasswordCommand(group: Command, session: Session, name: string, summary: string): Command {
  return withConfig(group.command(name).description(summary))
    .argument('<jid>', 'the account, such as romeo@example.org')
    .option('--password-stdin', 'read the password from standard input')
    .option('--generate', 'generate a password and print it')
    .option('--json', 'print JSON, for programs')
    .action(async (jid: string, options: UserOptions) => {
      const config = await readConfig(options.config);
      const password = await newPassword(options, session.terminal);
      const result = await runAnywhere(config, `user ${name}`, { jid, password }, session.terminal);
      const shown = options.generate === true ? password : undefined;
      const advice = options.admin === true && options.json !== true ? adminAdvice(config, jid) : '';
      session.terminal.stdout.write(report(result.text ?? '', jid, shown, options) + advice);
    });
}

function report(done: string, jid: string, password: string | undefined, options: UserOptions): string {
  if (options.json === true)
    return `${JSON.stringify({ jid, ...(password === undefined ? {} : { password }) })}\n`;
  return `${done}\n${password === undefined ? '' : `password: ${password}\n`}`;
}

/** Instructions to make the account an administrator; empty if `admins` names it already. */
function adminAdvice(config: Config, jid: string): string {
  const address = Jid.parse(jid);
  const host = config.hosts.find(({ domain }) => domain === address.domain);
  const { admins } = host?.get({ admins: CORE_OPTIONS.admins }) ?? config.core;
  if (admins.includes(address.bare)) return '';
  const setting = `admins = ${JSON.stringify([...admins, address.bare]).replaceAll(',', ', ')}`;
  if (config.path === undefined)
    return (
      `To make it an administrator, create enjamb.toml (a copy of enjamb.example.toml) with ${setting}\n` +
      'and your hosts, and restart the server.\n'
    );
  return (
    `To make it an administrator, set ${setting} in ${config.path}.\n` +
    'A running server reads the change on SIGHUP ("kill -HUP PID"), without a restart.\n'
  );
}

function addDelete(group: Command, session: Session): void {
  withConfig(group.command('delete').description('delete an account and all its data'))
    .argument('<jid>', 'the account, such as romeo@example.org')
    .option('--yes', 'delete without asking')
    .option('--json', 'print JSON, for programs')
    .action(async (jid: string, options: UserOptions) => {
      const question = `Delete ${jid} and all its data?`;
      await confirm(question, options.yes === true, session.terminal);
      await answer(session, 'user delete', { jid }, options);
    });
}

function addPlainCommand(group: Command, session: Session, name: string, summary: string): void {
  withConfig(group.command(name).description(summary))
    .argument('<jid>', 'the account, such as romeo@example.org')
    .option('--json', 'print JSON, for programs')
    .action((jid: string, options: UserOptions) => answer(session, `user ${name}`, { jid }, options));
}

function addList(group: Command, session: Session): void {
  withConfig(group.command('list').description('list the accounts'))
    .option('--host <host>', 'only the accounts of this host')
    .option('--json', 'print JSON, for programs')
    .action((options: UserOptions) => {
      const args: CommandArgs = options.host === undefined ? {} : { host: options.host };
      return answer(session, 'user list', args, options);
    });
}

/** Adds `user sessions`: only the running server knows the sessions. */
function addSessions(group: Command, session: Session): void {
  withConfig(group.command('sessions').description('list the sessions of clients'))
    .argument('[jid]', 'only the sessions of this account')
    .option('--json', 'print JSON, for programs')
    .action(async (jid: string | undefined, options: UserOptions) => {
      const args: CommandArgs = jid === undefined ? {} : { jid };
      const result = await runOnServer(await readConfig(options.config), 'user sessions', args);
      session.terminal.stdout.write(renderResult(result, options.json === true));
    });
}

async function answer(
  session: Session,
  name: string,
  args: CommandArgs,
  options: UserOptions,
): Promise<void> {
  const result = await runAnywhere(await readConfig(options.config), name, args, session.terminal);
  session.terminal.stdout.write(renderResult(result, options.json === true));
}
