// A message for an account, or for a client that is gone, goes to several clients (RFC 6121 §8.5.2.1.1, §8.5.3.2.1). When
// one of their sessions ends, clients that have the message must not get it again. When none has it, it must not be lost.

import type { C2SSession, Stanza } from 'enjamb/api';

/** One message for several clients of an account: plain data that their queues share. */
export interface Delivery {
  readonly to: string;
  /** Clients that have it in their queue or have taken it off. */
  copies: number;
  /** A client has acknowledged it, or got it without stream management. */
  isTaken: boolean;
}

/** A delivery, and the sessions that were sent a copy. */
interface Recent {
  readonly delivery: Delivery;
  readonly sessions: WeakSet<C2SSession>;
}

/** A delivery in a saved queue; `key` tells queues that share it. */
export interface SavedDelivery extends Delivery {
  readonly key: number;
}

export class Deliveries {
  readonly #keys = new WeakMap<Delivery, number>();
  #nextKey = 1;
  /** Deliveries of loaded queues, by key, until all sessions have been loaded. */
  readonly #loaded = new Map<number, Delivery>();
  /** By the children, which all copies of a stanza share. */
  readonly #recent = new WeakMap<object, Recent>();

  /** Records a copy for the session. `undefined` if no other client of the account gets the stanza. */
  note(session: C2SSession, { name, attrs, children }: Stanza): Delivery | undefined {
    const { jid, host, state } = session;
    if (name !== 'message' || attrs.to === undefined || attrs.to === jid.toString()) return undefined;
    const isForOne = host.sessions.of(jid.local ?? '').length < 2;
    if (isForOne && !this.#recent.has(children)) return undefined;
    const delivery = this.#of(children, attrs.to, session);
    if (state.smacks) delivery.copies++;
    else delivery.isTaken = true;
    return delivery;
  }

  /** Call this before a client gets its copy again. */
  again({ children }: Stanza, delivery: Delivery): void {
    delivery.copies--;
    this.#recent.set(children, { delivery, sessions: new WeakSet() });
  }

  save(delivery: Delivery): SavedDelivery {
    const key = this.#keys.get(delivery) ?? this.#nextKey++;
    this.#keys.set(delivery, key);
    return { ...delivery, key };
  }

  /** Returns the same object for all queues that shared it when they were saved. */
  load({ key, ...saved }: SavedDelivery): Delivery {
    const delivery = this.#loaded.get(key) ?? saved;
    this.#loaded.set(key, delivery);
    this.#keys.set(delivery, key);
    this.#nextKey = Math.max(this.#nextKey, key + 1);
    return delivery;
  }

  /** Call this when all saved sessions have been loaded. */
  forgetLoaded(): void {
    this.#loaded.clear();
  }

  /** A module may send one element twice. A session that has had a copy is sent another message. */
  #of(children: object, to: string, session: C2SSession): Delivery {
    const known = this.#recent.get(children);
    const isSame = known?.delivery.to === to && !known.sessions.has(session);
    const recent = isSame ? known : { delivery: { to, copies: 0, isTaken: false }, sessions: new WeakSet() };
    this.#recent.set(children, recent);
    recent.sessions.add(session);
    return recent.delivery;
  }
}
