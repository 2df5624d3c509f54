// Commands of the running server's modules: `enjamb NAME …` for a name that this program does not know.

import { AdminClient } from '../admin/client.ts';
import type { ArgumentInfo } from '../admin/commands.ts';
import { didYouMean } from '../config/suggest.ts';
import { readConfig } from './configuration.ts';
import { confirm } from './confirm.ts';
import { renderResult } from './output.ts';
import { CliError, type ExitCode, type Terminal } from './terminal.ts';

/** The server's description of a command (`commands` on the admin socket). */
export interface RemoteCommand {
  readonly name: string;
  readonly summary: string;
  readonly positional: readonly string[];
  readonly args: readonly ArgumentInfo[];
  /** The command deletes something for good, so it needs confirmation. */
  readonly destroys?: boolean;
}

/** Runs the server's or a module's command that the words name. `own`: this program's commands, for suggestions. */
export async function runDynamic(
  argv: readonly string[],
  own: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  const { rest, json, file, isSure, wantsHelp } = takeCommon(argv);
  const config = await readConfig(file);
  const client = await AdminClient.connect(config.core.data_path);
  if (client === undefined)
    throw unknown(rest, own, '; if it is a command of a module, start the server first');
  try {
    const commands = (await client.run('commands')).data as readonly RemoteCommand[];
    const command = longestMatch(rest, commands);
    if (command === undefined) throw unknown(rest, [...own, ...commands.map(({ name }) => name)]);
    if (wantsHelp) {
      terminal.stdout.write(help(command));
      return 0;
    }
    const args = parseWords(command, rest.slice(command.name.split(' ').length));
    if (command.destroys === true)
      await confirm(`"${rest.join(' ')}" cannot be undone. Continue?`, isSure, terminal);
    const result = await client.run(command.name, args);
    terminal.stdout.write(renderResult(result, json));
    return 0;
  } finally {
    client.close();
  }
}

/**
 * Parses the words after a command's name: `--flag value`, `--flag=value`, and the rest by position.
 * @throws CliError when they do not match the command's arguments.
 */
export function parseWords(command: RemoteCommand, words: readonly string[]): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  const positional: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (!word.startsWith('--')) {
      positional.push(word);
      continue;
    }
    const [name, value] = splitFlag(word);
    const info = command.args.find((arg) => arg.name === name) ?? (name === 'host' ? HOST : undefined);
    if (info === undefined)
      throw new CliError(`"${command.name}" has no option --${flagOf(name)}\n${usage(command)}`, 2);
    if (value !== undefined) args[name] = value;
    else args[name] = info.takes === 'true or false' ? true : words[++index];
    if (args[name] === undefined)
      throw new CliError(`--${flagOf(name)} needs a value: ${info.takes}\n${usage(command)}`, 2);
  }
  for (const [index, word] of positional.entries()) {
    const name = command.positional[index];
    if (name === undefined) throw new CliError(`unexpected argument "${word}"\n${usage(command)}`, 2);
    args[name] = word;
  }
  return args;
}

/** Commands of single hosts take this argument without declaring it. */
const HOST: ArgumentInfo = { name: 'host', doc: 'Only this host', takes: 'a host', required: false };

function splitFlag(word: string): readonly [name: string, value: string | undefined] {
  const equals = word.indexOf('=');
  const name = (equals === -1 ? word : word.slice(0, equals)).slice(2).replaceAll('-', '_');
  return [name, equals === -1 ? undefined : word.slice(equals + 1)];
}

function usage(command: RemoteCommand): string {
  const flags = command.args.filter((arg) => !command.positional.includes(arg.name));
  const words = [
    ...command.positional.map((name) => positionalWord(command, name)),
    ...flags.map((arg) => `[--${flagOf(arg.name)} …]`),
    ...(command.destroys === true ? ['[--yes]'] : []),
  ];
  return `usage: enjamb ${command.name} ${words.join(' ')}`.trimEnd();
}

/** An optional argument is in brackets. */
function positionalWord(command: RemoteCommand, name: string): string {
  const word = name.toUpperCase();
  return command.args.find((arg) => arg.name === name)?.required === false ? `[${word}]` : word;
}

/** The summary, the usage, and one line for each argument. */
export function help(command: RemoteCommand): string {
  const { args, positional, summary } = command;
  const nameOf = ({ name }: ArgumentInfo) =>
    positional.includes(name) ? name.toUpperCase() : `--${flagOf(name)}`;
  const width = Math.max(0, ...args.map((arg) => nameOf(arg).length));
  const lines = args.map((arg) => `  ${nameOf(arg).padEnd(width)}  ${arg.doc}`);
  return [summary, usage(command), ...lines, ''].join('\n');
}

function flagOf(name: string): string {
  return name.replaceAll('_', '-');
}

const COMMON_FLAGS: ReadonlySet<string> = new Set(['--json', '--yes', '--help', '-h']);

interface Common {
  readonly rest: readonly string[];
  readonly json: boolean;
  readonly file: string | undefined;
  readonly isSure: boolean;
  readonly wantsHelp: boolean;
}

/** Removes the flags that every command has from the words. */
function takeCommon(argv: readonly string[]): Common {
  const rest: string[] = [];
  let file: string | undefined;
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === '-c' || word === '--config') file = argv[++index];
    else if (word.startsWith('--config=')) file = word.slice('--config='.length);
    else if (!COMMON_FLAGS.has(word)) rest.push(word);
  }
  const [json, isSure] = [argv.includes('--json'), argv.includes('--yes')];
  return { rest, json, file, isSure, wantsHelp: argv.includes('--help') || argv.includes('-h') };
}

function longestMatch(
  words: readonly string[],
  commands: readonly RemoteCommand[],
): RemoteCommand | undefined {
  const line = `${words.join(' ')} `;
  const fitting = commands.filter(({ name }) => line.startsWith(`${name} `));
  return fitting.sort((a, b) => b.name.length - a.name.length)[0];
}

function unknown(words: readonly string[], known: readonly string[], why = ''): CliError {
  const [first = ''] = words;
  const hint = didYouMean(first, known) ?? didYouMean(words.join(' '), known);
  const advice = hint ?? '"enjamb --help" lists the commands';
  return new CliError(`there is no command "${first}"${why}\n${advice}`, 2);
}
