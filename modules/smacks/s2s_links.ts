// All streams with other servers that are managed, and those that have ended and may be resumed (§5).

import {
  type Clock,
  registeredDomain,
  type S2SCloseCause,
  type S2SStream,
  type SharedBudget,
} from 'enjamb/api';
import { type Link, leaveBudget } from './s2s_link.ts';

/** Of one domain, of all below a registered one, and of all together: each is a few numbers once its rest was sent again. */
const MAX_PER_REMOTE = 16;
const MAX_PER_REGISTERED = 500;
const MAX_RESUMABLE = 5_000;

/** What outlives a reload of the module. */
export interface KeptLinks {
  readonly open: Set<Link>;
  /** By remote domain, then by id; the oldest first. Of the id that a peer has given, only that peer can make use. */
  readonly resumable: Map<string, Map<string, Link>>;
  count: number;
  /** Budget for unconfirmed stanzas on all open streams. */
  readonly unconfirmed: SharedBudget;
}

export class Links {
  readonly #clock: Clock;
  readonly #kept: KeptLinks;
  /** In which order streams were authenticated, and resumed. */
  readonly #order = new WeakMap<object, number>();
  /** By remote domain: the stream that our stanzas take. */
  readonly #carriers = new Map<string, Link>();
  #latest = 0;

  constructor(clock: Clock, kept: KeptLinks) {
    this.#clock = clock;
    this.#kept = kept;
  }

  get open(): ReadonlySet<Link> {
    return this.#kept.open;
  }

  add(link: Link): Link {
    link.session.state.smacks = link;
    link.budget = this.#kept.unconfirmed;
    this.#kept.open.add(link);
    return link;
  }

  /** Our stanzas to `remote` take this stream from now on. */
  carry(remote: string, link: Link): void {
    this.#carriers.set(remote, link);
  }

  /** The open stream that our stanzas to `remote` take. */
  carrier(remote: string): Link | undefined {
    return this.#carriers.get(remote);
  }

  /** Notes that something has happened to a session or a link after everything that was noted before. */
  mark(what: object): void {
    this.#order.set(what, ++this.#latest);
  }

  /** Whether `one` was marked before `other`; false when either is not known. */
  isBefore(one: object, other: object): boolean {
    return (this.#order.get(one) ?? 0) < (this.#order.get(other) ?? 0) && this.#order.has(one);
  }

  /** Lets either side resume the stream by `id`. False when there are too many. */
  makeResumable(link: Link, id: string): boolean {
    const own = this.#kept.resumable.get(link.remote) ?? new Map<string, Link>();
    if (!own.has(id) && !this.#hasRoom(own, link.remote)) return false;
    link.id = id;
    if (!own.delete(id)) this.#kept.count++;
    own.set(id, link);
    this.#kept.resumable.set(link.remote, own);
    return true;
  }

  /** The stream with one of the domains that is known by an id. */
  find(remotes: Iterable<string>, id: string): Link | undefined {
    for (const remote of remotes) {
      const found = this.#kept.resumable.get(remote)?.get(id);
      if (found) return found;
    }
    return undefined;
  }

  /** The stream has ended; it may be resumed for a while. */
  ended(link: Link, cause: S2SCloseCause, error: Error | undefined): void {
    this.#kept.open.delete(link);
    for (const remote of link.session.remotes)
      if (this.#carriers.get(remote) === link) this.#carriers.delete(remote);
    leaveBudget(link);
    link.end = { cause, error };
    if (link.id !== undefined) this.#clock.after(link.maxMs, () => this.forget(link));
  }

  /** A stream that has ended and that no other has taken the place of. */
  isResumable(link: Link): boolean {
    return link.id !== undefined && this.find([link.remote], link.id) === link;
  }

  /** It will not be resumed, unless another stream has taken its place. */
  forget(link: Link): void {
    const own = this.#kept.resumable.get(link.remote);
    if (link.id === undefined || own?.get(link.id) !== link) return;
    own.delete(link.id);
    this.#kept.count--;
    if (own.size === 0) this.#kept.resumable.delete(link.remote);
  }

  #hasRoom(own: Map<string, Link>, remote: string): boolean {
    if (own.size >= MAX_PER_REMOTE) this.#forgetEnded(own);
    if (own.size >= MAX_PER_REMOTE || this.#kept.count >= MAX_RESUMABLE) return false;
    const group = registeredDomain(remote);
    let count = 0;
    for (const [other, links] of this.#kept.resumable)
      if (registeredDomain(other) === group) count += links.size;
    return count < MAX_PER_REGISTERED;
  }

  #forgetEnded(links: Map<string, Link>): void {
    const oldest = [...links.values()].find(({ end }) => end !== undefined);
    if (oldest) this.forget(oldest);
  }
}

/** The domain for which a stream was authenticated first. */
export function firstRemote({ remotes }: S2SStream): string | undefined {
  const [first] = remotes;
  return first;
}
