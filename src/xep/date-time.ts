// Dates and times (XEP-0082).

/** §3.2: the time zone is mandatory, a fraction of a second is not. */
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since 1970; digits after the milliseconds are ignored. `undefined` for text that is no time. */
export function parseDateTime(text: string): number | undefined {
  const [, year, month, day] = DATE_TIME.exec(text) ?? [];
  // `Date.parse` takes February 30 for March 1.
  if (year === undefined || Number(day) > daysIn(Number(year), Number(month))) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** In UTC, with milliseconds. `at`: milliseconds since 1970. */
export function formatDateTime(at: number): string {
  return new Date(at).toISOString();
}

/** @param month from 1 */
function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
