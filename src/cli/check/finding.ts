// One thing that a check found.

export interface Finding {
  /** Which check: `config`, `certs`, … */
  readonly check: string;
  /** error: something does not work; warning: it works, with a catch; ok: nothing to do. */
  readonly severity: 'error' | 'warning' | 'ok';
  /** What is the matter, and what breaks by it. */
  readonly message: string;
  /** What to do about it. */
  readonly todo?: string;
}
