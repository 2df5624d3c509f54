// `npm run bench joins -- [--rooms 1000] [--users 50] [--speed 4] [--json FILE]`
//
// 50,000 joins at one domain are lost simultaneously. Measures the longest block of the event loop, the number of unanswered
// questions, the rate of notices, and the cost of a join. Prints each figure with its limit.

import { runApart } from '../apart.ts';

export function joins(args: readonly string[]): Promise<void> {
  return runApart(new URL('./measure.ts', import.meta.url), args);
}
