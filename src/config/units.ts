// Parses and prints durations, sizes and rates: "10 minutes", "256 KiB", "1 MiB/s".

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Units of time and their length in milliseconds; a plural `s` is removed before the look-up. */
const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['millisecond', 1],
  ['s', SECOND],
  ['sec', SECOND],
  ['second', SECOND],
  ['m', MINUTE],
  ['min', MINUTE],
  ['minute', MINUTE],
  ['h', HOUR],
  ['hour', HOUR],
  ['d', DAY],
  ['day', DAY],
  ['w', 7 * DAY],
  ['week', 7 * DAY],
  ['month', 30 * DAY],
  ['year', 365 * DAY],
]);

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['byte', 1],
  ['bytes', 1],
  ['kb', 1000],
  ['mb', 1000 ** 2],
  ['gb', 1000 ** 3],
  ['tb', 1000 ** 4],
  ['kib', 1024],
  ['mib', 1024 ** 2],
  ['gib', 1024 ** 3],
  ['tib', 1024 ** 4],
]);

const QUANTITY = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)$/i;

/**
 * Milliseconds from seconds (`90`) or text (`"90"`, `"10 minutes"`, `"1 hour 30 minutes"`, `"7d"`); `undefined` if the
 * value is not a duration.
 */
export function parseDuration(raw: unknown): number | undefined {
  if (typeof raw === 'number') return Number.isFinite(raw) ? raw * SECOND : undefined;
  if (typeof raw !== 'string') return undefined;
  const text = raw.trim();
  if (/^\d{1,15}(\.\d{1,6})?$/.test(text)) return Number(text) * SECOND;
  const parts = text.match(/\d+(?:\.\d+)?\s*[a-z]+/gi);
  if (parts === null || parts.join('').replaceAll(/\s/g, '') !== text.replaceAll(/\s/g, '')) return undefined;
  return sum(parts.map((part) => quantity(part, durationUnit)));
}

/** Bytes from a number or text (`"256 KiB"`, `"10 MB"`); `undefined` if the value is not a size. */
export function parseSize(raw: unknown): number | undefined {
  if (typeof raw === 'number') return Number.isSafeInteger(raw) ? raw : undefined;
  if (typeof raw !== 'string') return undefined;
  const bytes = quantity(raw.trim(), (unit) => SIZE_UNITS.get(unit));
  return bytes === undefined ? undefined : Math.round(bytes);
}

/** Bytes per second from a number or text (`"1 MiB/s"`); `undefined` if the value is not a rate. */
export function parseRate(raw: unknown): number | undefined {
  if (typeof raw !== 'string' || /^\d+$/.test(raw)) return parseSize(raw);
  const match = /^(.*?)\s*(?:\/\s*s|\/\s*second|per second)$/i.exec(raw.trim());
  return match === null ? undefined : parseSize(match[1]);
}

/** The shortest exact text of a duration: `90 seconds`, `2 minutes`. */
export function formatDuration(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return 'never';
  const units: readonly (readonly [string, number])[] = [
    ['day', DAY],
    ['hour', HOUR],
    ['minute', MINUTE],
    ['second', SECOND],
  ];
  const [word, length] = units.find(([, unit]) => ms >= unit && ms % unit === 0) ?? ['second', SECOND];
  const count = ms / length;
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** The shortest exact text of a size: `256 KiB`, `1500 bytes`. */
export function formatSize(bytes: number): string {
  if (bytes === 1) return '1 byte';
  for (const [word, length] of [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= length && bytes % length === 0) return `${bytes / length} ${word}`;
  }
  return `${bytes} bytes`;
}

function quantity(text: string, lengthOf: (unit: string) => number | undefined): number | undefined {
  const match = QUANTITY.exec(text.trim());
  if (match === null) return undefined;
  const unit = lengthOf((match[2] ?? '').toLowerCase());
  return unit === undefined ? undefined : Number(match[1]) * unit;
}

function durationUnit(word: string): number | undefined {
  return DURATION_UNITS.get(word) ?? DURATION_UNITS.get(word.replace(/s$/, ''));
}

function sum(values: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const value of values) {
    if (value === undefined) return undefined;
    total += value;
  }
  return total;
}
