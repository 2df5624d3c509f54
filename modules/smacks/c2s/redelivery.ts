// Redelivers stanzas that a client had not acknowledged when its session ended (XEP-0198 §4). If another session takes over
// the address, they are for that session (RFC 6121 §8.5.3.1). Otherwise they go back to the router, which treats them as
// stanzas for an absent client, because the address is free.
//
//     session ends ──┬─ replaced ──▶ inherited ──(enables stream management, sends, is sent a message)──▶ sent again
//                    └─ gone ──▶ the sender that keeps a copy (`smacks-return`), another client, the offline store, or an error

import { type C2SSession, type Event, type Module, NS, parseElement, type Stanza } from 'enjamb/api';
import { withDelay } from 'enjamb/xep';
import { type Deliveries, originalOf } from './deliveries.ts';
import type { Sent } from './state.ts';

declare module 'enjamb/api' {
  interface Events {
    /**
     * A session has ended and its client has not acknowledged this element, of which the sender keeps a copy. Fired in the
     * order of sending, while the other unacknowledged stanzas of the session go to other clients.
     */
    'smacks-return': Event<{
      /** The element as it was sent. */
      readonly text: string;
      /** The function that the sender gave to `session.send`; it is not called any more. */
      readonly onTaken: () => void;
    }>;
  }
}

export class Redelivery {
  readonly #module: Module;
  readonly #deliveries: Deliveries;
  readonly #onTaken: WeakMap<Sent, () => void>;

  /** @param onTaken callbacks of senders that keep a copy */
  constructor(module: Module, deliveries: Deliveries, onTaken: WeakMap<Sent, () => void>) {
    this.#module = module;
    this.#deliveries = deliveries;
    this.#onTaken = onTaken;
  }

  /**
   * Hands the queue to the session that takes over the address. It is sent when that client enables stream management, sends
   * a stanza, or gets a message. Directly after binding nothing is counted, so the queue could be lost again.
   */
  bequeath(queue: readonly Sent[], successor: C2SSession): void {
    if (queue.length > 0) successor.state.inherited = queue;
  }

  /** Sends the session the queue that it has inherited, in order. */
  settle(session: C2SSession): void {
    const { inherited } = session.state;
    if (inherited === undefined) return;
    delete session.state.inherited;
    this.#each(session, inherited, (sent) => this.#sendAgain(session, sent));
  }

  /** Returns the queue to senders that keep copies, and routes all other stanzas again. */
  giveBack(session: C2SSession, queue: readonly Sent[]): void {
    this.#each(session, queue, (sent) => this.#giveBack(session, sent));
  }

  #each({ jid, log }: C2SSession, queue: readonly Sent[], act: (sent: Sent) => void): void {
    for (const sent of queue) {
      try {
        act(sent);
      } catch (error) {
        const note = 'dropped; its sender is not told';
        log.error('unacknowledged stanza lost', { jid: `${jid}`, at: sent.at, note, error });
      }
    }
  }

  #sendAgain(session: C2SSession, sent: Sent): void {
    const { text, delivery } = sent;
    if (sent.isCopied) {
      const element = parseElement(text);
      // XEP-0313 §4.2: a result of a query, like an iq result, is for the client that asked.
      if (element.getChild('result', NS.MAM)) return;
      const onTaken = this.#onTaken.get(sent);
      if (onTaken && !session.send(element, onTaken)) this.#return(sent);
      return;
    }
    const stanza = isPresence(sent) ? undefined : this.#addressed(session, parseElement(text), sent);
    if (stanza === undefined) return;
    if (stanza.name === 'iq') {
      this.#module.send(stanza);
      return;
    }
    // The earlier session's visit to the room has ended, so this session is not in the room.
    if (stanza.attrs.type === 'groupchat') return;
    if (delivery) this.#deliveries.again(stanza, delivery);
    if (!session.send(stanza)) this.#route(session, sent);
  }

  #giveBack(session: C2SSession, sent: Sent): void {
    if (sent.isCopied) {
      this.#return(sent);
      return;
    }
    if (sent.delivery) sent.delivery.copies--;
    this.#route(session, sent);
  }

  /** Routes the stanza again, or the message that it forwards, unless another client has it. */
  #route(session: C2SSession, sent: Sent): void {
    if (isElsewhere(sent) || isPresence(sent)) return;
    const original = originalOf(parseElement(sent.text), sent.delivery);
    const stanza = original && this.#addressed(session, original, sent);
    if (stanza) this.#module.send(stanza);
  }

  /** Leaves the decision to the sender, which keeps a copy. */
  #return(sent: Sent): void {
    const onTaken = this.#onTaken.get(sent);
    if (onTaken) this.#module.notify('smacks-return', { text: sent.text, onTaken });
  }

  /** The stanza with both addresses. `undefined` if it concerned only the ended session. */
  #addressed({ jid }: C2SSession, stanza: Stanza, { at }: Sent): Stanza | undefined {
    const { type, from = jid.bare, to = jid.toString() } = stanza.attrs;
    // A result or an error has no recipient but the client that asked.
    if (stanza.name === 'iq' && type !== 'get' && type !== 'set') return undefined;
    const addressed = stanza.with({ from, to });
    return stanza.name === 'message' ? withDelay(addressed, this.#module.host.domain, at) : addressed;
  }
}

/** The next session gets the presence of all contacts anew. */
function isPresence({ text }: Sent): boolean {
  return text.startsWith('<presence');
}

/** Whether another client of the account has the message, or may still acknowledge it. */
function isElsewhere({ delivery }: Sent): boolean {
  return delivery !== undefined && (delivery.isTaken || delivery.copies > 0);
}
