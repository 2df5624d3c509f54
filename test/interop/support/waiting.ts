// Waiting with a limit, for what other processes do in their own time.

import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 25;

/** @throws Error that names `what` when the promise takes longer. */
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

/** Asks again and again what tells nobody of its changes. Resolves with the first answer that is not undefined. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  limitMs: number,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await pause(POLL_MS);
  }
}

/** For scenes that are about time itself: resolves at that moment (ms since 1970). */
export async function untilTime(at: number): Promise<void> {
  await pause(Math.max(0, at - Date.now()));
}
