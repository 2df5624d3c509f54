// The registry of administrators' commands, shared by the command line, the admin socket and modules.

import { type Infer, type Option, OptionError, type Options, parseOptions } from '../config/options.ts';
import { OperatorError } from '../util/operator-error.ts';

export interface CommandContext {
  /** The caller, for the log: `admin socket`, `command line`, or a JID. */
  readonly by: string;
  /** Aborted when the administrator's connection ends. */
  readonly signal?: AbortSignal;
}

/** The result of a command: a table, a sentence, or both. Plain JSON throughout. */
export interface CommandResult {
  /** One object per row, keyed by column. */
  readonly rows?: readonly Readonly<Record<string, unknown>>[];
  /** The keys of the rows to show, in this order; default: those of the first row. */
  readonly columns?: readonly string[];
  /** Text for people. */
  readonly text?: string;
  /** Data for programs (`--json`) when `rows` does not hold everything. */
  readonly data?: unknown;
}

/** One command. */
export interface Command<O extends Options = Options> {
  /** One or more words: `joins`, `joins probe`. */
  readonly name: string;
  /** One line, for the help. */
  readonly summary: string;
  readonly args: O;
  /** The arguments given by position on the command line, in order; the rest are `--flags`. */
  readonly positional?: readonly (keyof O & string)[];
  /** The command is available on the machine itself only, never over XMPP. */
  readonly localOnly?: boolean;
  /** The command deletes something for good, so the command line asks for confirmation. */
  readonly destroys?: boolean;
  /** The error text if no host has what the arguments name; default: a text that names the hosts asked. */
  nothing?(args: Infer<O>): string;
  /**
   * A command of single hosts returns `{}` when the arguments name something on another host.
   * @throws CommandError with a sentence for the administrator.
   */
  run(args: Infer<O>, context: CommandContext): Promise<CommandResult> | CommandResult;
}

export type CommandErrorCode =
  /** The arguments are wrong. */
  | 'usage'
  /** No such command is registered. */
  | 'unknown-command'
  /** The command is valid but cannot be carried out. */
  | 'refused';

/** A command was not carried out; the message is a sentence for the administrator. */
export class CommandError extends OperatorError {
  readonly code: CommandErrorCode;

  constructor(message: string, code: CommandErrorCode = 'refused', cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CommandError';
    this.code = code;
  }
}

/**
 * Infers the types of a command that is not passed directly to `register` or `module.command`; returns it as the type
 * that every registry takes.
 */
export function defineCommand<const O extends Options>(command: Command<O>): Command {
  return command as unknown as Command;
}

/** A command, and the hosts that offer it. */
export interface CommandOffer {
  readonly command: Command;
  readonly hosts: readonly string[] | undefined;
}

interface Entry {
  readonly command: Command;
  /** The host that the command belongs to; `undefined` for the whole server. */
  readonly host: string | undefined;
}

/**
 * The registered commands. A name is registered once for the whole server, or once for each host. In the second case it
 * runs on every host, or on the one that the argument `host` names, and the results are merged.
 */
export class CommandRegistry {
  readonly #entries = new Map<string, Entry[]>();

  /**
   * Registers a command until the returned function is called.
   * @throws CommandError when the name is taken (for that host).
   */
  register<const O extends Options>(command: Command<O>, host?: string): () => void {
    const name = normalise(command.name);
    const entries = this.#entries.get(name) ?? [];
    if (entries.some((entry) => entry.host === host || entry.host === undefined || host === undefined)) {
      const where = host === undefined ? '' : ` on ${host}`;
      throw new CommandError(`the command "${name}" is registered already${where}`);
    }
    const entry: Entry = { command: defineCommand(command), host };
    this.#entries.set(name, [...entries, entry]);
    return () => this.#remove(name, entry);
  }

  /** Every command once, by name. */
  list(): readonly Command[] {
    const first = [...this.#entries.values()].flatMap(([entry]) =>
      entry === undefined ? [] : [entry.command],
    );
    return first.sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Every command once, by name, with the hosts that offer it; `undefined`: the command is for the whole server. */
  offers(): readonly CommandOffer[] {
    return this.list().map((command) => {
      const hosts = (this.#entries.get(normalise(command.name)) ?? []).flatMap(({ host }) => host ?? []);
      return { command, hosts: hosts.length === 0 ? undefined : hosts };
    });
  }

  get(name: string): Command | undefined {
    return this.#entries.get(normalise(name))?.[0]?.command;
  }

  /**
   * Checks the arguments and runs a command.
   * @throws CommandError when no such command or host exists, the arguments are wrong, or the command is refused.
   */
  async run(
    name: string,
    args: Readonly<Record<string, unknown>>,
    context: CommandContext,
  ): Promise<CommandResult> {
    const entries = this.#entries.get(normalise(name));
    if (entries === undefined)
      throw new CommandError(`there is no command "${name}"; "enjamb --help" lists them`, 'unknown-command');
    const { chosen, rest } = choose(entries, args);
    const answers: [host: string | undefined, result: CommandResult][] = [];
    for (const { command, host } of chosen) {
      answers.push([host, await runCommand(command, rest, context)]);
    }
    if (answers.every(([host, result]) => host !== undefined && isEmpty(result))) {
      const asked = answers.map(([host]) => host).join(', ');
      const [{ command }] = chosen as [Entry];
      throw new CommandError(nothingText(command, rest) ?? `none of these hosts has such an entry: ${asked}`);
    }
    return merge(answers);
  }

  #remove(name: string, entry: Entry): void {
    const left = (this.#entries.get(name) ?? []).filter((other) => other !== entry);
    if (left.length === 0) this.#entries.delete(name);
    else this.#entries.set(name, left);
  }
}

/** The description of one argument, for `--help` and the socket. */
export interface ArgumentInfo {
  readonly name: string;
  readonly doc: string;
  readonly takes: string;
  readonly required: boolean;
}

/** The arguments of a command as plain data. */
export function describeArguments(command: Command): readonly ArgumentInfo[] {
  return Object.entries(command.args).map(([name, option]: [string, Option<unknown>]) => ({
    name,
    doc: option.doc,
    takes: option.describe(),
    required: option.required,
  }));
}

/**
 * Checks the arguments and runs a command, registered or not.
 * @throws CommandError when the arguments are wrong, or the command cannot be carried out.
 */
export async function runCommand(
  command: Command,
  raw: Readonly<Record<string, unknown>>,
  context: CommandContext,
): Promise<CommandResult> {
  const args = parseArguments(command, raw);
  try {
    return await command.run(args, context);
  } catch (error) {
    if (error instanceof CommandError || !(error instanceof OperatorError) || error.isFault) throw error;
    throw new CommandError(error.message, 'refused', error);
  }
}

function nothingText(command: Command, raw: Readonly<Record<string, unknown>>): string | undefined {
  return command.nothing?.(parseArguments(command, raw));
}

function parseArguments(command: Command, raw: Readonly<Record<string, unknown>>): Infer<Options> {
  const fitted = Object.entries(raw).map(([key, value]) => [key, fit(command.args[key], value)]);
  try {
    return parseOptions(command.args, Object.fromEntries(fitted));
  } catch (error) {
    if (error instanceof OptionError) throw new CommandError(`${command.name}: ${error.message}`, 'usage');
    throw error;
  }
}

/** Command lines and forms hold text only: text that is not valid is parsed as a number or boolean. */
function fit(option: Option<unknown> | undefined, value: unknown): unknown {
  if (option === undefined || typeof value !== 'string' || accepts(option, value)) return value;
  const readings = [spelled(value), value.split(',').map((part) => part.trim())];
  return readings.find((reading) => reading !== undefined && accepts(option, reading)) ?? value;
}

function accepts(option: Option<unknown>, value: unknown): boolean {
  try {
    option.parse(value);
    return true;
  } catch {
    return false;
  }
}

function spelled(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined;
}

/** Commands of single hosts take an argument `host` that selects one, unless they declare their own `host`. */
function choose(
  entries: readonly Entry[],
  args: Readonly<Record<string, unknown>>,
): { chosen: readonly Entry[]; rest: Readonly<Record<string, unknown>> } {
  const ownsHost = entries.some(
    (entry) => entry.host === undefined || Object.hasOwn(entry.command.args, 'host'),
  );
  if (ownsHost || args.host === undefined) return { chosen: entries, rest: args };
  const { host, ...rest } = args;
  const chosen = entries.filter((entry) => entry.host === host);
  if (chosen.length > 0) return { chosen, rest };
  const offered = entries.map((entry) => entry.host).join(', ');
  throw new CommandError(
    `the host "${String(host)}" does not have this command; these hosts do: ${offered}`,
    'usage',
  );
}

function isEmpty({ rows, text, data }: CommandResult): boolean {
  return rows === undefined && text === undefined && data === undefined;
}

function merge(answers: readonly (readonly [string | undefined, CommandResult])[]): CommandResult {
  const [first] = answers;
  if (first === undefined) return {};
  if (answers.length === 1) return first[1];
  const columns = answers.find(([, result]) => result.columns !== undefined)?.[1].columns;
  const rows = answers.flatMap(([host, result]) => (result.rows ?? []).map((row) => ({ host, ...row })));
  const texts = answers.flatMap(([host, { text }]) => (text === undefined ? [] : [`${host}: ${text}`]));
  const data = answers.flatMap(([host, result]) => (result.data === undefined ? [] : [[host, result.data]]));
  return {
    ...(answers.some(([, result]) => result.rows !== undefined) ? { rows } : {}),
    ...(columns === undefined ? {} : { columns: ['host', ...columns.filter((name) => name !== 'host')] }),
    ...(texts.length === 0 ? {} : { text: texts.join('\n') }),
    ...(data.length === 0 ? {} : { data: Object.fromEntries(data) }),
  };
}

function normalise(name: string): string {
  return name.trim().replaceAll(/\s+/g, ' ');
}
