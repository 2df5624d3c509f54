// Handlers of top-level elements that are not stanzas (XEP-0360), one for each element.

import type { NonzaHandler, NonzaMatch } from '../api/stream.ts';
import type { Element } from '../xml/element.ts';
import { ModuleError } from './errors.ts';

export class NonzaHandlers {
  readonly #handlers = new Map<string, { owner: string; handler: NonzaHandler }>();

  /** @throws ModuleError MODULE_HANDLER_CONFLICT when another module already handles the element. */
  add(match: NonzaMatch, handler: NonzaHandler, owner: string): () => void {
    const keys = match.on.map((on) => `${on} ${match.xmlns} ${match.name}`);
    for (const key of keys) {
      const other = this.#handlers.get(key);
      if (other) {
        throw new ModuleError(
          'MODULE_HANDLER_CONFLICT',
          owner,
          `${owner} and ${other.owner} both handle <${match.name} xmlns='${match.xmlns}'/>`,
        );
      }
    }
    for (const key of keys) this.#handlers.set(key, { owner, handler });
    return () => {
      for (const key of keys) this.#handlers.delete(key);
    };
  }

  get(on: 'c2s' | 's2s', element: Element): NonzaHandler | undefined {
    return this.#handlers.get(`${on} ${element.getNS()} ${element.name}`)?.handler;
  }
}
