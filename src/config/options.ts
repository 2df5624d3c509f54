// The builders of options: one declaration gives the validator, the default, the static type and the documentation.

import { addressFault, canonicalDomain, canonicalJid } from './addresses.ts';
import {
  type Common,
  collect,
  define,
  type Infer,
  isTable,
  type Option,
  OptionError,
  type Options,
  parseOptions,
  show,
} from './option.ts';
import { formatDuration, formatSize, parseDuration, parseRate, parseSize } from './units.ts';

export {
  type Infer,
  type Option,
  OptionError,
  type OptionIssue,
  type OptionKind,
  type Options,
  parseOptions,
} from './option.ts';

interface Optional {
  optional: true;
}
interface Default<F> {
  /** In the notation of the file. */
  default?: F;
}
interface Range<F> {
  /** Inclusive, in the notation of the file. */
  min?: F;
  /** Inclusive, in the notation of the file. */
  max?: F;
}
interface Text {
  /** The whole text must match. */
  pattern?: RegExp;
  /** The meaning of `pattern` in words, with its article. */
  expected?: string;
  /** In characters. */
  maxLength?: number;
  /** The value is never shown in messages and listings. */
  secret?: boolean;
}
interface Duration extends Range<number | string> {
  /** Accepts `"never"`, which becomes Infinity. */
  never?: boolean;
}

/** A boolean. */
export function boolean(doc: string, settings: Optional): Option<boolean | undefined>;
export function boolean(doc: string, settings?: Default<boolean>): Option<boolean>;
export function boolean(doc: string, settings: Common = {}): Option<unknown> {
  return define('boolean', doc, settings, 'true or false', (raw) =>
    typeof raw === 'boolean' ? raw : undefined,
  );
}

/** A whole number. */
export function integer(doc: string, settings: Optional & Range<number>): Option<number | undefined>;
export function integer(doc: string, settings?: Default<number> & Range<number>): Option<number>;
export function integer(doc: string, settings: Common & Range<number> = {}): Option<unknown> {
  const { min, max } = settings;
  return define('integer', doc, settings, `an integer${range(min, max)}`, (raw) =>
    Number.isSafeInteger(raw) ? within(raw as number, min, max) : undefined,
  );
}

/** A number, with or without a fraction. */
export function number(doc: string, settings: Optional & Range<number>): Option<number | undefined>;
export function number(doc: string, settings?: Default<number> & Range<number>): Option<number>;
export function number(doc: string, settings: Common & Range<number> = {}): Option<unknown> {
  const { min, max } = settings;
  return define('number', doc, settings, `a number${range(min, max)}`, (raw) =>
    typeof raw === 'number' && Number.isFinite(raw) ? within(raw, min, max) : undefined,
  );
}

/** Text. */
export function string(doc: string, settings: Optional & Text): Option<string | undefined>;
export function string(doc: string, settings?: Default<string> & Text): Option<string>;
export function string(doc: string, settings: Common & Text = {}): Option<unknown> {
  const { pattern, maxLength = 65_536 } = settings;
  const expected =
    settings.expected ?? (pattern === undefined ? 'text in quotes' : `text matching ${pattern}`);
  return define('text', doc, settings, expected, (raw) => {
    if (typeof raw !== 'string' || raw.length > maxLength) return undefined;
    return pattern === undefined || pattern.test(raw) ? raw : undefined;
  });
}

/** One of a few fixed values. */
export function oneOf<const C extends Choices>(
  doc: string,
  choices: C,
  settings: Optional,
): Option<C[number] | undefined>;
export function oneOf<const C extends Choices>(
  doc: string,
  choices: C,
  settings?: Default<NoInfer<C[number]>>,
): Option<C[number]>;
export function oneOf(doc: string, choices: Choices, settings: Common = {}): Option<unknown> {
  const expected =
    choices.length === 1 ? show(choices[0]) : `one of ${choices.map((c) => show(c)).join(', ')}`;
  const known = choices.filter((choice) => typeof choice === 'string');
  return define('choice', doc, settings, expected, (raw) => choices.find((choice) => choice === raw), known);
}

/** A span of time: seconds or `"10 minutes"` in the file, milliseconds in the code. */
export function duration(doc: string, settings: Optional & Duration): Option<number | undefined>;
export function duration(doc: string, settings?: Default<number | string> & Duration): Option<number>;
export function duration(doc: string, settings: Common & Duration = {}): Option<unknown> {
  const min = settings.min === undefined ? 0 : parseDuration(settings.min);
  const max = settings.max === undefined ? undefined : parseDuration(settings.max);
  const limits = range(settings.min === undefined ? undefined : min, max, formatDuration);
  const expected = `a duration such as 90 or "10 minutes"${limits}${settings.never === true ? ', or "never"' : ''}`;
  return define('duration', doc, settings, expected, (raw) => {
    if (raw === 'never' && settings.never === true) return Number.POSITIVE_INFINITY;
    return within(parseDuration(raw), min, max);
  });
}

/** An amount of data: bytes or `"256 KiB"` in the file, bytes in the code. */
export function size(doc: string, settings: Optional & Range<number | string>): Option<number | undefined>;
export function size(
  doc: string,
  settings?: Default<number | string> & Range<number | string>,
): Option<number>;
export function size(doc: string, settings: Common & Range<number | string> = {}): Option<unknown> {
  const min = settings.min === undefined ? 0 : parseSize(settings.min);
  const max = settings.max === undefined ? undefined : parseSize(settings.max);
  const limits = range(settings.min === undefined ? undefined : min, max, formatSize);
  return define('size', doc, settings, `a size such as 65536 or "256 KiB"${limits}`, (raw) =>
    within(parseSize(raw), min, max),
  );
}

/** A data rate: bytes per second or `"1 MiB/s"` in the file, bytes per second in the code; `false`, `0`: no limit. */
export function rate(doc: string, settings: Optional): Option<number | false | undefined>;
export function rate(doc: string, settings?: Default<number | string | false>): Option<number | false>;
export function rate(doc: string, settings: Common = {}): Option<unknown> {
  return define('rate', doc, settings, 'a rate such as 65536 or "1 MiB/s", or false', (raw) => {
    if (raw === false || raw === 0) return false;
    const bytes = within(parseRate(raw), 0, undefined);
    return bytes === 0 ? false : bytes;
  });
}

/** A JID, as its canonical text. `bare` (default true) refuses a resource. */
export function jid(doc: string, settings: Optional & { bare?: boolean }): Option<string | undefined>;
export function jid(doc: string, settings?: Default<string> & { bare?: boolean }): Option<string>;
export function jid(doc: string, settings: Common & { bare?: boolean } = {}): Option<unknown> {
  const bare = settings.bare ?? true;
  const expected = bare
    ? 'an address such as "romeo@example.org"'
    : 'an address such as "romeo@example.org/phone"';
  return define('address', doc, settings, expected, (raw) =>
    typeof raw === 'string' ? (canonicalJid(raw, bare) ?? refuse(raw, expected)) : undefined,
  );

  function refuse(raw: string, wanted: string): never {
    throw new OptionError([{ path: [], expected: wanted, got: show(raw), hint: addressFault(raw, bare) }]);
  }
}

/** The address of an account, as its canonical text: a JID with a localpart and without a resource. */
export function account(doc: string): Option<string> {
  const expected = 'an account such as "romeo@example.org"';
  const address = jid(doc);
  const read = (raw: unknown): unknown => {
    if (typeof raw !== 'string') return undefined;
    if (!raw.includes('@')) throw new OptionError([{ path: [], expected, got: show(raw), lacks: 'domain' }]);
    return address.parse(raw);
  };
  return define('address', doc, {}, expected, read) as Option<string>;
}

/** A domain, as its canonical text. */
export function domain(doc: string, settings: Optional): Option<string | undefined>;
export function domain(doc: string, settings?: Default<string>): Option<string>;
export function domain(doc: string, settings: Common = {}): Option<unknown> {
  return define('domain', doc, settings, 'a domain such as "example.org"', (raw) =>
    typeof raw === 'string' ? canonicalDomain(raw) : undefined,
  );
}

/** A domain, or `*.` and a domain for every domain below it, as its canonical text. */
export function domainPattern(doc: string): Option<string> {
  const expected = 'a domain such as "example.org", or "*.example.org" for all below it';
  const read = (raw: string) => {
    const isWide = raw.startsWith('*.');
    const canonical = canonicalDomain(isWide ? raw.slice(2) : raw);
    return isWide && canonical !== undefined ? `*.${canonical}` : canonical;
  };
  return define('domain', doc, {}, expected, (raw) =>
    typeof raw === 'string' ? read(raw) : undefined,
  ) as Option<string>;
}

/** A list of values of one kind. */
export function list<T>(
  doc: string,
  of: Option<T>,
  settings: Optional & ListBounds,
): Option<readonly T[] | undefined>;
export function list<T>(
  doc: string,
  of: Option<T>,
  settings?: Default<readonly unknown[]> & ListBounds,
): Option<readonly T[]>;
export function list(doc: string, of: Option<unknown>, settings: Common & ListBounds = {}): Option<unknown> {
  const { minItems = 0, maxItems = 10_000 } = settings;
  const expected = `a list (each ${of.describe()})${minItems > 0 ? ` with at least ${minItems} of them` : ''}`;
  return define('list', doc, { ...settings, secret: settings.secret ?? of.secret }, expected, (raw) => {
    if (!Array.isArray(raw) || raw.length < minItems || raw.length > maxItems) return undefined;
    const [values, issues] = collect(raw.map((item, index) => [index, () => of.parse(item)] as const));
    if (issues.length > 0) throw new OptionError(issues);
    return values.map(([, value]) => value);
  });
}

/** A table of options. With `whenFalse`, the file may say `false` for the whole table, which becomes that value. */
export function record<O extends Options>(
  doc: string,
  fields: O,
  settings: Optional & Whole,
): Option<Infer<O> | undefined>;
export function record<O extends Options>(
  doc: string,
  fields: O,
  settings?: Default<Readonly<Record<string, unknown>>> & Whole,
): Option<Infer<O>>;
export function record(doc: string, fields: Options, settings: Common & Whole = {}): Option<unknown> {
  const keys = Object.keys(fields);
  const expected = `a table with ${keys.join(', ')}${settings.whenFalse === undefined ? '' : ', or false'}`;
  const whole = requiresNone(fields) ? { default: {}, ...settings } : settings;
  const option = define('record', doc, whole.optional === true ? settings : whole, expected, (raw) => {
    if (raw === false && settings.whenFalse !== undefined) return parseOptions(fields, settings.whenFalse);
    return isTable(raw) ? parseOptions(fields, raw) : undefined;
  });
  return { ...option, fields };
}

type Choices = readonly (string | number | boolean)[];

interface ListBounds {
  minItems?: number;
  maxItems?: number;
}
interface Whole {
  whenFalse?: Readonly<Record<string, unknown>>;
}
function within(
  value: number | undefined,
  min = Number.NEGATIVE_INFINITY,
  max = Number.POSITIVE_INFINITY,
): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function range(
  min: number | undefined,
  max: number | undefined,
  format: (value: number) => string = String,
): string {
  if (min !== undefined && max !== undefined) return ` from ${format(min)} to ${format(max)}`;
  if (min !== undefined) return `, at least ${format(min)}`;
  return max === undefined ? '' : `, at most ${format(max)}`;
}

function requiresNone(fields: Options): boolean {
  return Object.values(fields).every((field) => !field.required);
}
