// One thing that a check found.

export interface Finding {
  /** Which check: `config`, `certs`, … */
  readonly check: string;
  /** error: something does not work; warning: it works, but has a drawback; ok: nothing to do. */
  readonly severity: 'error' | 'warning' | 'ok';
  /** What is wrong, and what breaks because of it. */
  readonly message: string;
  /** The remedy. */
  readonly todo?: string;
}
