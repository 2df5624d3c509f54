// Long work in small pieces: whatever there is to do for fifty thousand clients, nobody else waits for it.

import type { Timer } from 'enjamb/api';

/** Handled in one tick: well under a millisecond of anything that is done here. */
export const SLICE = 500;

/** The next ones, at most so many. */
export function take<T>(items: Iterator<T>, most: number): T[] {
  const taken: T[] = [];
  while (taken.length < most) {
    const { value, done } = items.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/** Hands over all items, a slice in this tick and one in each that follows; `done` is called after the last. */
export function inSlices<T>(
  items: Iterator<T>,
  after: (delayMs: number, task: () => void) => Timer,
  handle: (slice: T[]) => void,
  done: () => void = () => {},
): void {
  const slice = take(items, SLICE);
  handle(slice);
  if (slice.length === SLICE) after(0, () => inSlices(items, after, handle, done));
  else done();
}
