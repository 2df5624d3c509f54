// Splits long work into chunks, one in each turn of the event loop, so that 50,000 items do not block it.

import type { ElapsedClock } from '../clock.ts';

/** Items in one chunk, for work that takes about a microsecond per item. */
export const CHUNK_SIZE = 500;

/** Returns the next items, at most `CHUNK_SIZE`. */
export function nextChunk<T>(items: Iterator<T>): T[] {
  const taken: T[] = [];
  while (taken.length < CHUNK_SIZE) {
    const { value, done } = items.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/**
 * Handles one chunk now and one in each following turn. Calls `done` in the turn of the last chunk, which may be empty.
 */
export function inChunks<T>(
  items: Iterator<T>,
  after: ElapsedClock['after'],
  handle: (chunk: T[]) => void,
  done: () => void = () => {},
): void {
  const chunk = nextChunk(items);
  handle(chunk);
  if (chunk.length === CHUNK_SIZE) after(0, () => inChunks(items, after, handle, done));
  else done();
}
