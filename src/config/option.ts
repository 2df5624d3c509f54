// What an option is: its value's parser, default and wording; and how to read a whole set of them.

/** One setting. `T` is what the code reads; the file may write it differently (`"10 minutes"` → milliseconds). */
export interface Option<out T> {
  /** One line for the generated documentation. */
  readonly doc: string;
  /** The value when the file has none, in the code's notation; `undefined` when there is none. */
  readonly default: T | undefined;
  /** The default in the file's notation. */
  readonly fileDefault: unknown;
  /** It must be given: it has no default and is not optional. */
  readonly required: boolean;
  /** Never shown in messages, listings or logs. */
  readonly secret: boolean;
  /** The settings inside, for a `record`. */
  readonly fields?: Options;
  /** All the words that it may be, where these are few. */
  readonly choices?: readonly string[];
  /**
   * Turns a value of the file into one for the code; `undefined` gives the default.
   * @throws OptionError naming every mistake in the value.
   */
  parse(raw: unknown): T;
  /** What the file may say, with its article: `an integer from 1 to 65535`. */
  describe(): string;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** The static type of a set of options, keys as in the file. */
export type Infer<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

/** One mistake in a value; `path` leads to the offending part of it (list index, table key). */
export interface OptionIssue {
  readonly path: readonly (string | number)[];
  readonly expected: string;
  readonly got: string;
  /** Words that would have been right there, for a suggestion. */
  readonly known?: readonly string[];
  /** A more precise reason, and what to write instead. */
  readonly hint?: string;
  /** Set for the address of an account without a domain. */
  readonly lacks?: 'domain';
}

/** A value is not what its option takes; the message says `expected …, got …`. */
export class OptionError extends Error {
  readonly issues: readonly OptionIssue[];

  constructor(issues: readonly OptionIssue[]) {
    super(issues.map(sentence).join('; '));
    this.name = 'OptionError';
    this.issues = issues;
  }
}

/**
 * Reads a whole set of options from one table.
 * @throws OptionError naming every mistake, unknown keys among them.
 */
export function parseOptions<O extends Options>(
  options: O,
  raw: Readonly<Record<string, unknown>>,
): Infer<O> {
  const known = Object.keys(options);
  const unknown = Object.keys(raw).filter((key) => !Object.hasOwn(options, key));
  const [values, issues] = collect(
    Object.entries(options).map(([key, option]) => [key, () => option.parse(own(raw, key))] as const),
  );
  const strangers = unknown.map((key) => ({ path: [key], expected: 'a known key', got: show(key), known }));
  if (strangers.length + issues.length > 0) throw new OptionError([...strangers, ...issues]);
  return Object.fromEntries(values) as Infer<O>;
}

/** A value as an error message shows it: short, and never a whole table. */
export function show(raw: unknown): string {
  if (raw === undefined) return 'nothing';
  if (typeof raw === 'string') return JSON.stringify(raw.length > 60 ? `${raw.slice(0, 57)}…` : raw);
  if (typeof raw === 'number' || typeof raw === 'boolean' || typeof raw === 'bigint') return String(raw);
  if (Array.isArray(raw)) return raw.length === 0 ? 'an empty list' : 'a list';
  if (raw instanceof Date) return 'a date';
  return 'a table';
}

/** Whether a value of the file is a table. */
export function isTable(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) && !(raw instanceof Date);
}

/** What every builder takes. */
export interface Common {
  default?: unknown;
  optional?: boolean;
  secret?: boolean;
}

/** Builds the option; `read` answers `undefined` for a value that does not fit. */
export function define(
  doc: string,
  settings: Common,
  expected: string,
  read: (raw: unknown) => unknown,
  known?: readonly string[],
): Option<unknown> {
  const secret = settings.secret ?? false;
  const accept = (raw: unknown): unknown => {
    const value = read(raw);
    if (value !== undefined) return value;
    const got = secret ? 'a value of another kind' : show(raw);
    throw new OptionError([{ path: [], expected, got, ...(known === undefined ? {} : { known }) }]);
  };
  const fallback = settings.default === undefined ? undefined : accept(settings.default);
  const required = fallback === undefined && settings.optional !== true;
  return {
    doc,
    default: fallback,
    fileDefault: settings.default,
    required,
    secret,
    ...(known === undefined ? {} : { choices: known }),
    parse: (raw) => (raw === undefined && !required ? fallback : accept(raw)),
    describe: () => expected,
  };
}

type Parsed<K> = [values: [key: K, value: unknown][], issues: OptionIssue[]];

/** Runs every parser and gathers all mistakes, each with its key in front of its path. */
export function collect<K extends string | number>(
  tasks: readonly (readonly [K, () => unknown])[],
): Parsed<K> {
  const values: [K, unknown][] = [];
  const issues: OptionIssue[] = [];
  for (const [key, parse] of tasks) {
    try {
      values.push([key, parse()]);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      issues.push(...error.issues.map((issue) => ({ ...issue, path: [key, ...issue.path] })));
    }
  }
  return [values, issues];
}

function own(raw: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(raw, key) ? raw[key] : undefined;
}

function sentence({ path, expected, got, hint }: OptionIssue): string {
  const at = path.length === 0 ? '' : `${path.join('.')}: `;
  return `${at}expected ${expected}, got ${got}${hint === undefined ? '' : `: ${hint}`}`;
}
