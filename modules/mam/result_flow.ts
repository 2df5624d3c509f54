// Sends the results of queries to clients, no faster than they acknowledge them (XEP-0198 §4) or read: one query of a client
// at a time, and a query waits while the client is too far behind (docs/adr/0049).

import {
  ByteBudget,
  type C2SSession,
  Gate,
  GateFullError,
  type Module,
  type Stanza,
  StanzaError,
} from 'enjamb/api';

export interface Result {
  readonly stanza: Stanza;
  /** The size of its message in UTF-8. */
  readonly bytes: number;
}

/** Queries of one client that wait for an earlier one. */
const MAX_WAITING = 8;
/** Of results that a client has not acknowledged, and of output that it has not read. */
const MAX_AHEAD = 1024 * 1024;
/** The time that a query waits for the client. */
const PATIENCE_MS = 10_000;
/** The pause before a client is looked at again, unless it acknowledges a result. */
const RETRY_MS = 200;
/** The results of all pages that a client had no room for. */
const MAX_HELD = 32 * 1024 * 1024;

/** What the queries of one host share. */
interface Shared {
  readonly module: Module;
  /** For results that wait in memory. */
  readonly held: ByteBudget;
}

export class ResultFlows {
  readonly #flows = new WeakMap<C2SSession, ResultFlow>();
  readonly #shared: Shared;

  constructor(module: Module) {
    this.#shared = { module, held: new ByteBudget(MAX_HELD) };
    module.hook('resource-unbind', ({ session }) => this.#flows.get(session)?.end());
  }

  of(session: C2SSession): ResultFlow {
    const known = this.#flows.get(session);
    if (known) return known;
    const flow = new ResultFlow(this.#shared, session);
    this.#flows.set(session, flow);
    return flow;
  }
}

export class ResultFlow {
  readonly #shared: Shared;
  readonly #session: C2SSession;
  readonly #gate = new Gate({ atWork: 1, waiting: MAX_WAITING });
  /** In bytes. */
  #unacknowledged = 0;
  /** The session has refused a result. */
  #isFull = false;
  #hasEnded = false;
  /** When the present query gives up, in ms of `clock.elapsed`. Set when it first waits. */
  #until: number | undefined;
  /** Ends the present wait. */
  #wake: () => void = () => {};

  constructor(shared: Shared, session: C2SSession) {
    this.#shared = shared;
    this.#session = session;
  }

  /** Runs a query after the earlier ones of the client. @throws StanzaError 'resource-constraint' if too many wait */
  async turn<T>(query: () => Promise<T>): Promise<T> {
    try {
      return await this.#gate.run(() => {
        this.#until = undefined;
        return query();
      });
    } catch (error) {
      throw error instanceof GateFullError ? tooMuch('Too many queries wait for an answer') : error;
    }
  }

  /** Waits until the client may be sent results. @throws StanzaError 'resource-constraint' when the time is over */
  async room(): Promise<void> {
    const { module } = this.#shared;
    for (;;) {
      if (this.#hasRoom) return;
      const now = module.clock.elapsed();
      this.#until ??= now + PATIENCE_MS;
      if (this.#hasEnded || now >= this.#until || module.signal.aborted)
        throw tooMuch('Earlier results have not been acknowledged');
      await this.#change(Math.min(RETRY_MS, this.#until - now));
    }
  }

  get #hasRoom(): boolean {
    const ahead = Math.max(this.#unacknowledged, this.#session.queuedBytes);
    return !this.#hasEnded && !this.#isFull && ahead <= MAX_AHEAD;
  }

  /**
   * Sends results, all in this tick if the client has room for them.
   * @throws StanzaError 'resource-constraint' if it has no room in time, or too many other clients have none
   */
  async send(results: readonly Result[]): Promise<void> {
    const rest = this.#sendSome(results);
    if (rest.length === 0) return;
    const { held } = this.#shared;
    const bytes = rest.reduce((sum, result) => sum + result.bytes, 0);
    if (!held.take(bytes)) throw tooMuch('Too many clients do not acknowledge their results');
    try {
      for (let left = rest; left.length > 0; left = this.#sendSome(left)) await this.room();
    } finally {
      held.give(bytes);
    }
  }

  /** The session has ended. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** Returns the results for which there is no room. */
  #sendSome(results: readonly Result[]): readonly Result[] {
    const refused = results.findIndex((result) => !this.#send(result));
    return refused === -1 ? [] : results.slice(refused);
  }

  /** The archive keeps a copy, so the session may refuse a result, and does not give it to another one. */
  #send({ stanza, bytes }: Result): boolean {
    this.#unacknowledged += bytes;
    if (this.#session.send(stanza, () => this.#acknowledged(bytes))) return true;
    this.#unacknowledged -= bytes;
    this.#isFull = true;
    return false;
  }

  #acknowledged(bytes: number): void {
    this.#unacknowledged -= bytes;
    this.#wake();
  }

  /** Resolves when the client acknowledges a result, or after `ms`. */
  #change(ms: number): Promise<void> {
    const { clock, signal } = this.#shared.module;
    return new Promise((resolve) => {
      const wake = () => {
        timer.cancel();
        signal.removeEventListener('abort', wake);
        this.#wake = () => {};
        this.#isFull = false;
        resolve();
      };
      const timer = clock.after(ms, wake);
      signal.addEventListener('abort', wake);
      this.#wake = wake;
    });
  }
}

function tooMuch(text: string): StanzaError {
  return new StanzaError('resource-constraint', { text });
}
