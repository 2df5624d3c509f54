// A logger with a limit, for lines that a peer can cause.

import { LAST_LINE, type LogRate } from './log-rate.ts';
import type { Logger } from './logger.ts';

/**
 * Limits the `info` and `warn` lines of a logger, under one key. `error` is not limited, since administrators must see
 * all errors; `debug` is not limited, since administrators switch it on for a short time.
 */
export function limitedLogger(log: Logger, rate: LogRate, key: string): Logger {
  const write = (level: 'info' | 'warn', message: string, fields: object | undefined): void => {
    const verdict = rate.take(key);
    if (verdict === 'none') return;
    log[level](message, verdict === 'last' ? { ...fields, ...LAST_LINE } : fields);
  };
  return {
    debug: log.debug,
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: log.error,
    child: (fields) => limitedLogger(log.child(fields), rate, key),
  };
}
