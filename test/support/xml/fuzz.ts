// Documents without end, judged by our parser and by others, and what we write of them.

import type { Complaint } from './differential.ts';
import { documentOf } from './documents.ts';
import { Expat } from './expat.ts';
import { minimise } from './minimise.ts';
import { type OurParser, ourOpinion } from './opinion.ts';
import { Trial } from './trial.ts';
import { writtenStanza } from './written.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** The first document. Default 0. */
  readonly from?: number;
  /** How many; default without end. */
  readonly count?: number;
  /** The parser on trial. Default ours. */
  readonly parser?: OurParser;
  /** Called now and then with what has been done so far. */
  readonly onProgress?: (report: FuzzReport) => void;
}

export interface FuzzReport {
  documents: number;
  /** Documents that we took to their end. */
  taken: number;
  /** Elements that were received, written by us, and read by all. */
  forwarded: number;
  /** Stanzas of our own making that were written by us, and read by all. */
  written: number;
  failure?: Failure;
}

export interface Failure {
  readonly seed: number;
  readonly index: number;
  readonly complaint: string;
  /** As small as could be made. */
  readonly document: Buffer;
}

const BATCH = 100;

/** Tries documents until one fails, or so many have not. @throws Error when expat is not there. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const report: FuzzReport = { documents: 0, taken: 0, forwarded: 0, written: 0 };
  const expat = new Expat();
  const run = new Run(options, report, new Trial(options.parser ?? ourOpinion, expat));
  try {
    // One computes while the other waits for expat.
    await Promise.all([run.work(), run.work()]);
  } finally {
    await expat.close();
  }
  return report;
}

class Run {
  readonly #options: FuzzOptions;
  readonly #report: FuzzReport;
  readonly #trial: Trial;
  readonly #end: number;
  #next: number;

  constructor(options: FuzzOptions, report: FuzzReport, trial: Trial) {
    this.#options = options;
    this.#report = report;
    this.#trial = trial;
    this.#next = options.from ?? 0;
    this.#end = this.#next + (options.count ?? Number.POSITIVE_INFINITY);
  }

  async work(): Promise<void> {
    while (this.#next < this.#end && this.#report.failure === undefined) {
      const first = this.#next;
      const count = Math.min(BATCH, this.#end - first);
      this.#next += count;
      await this.#batch(Array.from({ length: count }, (_, i) => first + i));
      this.#options.onProgress?.(this.#report);
    }
  }

  async #batch(indices: readonly number[]): Promise<void> {
    const { seed } = this.#options;
    const documents = indices.map((index) => documentOf(seed, index));
    const { opinions, complaints } = await this.#trial.received(documents);
    const stanzas = indices.map((index) => writtenStanza(seed, index));
    const unread = await this.#trial.sent(stanzas.map((stanza) => [stanza]));
    const report = this.#report;
    report.documents += indices.length;
    report.taken += opinions.filter(({ why }) => why === '').length;
    report.forwarded += opinions.reduce((sum, { elements }) => sum + elements.length, 0);
    report.written += stanzas.length;
    for (const [i, index] of indices.entries()) {
      const complaint = complaints[i];
      if (complaint !== undefined) await this.#fail(index, complaint, documents[i]!);
      const written = unread[i];
      if (written !== undefined) this.#report.failure ??= { seed, index, ...written };
    }
  }

  async #fail(index: number, complaint: string, document: Buffer): Promise<void> {
    if (this.#report.failure !== undefined) return;
    const { seed } = this.#options;
    this.#report.failure = { seed, index, complaint, document };
    const about = (text: Complaint) => text?.replace(/:.*/, '');
    const smallest = await minimise(document, async (smaller) => {
      const { complaints } = await this.#trial.received([smaller]);
      return about(complaints[0]) === about(complaint);
    });
    const { complaints } = await this.#trial.received([smallest]);
    this.#report.failure = { seed, index, complaint: complaints[0] ?? complaint, document: smallest };
  }
}
