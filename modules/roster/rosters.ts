// The rosters of one host's users: queries for routing, and changes with their pushes.

import {
  type C2SSession,
  type Element,
  type Module,
  newId,
  StanzaError,
  share,
  type Table,
  xml,
} from 'enjamb/api';
import type { SubscriptionType } from 'enjamb/xep';
import { type Draft, type RosterItem, type RosterSet, weightOf } from './item.ts';
import { fitting, type RequestLimits } from './requests.ts';
import { isVisibleChange, itemOf, pushOf, type Roster } from './roster.ts';
import { RosterStore } from './store.ts';
import { type Direction, hasFrom, hasTo, isAsked, isAsking, type Row, rowFor } from './subscription.ts';

/** The effect of a subscription stanza on one entry, before it is applied. */
export interface Transition extends Row {
  readonly user: string;
  readonly contact: string;
  readonly before: RosterItem | undefined;
  /** The entry after the change; `undefined` if there is none. Identical to `before` if nothing changes. */
  readonly after: Draft | undefined;
  /** The text of the contact's request, which is kept until the user answers it. */
  readonly request?: string | undefined;
}

export interface Partings {
  /** Whether the contact sees the user's clients and must get unavailable presence. */
  readonly unavailable: boolean;
  readonly unsubscribe: boolean;
  readonly unsubscribed: boolean;
}

export interface Limits {
  readonly maxItems: number;
  /** The most bytes of all listed entries of one user, as on disk. */
  readonly maxBytes: number;
  readonly requests: RequestLimits;
}

/**
 * Keeps for each user at most `maxItems` contacts of at most `maxBytes` in total, and the requests within requests.ts.
 */
export class Rosters {
  readonly #module: Module;
  readonly #store: RosterStore;
  readonly #limits: Limits;

  constructor(module: Module, table: Table<Roster>, limits: Limits) {
    this.#module = module;
    this.#store = new RosterStore(module, table);
    this.#limits = limits;
  }

  of(user: string): Roster {
    return this.#store.get(user);
  }

  /** Resolves when all changes of the user are on disk or refused; `undefined` if they are. */
  pending(user: string): Promise<void> | undefined {
    return this.#store.isPending(user) ? this.#store.settled(user) : undefined;
  }

  /** Removes a deleted account from memory. The server removes its stored roster. */
  forget(user: string): void {
    this.#store.forget(user);
  }

  item(user: string, contact: string): RosterItem | undefined {
    return itemOf(this.of(user), contact);
  }

  /** All entries of the user, including those of pending requests. */
  items(user: string): readonly RosterItem[] {
    return Object.values(this.of(user).items);
  }

  /** The contacts that see the user's presence, as bare JIDs. */
  subscribers(user: string): readonly string[] {
    return this.#contacts(user, (item) => hasFrom(item.state));
  }

  /** The contacts whose presence the user sees, as bare JIDs. */
  subscriptions(user: string): readonly string[] {
    return this.#contacts(user, (item) => hasTo(item.state));
  }

  /** The contacts that have not answered the user's request, as bare JIDs. */
  asking(user: string): readonly string[] {
    return this.#contacts(user, (item) => isAsking(item.state));
  }

  /** The requests that the user has not answered, as text. */
  requests(user: string): readonly { readonly contact: string; readonly text: string }[] {
    return this.items(user).flatMap(({ jid, request }) =>
      request === undefined ? [] : { contact: jid, text: request },
    );
  }

  /** Replaces the text of the contact's unanswered request. Resolves when it is stored. */
  async replaceRequest(user: string, contact: string, request: string): Promise<void> {
    const before = this.item(user, contact);
    if (before?.request !== undefined) await this.#put(user, contact, { ...before, request });
  }

  /** Whether the contact sees the user's presence. */
  hasSubscriber(user: string, contact: string): boolean {
    const item = this.item(user, contact);
    return item !== undefined && hasFrom(item.state);
  }

  /** The stanzas to a contact whose entry is removed (§2.5.2). */
  partings({ state }: RosterItem): Partings {
    return {
      unavailable: hasFrom(state),
      unsubscribe: hasTo(state) || isAsking(state),
      unsubscribed: hasFrom(state) || isAsked(state),
    };
  }

  /** The user's sessions that have requested the roster: "interested resources" (§2.2). */
  interested(user: string): readonly C2SSession[] {
    return this.#module.host.sessions.of(user).filter((session) => session.state.rosterRequested);
  }

  /**
   * Adds or changes an entry for a client (§2.3, §2.4). Resolves when it is stored.
   * @throws StanzaError 'not-allowed' for the user's own address, 'resource-constraint' if the roster is full.
   */
  edit(user: string, { jid, name, groups }: Omit<RosterSet, 'remove'>): Promise<void> {
    if (jid === `${user}@${this.#module.host.domain}`) throw new StanzaError('not-allowed');
    const before = this.item(user, jid);
    const { name: _, ...rest } = before ?? newcomer(jid);
    const wanted = { ...rest, listed: true, groups, ...(name === undefined ? {} : { name }) };
    this.#assertFits(user, before, wanted);
    return this.#put(user, jid, wanted, true);
  }

  /**
   * Removes an entry from the list (§2.5). Resolves when that is stored.
   * @throws StanzaError 'item-not-found'
   */
  remove(user: string, contact: string): Promise<void> {
    if (!this.item(user, contact)?.listed) throw new StanzaError('item-not-found');
    return this.#put(user, contact, undefined);
  }

  /**
   * The effect of a subscription stanza between the user and the contact, from the tables of Appendix A.
   * @param texts texts of a contact's request that may be kept, the complete one first
   * @throws StanzaError 'resource-constraint' if the stanza would add a contact to a full roster, or if too many requests
   *   are pending
   */
  transition(
    user: string,
    contact: string,
    direction: Direction,
    type: SubscriptionType,
    texts: readonly string[] = [],
  ): Transition {
    const before = this.item(user, contact);
    const row = rowFor(direction, type, before?.state ?? 'none', before?.approved ?? false);
    const after = draftOf(
      before ?? newcomer(contact),
      row,
      direction === 'outbound' && type !== 'unsubscribe',
    );
    if (after?.listed && !before?.listed) this.#assertFits(user, before, after);
    const isNewRequest = after && isAsked(after.state) && !(before && isAsked(before.state));
    const request = isNewRequest ? this.#keptRequest(user, contact, texts) : undefined;
    return { ...row, user, contact, before, after: isSame(before, after) ? before : after, request };
  }

  /** Applies a transition: stores it, pushes visible changes, notifies other modules. Resolves when it is stored. */
  async settle({ user, contact, before, after, request }: Transition): Promise<void> {
    if (before === after) return;
    const words = after && isAsked(after.state) ? (request ?? before?.request) : undefined;
    await this.#put(user, contact, after && { ...after, ...(words === undefined ? {} : { request: words }) });
  }

  /**
   * A client's edit is pushed when it is stored, because clients cache it. Other changes are pushed immediately: clients get
   * them before the presence that follows from them (RFC 6121 §3.1.5, §3.1.6).
   */
  async #put(user: string, contact: string, draft: Draft | undefined, isEdit = false): Promise<void> {
    const before = this.item(user, contact);
    const visible = isEdit || isVisibleChange(before, draft);
    const stored = this.#store.put(user, contact, draft, visible);
    const push = visible ? pushOf(this.of(user), contact) : undefined;
    if (push && !isEdit) this.#push(user, push);
    this.#module.notify('roster-change', { user, contact, before, after: this.item(user, contact) });
    await stored;
    if (push && isEdit) this.#push(user, push);
  }

  #push(user: string, content: Element): void {
    const push = share(xml('iq', { type: 'set' }, content));
    for (const session of this.interested(user)) {
      session.send(push.with({ id: newId(), to: session.jid.toString() }));
    }
  }

  #contacts(user: string, matches: (item: RosterItem) => boolean): readonly string[] {
    const contacts: string[] = [];
    for (const item of this.items(user)) if (matches(item)) contacts.push(item.jid);
    return contacts;
  }

  #assertFits(user: string, before: RosterItem | undefined, after: Draft): void {
    const { contacts, bytes } = this.#store.sizeOf(user);
    const added = weightOf(after) - (before?.listed ? weightOf(before) : 0);
    const isFull = !before?.listed && contacts >= this.#limits.maxItems;
    const isTooLarge = added > 0 && bytes + added > this.#limits.maxBytes;
    if (!isFull && !isTooLarge) return;
    const text = isFull
      ? 'The contact list is full: remove a contact first'
      : 'The contact list is too large: remove contacts, or shorten names and groups';
    throw new StanzaError('resource-constraint', { type: 'cancel', text });
  }

  /** The text of a new request that will be kept. @throws StanzaError 'resource-constraint' */
  #keptRequest(user: string, contact: string, texts: readonly string[]): string | undefined {
    if (texts.length === 0) return undefined;
    const { domain } = this.#module.host;
    const text = fitting(texts, contact, this.items(user), domain, this.#limits.requests);
    if (text !== undefined) return text;
    throw new StanzaError('resource-constraint', {
      text: 'This user has too many unanswered requests from your server: try again later',
    });
  }
}

function newcomer(jid: string): Draft {
  return { jid, state: 'none', listed: false, groups: [], approved: false };
}

/** The new entry; `undefined` if it is empty. `lists`: the stanza adds the contact to the user's list. */
function draftOf(item: Draft, row: Row, lists: boolean): Draft | undefined {
  const { request: _, ...rest } = item;
  const state = row.next ?? item.state;
  const approved = row.approve ?? item.approved;
  const listed = item.listed || (lists && (state !== 'none' || approved));
  if (!listed && state === 'none') return undefined;
  return { ...rest, state, approved, listed };
}

function isSame(before: RosterItem | undefined, after: Draft | undefined): boolean {
  if (!before || !after) return before === after;
  return before.state === after.state && before.approved === after.approved && before.listed === after.listed;
}
