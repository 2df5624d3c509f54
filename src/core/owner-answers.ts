// The questions about owners (users, rooms) that a host answers, each by one module.

import type { Jid } from '../xml/jid.ts';
import { ModuleError } from './errors.ts';

export interface Answerer {
  readonly module: string;
  answer(owner: Jid, payload: unknown): unknown;
}

export class OwnerAnswers {
  readonly #byName = new Map<string, Answerer>();

  /** @throws ModuleError MODULE_HANDLER_CONFLICT */
  add(name: string, answer: Answerer['answer'], module: string): () => void {
    const other = this.#byName.get(name);
    if (other !== undefined) {
      const message = `the module "${other.module}" already answers "${name}"`;
      throw new ModuleError('MODULE_HANDLER_CONFLICT', module, message);
    }
    this.#byName.set(name, { module, answer });
    return () => void this.#byName.delete(name);
  }

  get(name: string): Answerer | undefined {
    return this.#byName.get(name);
  }
}
