// The limits on logins that the configuration sets, for all hosts together.

import type { Config } from '../config/config.ts';
import { LoginLimits } from '../sasl/login-limits.ts';
import type { Clock } from '../util/clock.ts';
import { Gate } from '../util/flow/index.ts';
import type { LoginProtection } from './logins.ts';

/**
 * Passwords verified at the same time: each occupies one of the four threads that files and host names also need. The
 * others wait for a few seconds at most, as when all clients return after a restart.
 */
const PASSWORD_WORK = { atWork: 2, waiting: 2_000 };

export function loginProtection({ core }: Config, clock: Clock): Required<LoginProtection> {
  const limits = new LoginLimits(clock, {
    perAddress: core.auth_failures_per_address,
    perAccount: core.auth_failures_per_account,
    windowMs: core.auth_failure_window,
  });
  return { limits, work: new Gate(PASSWORD_WORK) };
}
