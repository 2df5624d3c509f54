// `npm run bench rejoin -- [live] [memory] [alive] [floods] [--rooms 1000] [--users 50] [--people 100] [--speed 8] [--json FILE]`
//
// A service loses all occupants, and the server joins for its users before they notice (`muc_autorejoin = "silent"`). Measures
// the time until they are in again, the memory of what is remembered, and the cost while nothing is lost. Prints each figure
// with its limit.

import { runApart } from '../apart.ts';

export function rejoin(args: readonly string[]): Promise<void> {
  return runApart(new URL('./measure.ts', import.meta.url), args);
}
