// A message for an account, or for a client that is gone, goes to several clients (RFC 6121 §8.5.2.1.1, §8.5.3.2.1), and
// other clients get copies that forward it (XEP-0280). When one of their sessions ends, clients that have the message must
// not get it again. When none has it, it must not be lost.

import { type C2SSession, NS, parseElement, type Stanza } from 'enjamb/api';

declare module 'enjamb/api' {
  interface Exports {
    smacks: {
      /**
       * Call this before sending `copy`, which forwards a message (XEP-0297), to further clients of the account. `original`:
       * that message, which other clients were sent; if no client acknowledges it or a copy, it is redelivered. `undefined`:
       * the message is safe, so copies that no client acknowledges are dropped.
       */
      forwarding(copy: Stanza, original: Stanza | undefined): void;
    };
  }
}

/** One message for several clients of an account: plain data that their queues share. */
export interface Delivery {
  /** The address in the message. A copy that forwards it has another one. */
  readonly to: string;
  /** Clients that have it in their queue or have taken it off. */
  copies: number;
  /** A client has acknowledged it, or got it without stream management. */
  isTaken: boolean;
}

/** A delivery, and the sessions that were sent the message itself. */
interface Recent {
  readonly delivery: Delivery;
  readonly sessions: WeakSet<C2SSession>;
  /** The stanza forwards the message. */
  readonly isForward: boolean;
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

  /** Records the stanza for the session. `undefined` if no other client of the account can get it. */
  note(session: C2SSession, { name, attrs, children }: Stanza): Delivery | undefined {
    const { jid, host, state } = session;
    if (name !== 'message' || attrs.to === undefined || attrs.type === 'groupchat') return undefined;
    const isForOne = host.sessions.of(jid.local ?? '').length < 2;
    if (isForOne && !this.#recent.has(children)) return undefined;
    const delivery = this.#of(children, attrs.to, session);
    if (state.smacks) delivery.copies++;
    else delivery.isTaken = true;
    return delivery;
  }

  /** See `Exports.smacks`. */
  forward(copy: Stanza, original: Stanza | undefined): void {
    const delivery = original ? this.#recentOf(original).delivery : { to: SAFE, copies: 0, isTaken: true };
    this.#recent.set(copy.children, { delivery, sessions: new WeakSet(), isForward: true });
  }

  /** Call this before a client gets its copy again. */
  again({ attrs, children }: Stanza, delivery: Delivery): void {
    delivery.copies--;
    const isForward = attrs.to !== delivery.to;
    this.#recent.set(children, { delivery, sessions: new WeakSet(), isForward });
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

  /** A module may hold the original: then the copies are sent before it. */
  #recentOf({ attrs: { to = '' }, children }: Stanza): Recent {
    const known = this.#recent.get(children);
    if (known?.delivery.to === to) return known;
    const recent = newRecent(to);
    this.#recent.set(children, recent);
    return recent;
  }

  /** A module may send one element twice. A session that was sent the message is sent another one. */
  #of(children: object, to: string, session: C2SSession): Delivery {
    const known = this.#recent.get(children);
    if (known?.isForward) return known.delivery;
    const isSame = known?.delivery.to === to && !known.sessions.has(session);
    const recent = isSame ? known : newRecent(to);
    this.#recent.set(children, recent);
    recent.sessions.add(session);
    return recent.delivery;
  }
}

/** Stands for the address of a message that is safe: no copy that forwards it has this address. */
const SAFE = '';

function newRecent(to: string): Recent {
  return { delivery: { to, copies: 0, isTaken: false }, sessions: new WeakSet(), isForward: false };
}

/** The message that a copy forwards; a stanza that is no copy, as it is. `undefined` if the copy has none. */
export function originalOf(stanza: Stanza, delivery: Delivery | undefined): Stanza | undefined {
  if (delivery === undefined || stanza.attrs.to === delivery.to) return stanza;
  const [carbon] = stanza.elements();
  const original = carbon?.getChild('forwarded', NS.FORWARD)?.getChild('message', NS.CLIENT);
  return original && parseElement(original.toString()); // In the namespace of the stream.
}
