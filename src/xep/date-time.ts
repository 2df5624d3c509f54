// Dates and times (XEP-0082).

/** §3.2: the time zone is mandatory, a fraction of a second is not. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since 1970; digits after the milliseconds are ignored. `undefined` for text that is no time. */
export function parseDateTime(text: string): number | undefined {
  const at = DATE_TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** In UTC, with milliseconds. `at`: milliseconds since 1970. */
export function formatDateTime(at: number): string {
  return new Date(at).toISOString();
}
