// Waits for other processes, with time limits.

import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 25;

/** @throws Error with `what` if the promise takes longer */
export async function withinMs<T>(limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls until the answer is not `undefined`, and resolves with it. @param pollMs more, where it costs much to ask */
export async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  limitMs: number,
  pollMs = POLL_MS,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await pause(pollMs);
  }
}

/** Resolves at this time (ms since 1970). */
export async function untilTime(at: number): Promise<void> {
  await pause(Math.max(0, at - Date.now()));
}
