// Turns an exception into the error reply for a peer.

import { type StorageCondition, StorageError } from '../storage/error.ts';
import { StanzaError } from '../xml/errors.ts';

const NO_ROOM: ReadonlySet<StorageCondition> = new Set(['resource-constraint', 'full']);

/** Returns a StanzaError unchanged. Other errors become a general condition, since their texts may contain internal data. */
export function refusalFor(error: unknown): StanzaError {
  if (error instanceof StanzaError) return error;
  if (error instanceof StorageError && NO_ROOM.has(error.condition)) {
    const text = 'The server has no room to store this now. Try again later.';
    return new StanzaError('resource-constraint', { text, cause: error });
  }
  return new StanzaError('internal-server-error', { cause: error });
}
