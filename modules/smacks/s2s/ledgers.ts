// The ledgers of all open streams with other servers, and of ended streams that may be resumed (XEP-0198 §5).

import { type Clock, registeredDomain, type S2SCloseCause, type S2SStream } from 'enjamb/api';
import { discharge, type Ledger } from './ledger.ts';

/** Of one domain, of all below a registered one, and of all together: each is a few numbers once its rest was sent again. */
const MAX_PER_REMOTE = 16;
const MAX_PER_REGISTERED = 500;
const MAX_RESUMABLE = 5_000;

/** Survives a reload of the module. */
export interface KeptLedgers {
  readonly open: Set<Ledger>;
  /** By remote domain: the ledger of the open stream that carries our stanzas. */
  readonly carriers: Map<string, Ledger>;
  /** By remote domain, then by id; the oldest first. Only the peer that chose an id can use it. */
  readonly resumable: Map<string, Map<string, Ledger>>;
  count: number;
}

export function newLedgers(): KeptLedgers {
  return { open: new Set(), carriers: new Map(), resumable: new Map(), count: 0 };
}

export class Ledgers {
  readonly #clock: Clock;
  readonly #kept: KeptLedgers;
  /** The order in which streams were authenticated, and resumed. */
  readonly #order = new WeakMap<object, number>();
  #latest = 0;

  constructor(clock: Clock, kept: KeptLedgers) {
    this.#clock = clock;
    this.#kept = kept;
  }

  get open(): ReadonlySet<Ledger> {
    return this.#kept.open;
  }

  add(ledger: Ledger): Ledger {
    ledger.stream.state.smacks = ledger;
    this.#kept.open.add(ledger);
    return ledger;
  }

  /** From now on this stream carries our stanzas to `remote`. */
  carry(remote: string, ledger: Ledger): void {
    this.#kept.carriers.set(remote, ledger);
  }

  /** The ledger of the open stream that carries our stanzas to `remote`. */
  carrier(remote: string): Ledger | undefined {
    return this.#kept.carriers.get(remote);
  }

  /** Gives a stream or a ledger the newest place in the order. */
  mark(what: object): void {
    this.#order.set(what, ++this.#latest);
  }

  /** Whether `one` was marked before `other`. False if either was not marked. */
  isBefore(one: object, other: object): boolean {
    return (this.#order.get(one) ?? 0) < (this.#order.get(other) ?? 0) && this.#order.has(one);
  }

  /** Lets either side resume the stream by `id`. False when there are too many. */
  makeResumable(ledger: Ledger, id: string): boolean {
    const own = this.#kept.resumable.get(ledger.remote) ?? new Map<string, Ledger>();
    if (!own.has(id) && !this.#hasRoom(own, ledger.remote)) return false;
    ledger.id = id;
    if (!own.delete(id)) this.#kept.count++;
    own.set(id, ledger);
    this.#kept.resumable.set(ledger.remote, own);
    return true;
  }

  /** The ledger with this id, of a stream with one of the domains. */
  find(remotes: Iterable<string>, id: string): Ledger | undefined {
    for (const remote of remotes) {
      const found = this.#kept.resumable.get(remote)?.get(id);
      if (found) return found;
    }
    return undefined;
  }

  /** The stream has ended. It can be resumed until `maxMs` have passed. */
  ended(ledger: Ledger, cause: S2SCloseCause, error: Error | undefined): void {
    this.#kept.open.delete(ledger);
    for (const remote of ledger.stream.remotes)
      if (this.carrier(remote) === ledger) this.#kept.carriers.delete(remote);
    discharge(ledger);
    ledger.end = { cause, error };
    if (ledger.id !== undefined) this.#clock.after(ledger.maxMs, () => this.forget(ledger));
  }

  /** Whether no other stream has taken the place of one that has ended. */
  isResumable(ledger: Ledger): boolean {
    return ledger.id !== undefined && this.find([ledger.remote], ledger.id) === ledger;
  }

  /** Forgets the id of a ledger, unless another stream has taken it over. */
  forget(ledger: Ledger): void {
    const own = this.#kept.resumable.get(ledger.remote);
    if (ledger.id === undefined || own?.get(ledger.id) !== ledger) return;
    own.delete(ledger.id);
    this.#kept.count--;
    if (own.size === 0) this.#kept.resumable.delete(ledger.remote);
  }

  #hasRoom(own: Map<string, Ledger>, remote: string): boolean {
    if (own.size >= MAX_PER_REMOTE) this.#forgetEnded(own);
    if (own.size >= MAX_PER_REMOTE || this.#kept.count >= MAX_RESUMABLE) return false;
    const group = registeredDomain(remote);
    let count = 0;
    for (const [other, ledgers] of this.#kept.resumable)
      if (registeredDomain(other) === group) count += ledgers.size;
    return count < MAX_PER_REGISTERED;
  }

  #forgetEnded(ledgers: Map<string, Ledger>): void {
    const oldest = [...ledgers.values()].find(({ end }) => end !== undefined);
    if (oldest) this.forget(oldest);
  }
}

/** The domain for which a stream was authenticated first. */
export function firstRemote({ remotes }: S2SStream): string | undefined {
  const [first] = remotes;
  return first;
}
