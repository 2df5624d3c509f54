// One option: parser, default and description of its value; and the parser for a whole set of options.

/** One kind for each builder; `text` is `string`, `choice` is `oneOf`, `address` is `jid` or `account`. */
export type OptionKind =
  | 'address'
  | 'boolean'
  | 'choice'
  | 'domain'
  | 'duration'
  | 'integer'
  | 'list'
  | 'number'
  | 'rate'
  | 'record'
  | 'size'
  | 'text';

/** One option. `T` is the type in the code; the notation of the file may differ (`"10 minutes"` → milliseconds). */
export interface Option<out T> {
  /** What kind of value it is. */
  readonly kind: OptionKind;
  /** One line for the generated documentation. */
  readonly doc: string;
  /** The default value, as `T`; `undefined` if there is none. */
  readonly default: T | undefined;
  /** The default value in the notation of the file. */
  readonly fileDefault: unknown;
  /** The option has no default and is not optional. */
  readonly required: boolean;
  /** The value is never shown in messages, listings or logs. */
  readonly secret: boolean;
  /** The options inside a `record`. */
  readonly fields?: Options;
  /** All valid values, if they are a few words. */
  readonly choices?: readonly string[];
  /**
   * Converts a value of the file; `undefined` gives the default.
   * @throws OptionError naming every mistake in the value.
   */
  parse(raw: unknown): T;
  /** A description of the valid values, with its article: `an integer from 1 to 65535`. */
  describe(): string;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** The static type of a set of options; the keys are those of the file. */
export type Infer<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

/** One mistake in a value; `path` leads to the invalid part of it (list index, table key). */
export interface OptionIssue {
  readonly path: readonly (string | number)[];
  readonly expected: string;
  readonly got: string;
  /** Valid words, for a suggestion. */
  readonly known?: readonly string[];
  /** A more precise reason, and the remedy. */
  readonly hint?: string;
  /** Set for the address of an account without a domain. */
  readonly lacks?: 'domain';
}

/** The value of an option is not valid; the message says `expected …, got …`. */
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
  const unknownKeys = unknown.map((key) => ({ path: [key], expected: 'a known key', got: show(key), known }));
  if (unknownKeys.length + issues.length > 0) throw new OptionError([...unknownKeys, ...issues]);
  return Object.fromEntries(values) as Infer<O>;
}

/** A short form of a value for error messages, never a whole table. */
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

/** The settings that every builder takes. */
export interface Common {
  default?: unknown;
  optional?: boolean;
  secret?: boolean;
}

/** Builds an option; `read` returns `undefined` for a value that is not valid. */
export function define(
  kind: OptionKind,
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
    kind,
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

/** Runs every parser and collects all mistakes, each with its key prepended to its path. */
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
