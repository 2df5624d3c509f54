// Missed messages that clients have not acknowledged. They wait in a bounded queue (XEP-0198), and a full queue ends the
// session. So a client with many of them gets the messages of further rooms later; a sleeping one when it is awake.

import type { C2SSession } from 'enjamb/api';
import { flatBytes, LazyElement } from 'enjamb/api/stream';
import type { HeldStanza } from '../answer/held.ts';

/** Above this number, further rooms wait. With the messages of one more room, half of the default queue is used. */
const MAX_UNCONFIRMED = { messages: 500, bytes: 512 * 1024 };

interface Amount {
  messages: number;
  bytes: number;
}

export class Unconfirmed {
  readonly #hasSpace: (session: C2SSession) => void;
  readonly #amounts = new WeakMap<C2SSession, Amount>();

  /** @param hasSpace called when a client can be given the messages of one more room */
  constructor(hasSpace: (session: C2SSession) => void) {
    this.#hasSpace = hasSpace;
  }

  /** Whether this client can be given the messages of one more room. */
  takes(session: C2SSession): boolean {
    const amount = this.#amounts.get(session);
    return amount === undefined || isSmall(amount);
  }

  /** Gives the client a copy of a stanza that was sent to another one. Returns false if its queue is full. */
  give(session: C2SSession, { flat }: HeldStanza): boolean {
    const amount = this.#amounts.get(session) ?? { messages: 0, bytes: 0 };
    this.#amounts.set(session, amount);
    const bytes = flatBytes(flat);
    amount.messages++;
    amount.bytes += bytes;
    const remove = () => {
      const wasSmall = isSmall(amount);
      amount.messages--;
      amount.bytes -= bytes;
      return !wasSmall && isSmall(amount);
    };
    const copy = new LazyElement({ ...flat, attrs: { ...flat.attrs, to: `${session.jid}` } });
    const isSent = session.send(copy, () => {
      if (remove() && this.#amounts.get(session) === amount) this.#hasSpace(session);
    });
    if (!isSent) remove();
    return isSent;
  }

  /** The client is awake, and acknowledges the messages that it was given while it slept. */
  woke(session: C2SSession): void {
    this.#amounts.delete(session);
  }
}

function isSmall({ messages, bytes }: Amount): boolean {
  return messages < MAX_UNCONFIRMED.messages && bytes < MAX_UNCONFIRMED.bytes;
}
