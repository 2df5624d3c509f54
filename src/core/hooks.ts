// One mechanism for everything that can happen on a host: named events. Events that may be answered have four stages, and
// the first answer wins; notifications have none.

import type { Answer, AnsweredEvent, EventName, Handler, Payload, Stage } from '../api/events.ts';
import type { Faults } from '../util/faults.ts';

interface Registration {
  /** Position among modules for a handler of none: the first, or the last. */
  readonly place: number;
  /** Position among all registrations. */
  readonly number: number;
  readonly stage: number;
  readonly owner: string;
  readonly handler: (event: unknown) => unknown;
}

const STAGES: Record<Stage, number> = { guard: 0, rewrite: 1, observe: 2, deliver: 3 };

/** The handlers of one event, in both orders. */
interface Handlers {
  readonly byStage: readonly Registration[];
  readonly byModule: readonly Registration[];
}
const NOBODY: Handlers = { byStage: [], byModule: [] };

/** A handler threw: `owner` is the module it belongs to, `cause` what it threw. */
export class HandlerError extends Error {
  readonly owner: string;

  constructor(owner: string, event: string, cause: unknown) {
    super(`A handler of ${owner} for ${event} failed`, { cause });
    this.name = 'HandlerError';
    this.owner = owner;
  }
}

/** What a handler threw, and whose handler it was; `owner` is named for what was not thrown through an event. */
export function unwrap(thrown: unknown, owner: string): { readonly owner: string; readonly error: unknown } {
  return thrown instanceof HandlerError
    ? { owner: thrown.owner, error: thrown.cause }
    : { owner, error: thrown };
}

/**
 * The hooks of one host. Handlers of an event that may be answered run in the order of their stages, within one in the
 * order of their modules; those of a notification in the order of their modules. All of them run in one tick. Lists are
 * replaced, never edited, so that handlers may come and go while an event runs.
 */
export class Hooks {
  readonly #handlers = new Map<string, Handlers>();
  #count = 0;
  /** The positions of modules. */
  #ranks: ReadonlyMap<string, number> = new Map();
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Registers a handler; the returned function removes it again. The stage does not matter to notifications. */
  add<N extends EventName>(name: N, handler: Handler<N>, stage: Stage, owner: string): () => void {
    const registration: Registration = {
      place: this.#ranks.size === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY,
      number: this.#count++,
      stage: STAGES[stage],
      owner,
      handler: handler as (event: unknown) => unknown,
    };
    this.#set(name, [...(this.#handlers.get(name) ?? NOBODY).byModule, registration]);
    return () => this.#remove(name, registration);
  }

  /**
   * Makes handlers run in the order of their modules, within one in the order of registration; each time it replaces the
   * former order. Handlers of the core come first if they were registered before any module was ranked, else last.
   */
  rank(modules: readonly string[]): void {
    this.#ranks = new Map(modules.map((name, index) => [name, index]));
    for (const [name, { byModule }] of this.#handlers) this.#set(name, byModule);
  }

  has(name: EventName): boolean {
    return this.#handlers.has(name);
  }

  /**
   * Fires an event that may be answered. In `guard`, `rewrite` and `deliver` a handler that throws ends the event
   * (fail closed); an observer that throws is logged, and the next one runs.
   * @throws HandlerError with what the handler threw as its cause.
   */
  fire<N extends EventName>(name: N, payload: Payload<N>): Answer<N> | undefined {
    const handlers = this.#handlers.get(name);
    if (handlers === undefined) return undefined;
    for (const { handler, owner, stage } of handlers.byStage) {
      try {
        const answer = handler(payload);
        if (answer !== undefined && stage !== STAGES.observe) return answer as Answer<N>;
      } catch (cause) {
        // Where one event fired another, the innermost handler is the one to name.
        if (stage !== STAGES.observe)
          throw cause instanceof HandlerError ? cause : new HandlerError(owner, name, cause);
        this.#report(cause, name, owner);
      }
    }
    return undefined;
  }

  /**
   * Asks the modules of the host. A handler that throws has said nothing: its error is logged, and the next one is asked.
   */
  ask<N extends AnsweredEvent>(name: N, payload: Payload<N>): Answer<N> | undefined {
    for (const { handler, owner, stage } of (this.#handlers.get(name) ?? NOBODY).byStage) {
      try {
        const answer = handler(payload);
        if (answer !== undefined && stage !== STAGES.observe) return answer as Answer<N>;
      } catch (error) {
        this.#report(error, name, owner);
      }
    }
    return undefined;
  }

  /** Tells what has happened: every handler hears it, even when another one throws. */
  notify<N extends EventName>(name: N, payload: Payload<N>): void {
    for (const { handler, owner } of (this.#handlers.get(name) ?? NOBODY).byModule) {
      try {
        handler(payload);
      } catch (error) {
        this.#report(error, name, owner);
      }
    }
  }

  #remove(name: string, registration: Registration): void {
    const { byModule } = this.#handlers.get(name) ?? NOBODY;
    this.#set(
      name,
      byModule.filter((other) => other !== registration),
    );
  }

  #set(name: string, registrations: readonly Registration[]): void {
    const byModule = registrations.toSorted(
      (a, b) => this.#place(a) - this.#place(b) || a.number - b.number, // NaN where both are first, or both last.
    );
    const byStage = byModule.toSorted((a, b) => a.stage - b.stage);
    if (registrations.length > 0) this.#handlers.set(name, { byStage, byModule });
    else this.#handlers.delete(name);
  }

  #place({ owner, place }: Registration): number {
    return this.#ranks.get(owner) ?? place;
  }

  /** Where one event fired another, the innermost handler is the one to name. */
  #report(thrown: unknown, event: string, module: string): void {
    const { owner, error } = unwrap(thrown, module);
    this.#faults.report('handler', error, { event, module: owner });
  }
}
