// What a peer is told when something throws.

import { StorageError } from '../storage/error.ts';
import { StanzaError } from '../xml/errors.ts';

/** A refusal as it is, and for everything else the condition that says most and tells nothing of the inside. */
export function refusalFor(error: unknown): StanzaError {
  if (error instanceof StanzaError) return error;
  if (error instanceof StorageError && error.condition === 'resource-constraint') {
    const text = 'The server has no room to store this now. Try again later.';
    return new StanzaError('resource-constraint', { text, cause: error });
  }
  return new StanzaError('internal-server-error', { cause: error });
}
