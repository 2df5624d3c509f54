// What a peer is told when something throws.

import { type StorageCondition, StorageError } from '../storage/error.ts';
import { StanzaError } from '../xml/errors.ts';

const NO_ROOM: ReadonlySet<StorageCondition> = new Set(['resource-constraint', 'full']);

/** A refusal as it is, and for everything else the condition that says most and tells nothing of the inside. */
export function refusalFor(error: unknown): StanzaError {
  if (error instanceof StanzaError) return error;
  if (error instanceof StorageError && NO_ROOM.has(error.condition)) {
    const text = 'The server has no room to store this now. Try again later.';
    return new StanzaError('resource-constraint', { text, cause: error });
  }
  return new StanzaError('internal-server-error', { cause: error });
}
