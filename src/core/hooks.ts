// The events of one host. Handlers of an event with an answer run in four stages, and the first answer wins;
// notifications have no stages.

import type { Answer, AnsweredEvent, EventName, Handler, Payload, Stage } from '../api/events.ts';
import type { Faults } from '../util/faults.ts';

interface Registration {
  /** The position of a handler that belongs to no module: before all modules, or after them. */
  readonly place: number;
  /** The position among all registrations. */
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

/** A handler threw. `owner` is the handler's module, `cause` the thrown value. */
export class HandlerError extends Error {
  readonly owner: string;

  constructor(owner: string, event: string, cause: unknown) {
    super(`A handler of ${owner} for ${event} failed`, { cause });
    this.name = 'HandlerError';
    this.owner = owner;
  }
}

/** The value that a handler threw, and the handler's module; `owner` for a value that no event handler threw. */
export function unwrap(thrown: unknown, owner: string): { readonly owner: string; readonly error: unknown } {
  return thrown instanceof HandlerError
    ? { owner: thrown.owner, error: thrown.cause }
    : { owner, error: thrown };
}

/**
 * The hooks of one host. Handlers of an event with an answer run in the order of their stages, and within a stage in
 * the order of their modules. Handlers of a notification run in the order of their modules. All of them run in one
 * tick. Lists are replaced, never edited, so that handlers can be added and removed while an event runs.
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

  /** Registers a handler; the returned function removes it. Notifications ignore the stage. */
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
   * Sets the order of modules, in which handlers run; handlers of one module run in the order of registration. Handlers
   * of the core run first if they were registered before the first call of `rank`, else last.
   */
  rank(modules: readonly string[]): void {
    this.#ranks = new Map(modules.map((name, index) => [name, index]));
    for (const [name, { byModule }] of this.#handlers) this.#set(name, byModule);
  }

  has(name: EventName): boolean {
    return this.#handlers.has(name);
  }

  /**
   * Fires an event with an answer. In `guard`, `rewrite` and `deliver` a handler that throws ends the event (fail
   * closed). In `observe` the error is logged, and the next handler runs.
   * @throws HandlerError with the thrown value as its cause.
   */
  fire<N extends EventName>(name: N, payload: Payload<N>): Answer<N> | undefined {
    const handlers = this.#handlers.get(name);
    if (handlers === undefined) return undefined;
    for (const { handler, owner, stage } of handlers.byStage) {
      try {
        const answer = handler(payload);
        if (answer !== undefined && stage !== STAGES.observe) return answer as Answer<N>;
      } catch (cause) {
        // If the handler fired another event that failed, its HandlerError names the right module.
        if (stage !== STAGES.observe)
          throw cause instanceof HandlerError ? cause : new HandlerError(owner, name, cause);
        this.#report(cause, name, owner);
      }
    }
    return undefined;
  }

  /**
   * Fires an event with an answer. The error of a handler that throws is logged, and the next handler runs.
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

  /** Fires a notification: every handler runs, even when another one throws. */
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
      (a, b) => this.#place(a) - this.#place(b) || a.number - b.number, // NaN if both are first, or both last.
    );
    const byStage = byModule.toSorted((a, b) => a.stage - b.stage);
    if (registrations.length > 0) this.#handlers.set(name, { byStage, byModule });
    else this.#handlers.delete(name);
  }

  #place({ owner, place }: Registration): number {
    return this.#ranks.get(owner) ?? place;
  }

  /** Logs an error under the module of the handler that threw it, which may belong to a nested event. */
  #report(thrown: unknown, event: string, module: string): void {
    const { owner, error } = unwrap(thrown, module);
    this.#faults.report('handler', error, { event, module: owner });
  }
}
