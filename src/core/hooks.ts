// One mechanism for everything that can happen on a host: named events, four stages, first answer wins.

import type { Answer, EventName, Handler, Payload, Stage } from '../api/events.ts';
import type { Faults } from '../util/faults.ts';

interface Registration {
  readonly stage: number;
  readonly owner: string;
  readonly handler: (event: unknown) => unknown;
}

const STAGES: Record<Stage, number> = { guard: 0, rewrite: 1, observe: 2, deliver: 3 };
const NOBODY: readonly Registration[] = [];

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
 * The hooks of one host. Handlers run in the order of their stages, within one in the order of registration, all in
 * one tick. Lists are replaced, never edited, so that handlers may come and go while an event runs.
 */
export class Hooks {
  readonly #handlers = new Map<string, readonly Registration[]>();
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Registers a handler; the returned function removes it again. */
  add<N extends EventName>(name: N, handler: Handler<N>, stage: Stage, owner: string): () => void {
    const registration: Registration = {
      stage: STAGES[stage],
      owner,
      handler: handler as (event: unknown) => unknown,
    };
    const list = [...(this.#handlers.get(name) ?? NOBODY), registration];
    this.#handlers.set(
      name,
      list.sort((a, b) => a.stage - b.stage),
    ); // stable: registration order is kept
    return () => this.#remove(name, registration);
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
    const list = this.#handlers.get(name);
    if (list === undefined) return undefined;
    for (const { handler, owner, stage } of list) {
      try {
        const answer = handler(payload);
        if (answer !== undefined && stage !== STAGES.observe) return answer as Answer<N>;
      } catch (cause) {
        // Where one event fired another, the innermost handler is the one to name.
        if (stage !== STAGES.observe)
          throw cause instanceof HandlerError ? cause : new HandlerError(owner, name, cause);
        this.#faults.report('handler', cause, { event: name, module: owner });
      }
    }
    return undefined;
  }

  /** Fires an event that tells what has happened: every handler hears it, whoever else throws. */
  notify<N extends EventName>(name: N, payload: Payload<N>): void {
    for (const { handler, owner } of this.#handlers.get(name) ?? NOBODY) {
      try {
        handler(payload);
      } catch (error) {
        this.#faults.report('handler', error, { event: name, module: owner });
      }
    }
  }

  #remove(name: string, registration: Registration): void {
    const rest = (this.#handlers.get(name) ?? NOBODY).filter((other) => other !== registration);
    if (rest.length > 0) this.#handlers.set(name, rest);
    else this.#handlers.delete(name);
  }
}
