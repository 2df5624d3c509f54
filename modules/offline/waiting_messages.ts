// The messages that wait for the users of one host: rows of their archives with the flag `waiting`. What is not archived
// waits in a hidden row. A message waits until a client has it:
//
//     waiting ──(client available)──▶ sent ──(acknowledged, or written to a client without acknowledgements)──▶ not waiting
//        ◀────────(session ended)───────┘
//
// A message that is `sent` is not sent to any other client. That state is in memory only: after a restart all of them are
// `waiting`.

import {
  ARCHIVE_FLAGS,
  type ArchiveRow,
  type ArchiveStore,
  BoundedMap,
  type C2SSession,
  errorReply,
  Jid,
  keptText,
  type Module,
  parseElement,
  refusalFor,
  type Stanza,
  StanzaError,
  type StanzaNotes,
} from 'enjamb/api';
import { stanzaIdBy, withDelay } from 'enjamb/xep';
import type { Delivered } from './delivered.ts';
import { type Limits, Usage } from './usage.ts';

type ReceivedRow = NonNullable<NonNullable<StanzaNotes['archive']>['received']>;

/** Survives a reload of the module, because clients may acknowledge messages after it. */
export interface OfflineState {
  current: WaitingMessages | undefined;
  /** Ids of the messages that are `sent`, by user. */
  readonly sent: Map<string, Set<string>>;
  /** The message of each `onTaken` that a session was given. */
  readonly copies: WeakMap<() => void, Copy>;
  /** The session that had no room for all messages of a user. It is sent more when it has confirmed some. */
  readonly unfinished: Map<string, C2SSession>;
}

/** A message on disk that a session is sent. */
interface Copy {
  readonly user: string;
  readonly row: Pick<ArchiveRow, 'id' | 'flags'>;
}

interface Parts {
  readonly archive: ArchiveStore;
  /** The clients of a user with "available presence with a non-negative priority" (§2). */
  recipients(user: string): readonly C2SSession[];
  readonly limits: Limits;
  readonly delivered: Delivered;
}

/** What waits for a user. It grows while the rows on disk are read. */
interface KnownUsage {
  readonly usage: Usage;
  readonly loaded: Promise<void>;
  /** What was known before; it counts until `usage` is loaded. */
  former: Usage | undefined;
}

/** In bytes; a larger message waits only if it is archived. */
const MAX_MESSAGE = 384 * 1024;
const TOO_LARGE = 'This message is too large to be stored, and the user is not there';
/** Users whose usage is remembered. */
const MAX_KNOWN = 1_000;
/** Messages that are read at once. */
const PAGE = 50;
/** The pause before a full client is tried again, if it has no message of ours whose acknowledgement would tell. */
const RETRY_MS = 10_000;

export class WaitingMessages {
  readonly #module: Module;
  readonly #parts: Parts;
  readonly #archive: ArchiveStore;
  readonly #state: OfflineState;
  /** Usage by user, the most recent last. */
  readonly #usage = new BoundedMap<string, KnownUsage>(MAX_KNOWN);
  /** Rows that do not wait any more, by user, until that is on disk. */
  readonly #taken = new Map<string, Copy['row'][]>();
  /** Sessions whose delivery is scheduled. */
  readonly #scheduled = new WeakSet<C2SSession>();

  /** @param state what the instance before this one has left */
  constructor(module: Module, parts: Parts, state: OfflineState) {
    this.#module = module;
    this.#parts = parts;
    this.#archive = parts.archive;
    this.#state = state;
    state.current = this;
    for (const user of [...state.unfinished.keys()]) this.#goOn(user); // What the module before has left to do.
  }

  /** Lets an archived message wait, if there is room. */
  flag(user: string, row: ReceivedRow, message: Stanza): void {
    const from = message.attrs.from ?? '';
    const bytes = sizeOf(message.toString());
    const { usage, former } = this.#usageOf(user); // What is read the first time counts from the next message on.
    if (this.#refusal(user, former ?? usage, from, bytes) !== undefined) return;
    usage.add(from, bytes);
    former?.add(from, bytes);
    if (row.isStored) this.#module.spawn(this.#archive.mark(user, [row.id], { add: ARCHIVE_FLAGS.waiting }));
    else row.flags |= ARCHIVE_FLAGS.waiting;
  }

  /** Lets a message wait that is not archived, or returns an error to its sender. Never rejects. */
  async store(user: string, message: Stanza): Promise<void> {
    try {
      const { id } = this.#archive.nextId(user); // Now: messages wait in the order of their arrival.
      const text = keptText(message);
      await this.#module.serial(user, () => this.#append(user, id, message.attrs.from ?? '', text));
    } catch (error) {
      if (!(error instanceof StanzaError)) this.#module.report(error, { user });
      const reply = errorReply(message, refusalFor(error));
      if (reply) this.#module.send(reply);
    }
  }

  /** Sends a client all waiting messages, oldest first, until it has no more room. */
  async deliver(session: C2SSession): Promise<void> {
    if (this.#scheduled.has(session)) return;
    this.#scheduled.add(session);
    await this.#module.serial(session.jid.local ?? '', () => this.#deliver(session));
  }

  async #deliver(session: C2SSession): Promise<void> {
    this.#scheduled.delete(session);
    const user = session.jid.local ?? '';
    await this.#usageOf(user).loaded;
    if (this.#isNoneLeft(user) || this.#state.unfinished.get(user) === session) return;
    let after: string | undefined;
    for (;;) {
      const page = await this.#archive.page(user, {
        rows: 'waiting',
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      if (!page.rows.every((row) => this.#sendRow(session, user, row)) || page.isComplete) return;
      after = page.rows.at(-1)?.id;
    }
  }

  #isNoneLeft(user: string): boolean {
    return this.#usage.get(user)?.usage.messages === (this.#state.sent.get(user)?.size ?? 0);
  }

  /** Returns false when the client takes no more messages. */
  #sendRow(session: C2SSession, user: string, row: ArchiveRow): boolean {
    if (this.#state.sent.get(user)?.has(row.id)) return true;
    const isOver = isTombstone(row) || this.#hasAsked(session, row);
    const message = isOver ? undefined : this.#read(user, row);
    if (message) return this.#send(session, { user, row }, message);
    this.taken({ user, row });
    return true;
  }

  /** Whether the client has got the message, or will, as a result of its query of the archive. */
  #hasAsked(session: C2SSession, { flags, at }: ArchiveRow): boolean {
    if (flags & ARCHIVE_FLAGS.hidden) return false;
    return this.#module.find('mam')?.hasAsked(session, at) === true;
  }

  /** The session has ended: messages that it had no room for go to another available client. */
  ended(session: C2SSession): void {
    const user = session.jid.local ?? '';
    if (this.#state.unfinished.get(user) !== session) return;
    this.#state.unfinished.delete(user);
    const [other] = this.#parts.recipients(user);
    if (other) this.#module.spawn(this.deliver(other));
  }

  /** A message may not wait any more: anybody can cause that, so what waited counts until it has been read again. */
  retracted(user: string): void {
    const known = this.#usage.get(user);
    if (known) this.#readUsage(user, known.former ?? known.usage);
  }

  /** Forgets an account that was deleted. The server removes its stored messages. */
  forget(user: string): void {
    for (const map of [this.#usage, this.#taken, this.#state.unfinished, this.#state.sent]) map.delete(user);
  }

  /** @throws StanzaError 'service-unavailable' when there is no room (§2), or the account no longer exists */
  async #append(user: string, id: string, from: string, text: string): Promise<void> {
    const { usage, loaded } = this.#usageOf(user);
    await loaded;
    const bytes = sizeOf(text);
    const refusal = bytes > MAX_MESSAGE ? TOO_LARGE : this.#refusal(user, usage, from, bytes);
    if (refusal !== undefined) throw new StanzaError('service-unavailable', { text: refusal });
    if (!this.#module.host.users.has(user)) throw new StanzaError('service-unavailable');
    const flags = ARCHIVE_FLAGS.waiting | ARCHIVE_FLAGS.hidden;
    await this.#archive.append(user, { id, with: bareOf(from), xml: text, flags });
    usage.add(from, bytes);
  }

  #refusal(user: string, usage: Usage, from: string, bytes: number): string | undefined {
    const host = this.#module.host.domain;
    const isContact = (sender: string) =>
      sender === `${user}@${host}` ||
      this.#module.fire('roster-may-see-presence', { user, contact: sender }) === true;
    return usage.refusal(from, bytes, this.#parts.limits, { host, isContact });
  }

  #usageOf(user: string): KnownUsage {
    return this.#usage.get(user) ?? this.#readUsage(user);
  }

  #readUsage(user: string, former?: Usage): KnownUsage {
    const usage = new Usage();
    const fresh: KnownUsage = { usage, loaded: this.#loadUsage(user, usage), former };
    this.#usage.set(user, fresh);
    fresh.loaded.then(
      () => {
        fresh.former = undefined;
      },
      () => this.#usage.delete(user), // The next message tries again.
    );
    return fresh;
  }

  async #loadUsage(user: string, usage: Usage): Promise<void> {
    for (const { with: sender, messages, bytes } of await this.#archive.waiting(user))
      usage.add(sender, bytes, messages);
  }

  /** Returns false when the client takes no messages, or has no room for this one. */
  #send(session: C2SSession, copy: Copy, message: Stanza): boolean {
    const { user, row } = copy;
    if (!this.#parts.recipients(user).includes(session)) return false;
    const { sent } = this.#state;
    const ids = sent.get(user) ?? new Set();
    sent.set(user, ids.add(row.id));
    if (session.send(message, onTaken(this.#state, copy))) return true;
    this.#unsent(user, row.id);
    this.#state.unfinished.set(user, session);
    if (!sent.has(user)) this.#module.after(RETRY_MS, () => this.#goOn(user));
    return false;
  }

  /** A client has a message, or it cannot be read. */
  taken({ user, row }: Copy): void {
    this.#parts.delivered.note(user);
    const rows = this.#taken.get(user);
    if (rows) {
      rows.push(row);
      return;
    }
    this.#taken.set(user, [row]);
    this.#module.spawn(this.#module.serial(user, () => this.#removeTaken(user)));
  }

  async #removeTaken(user: string): Promise<void> {
    const rows = this.#taken.get(user) ?? [];
    this.#taken.delete(user);
    const { hidden = [], archived = [] } = Object.groupBy(rows, ({ flags }) =>
      flags & ARCHIVE_FLAGS.hidden ? 'hidden' : 'archived',
    );
    await this.#module.store.batch(() => {
      const idsOf = (of: readonly Copy['row'][]) => of.map(({ id }) => id);
      if (hidden.length > 0) void this.#archive.remove(user, idsOf(hidden));
      if (archived.length > 0)
        void this.#archive.mark(user, idsOf(archived), { clear: ARCHIVE_FLAGS.waiting });
    });
    for (const { id } of rows) this.#unsent(user, id); // Not before, or the message could be sent again.
    this.#usage.delete(user);
    this.#goOn(user);
  }

  #goOn(user: string): void {
    const session = this.#state.unfinished.get(user);
    this.#state.unfinished.delete(user);
    if (session && this.#parts.recipients(user).includes(session)) this.#module.spawn(this.deliver(session));
  }

  #unsent(user: string, id: string): void {
    const ids = this.#state.sent.get(user);
    ids?.delete(id);
    if (ids?.size === 0) this.#state.sent.delete(user);
  }

  /** The message with the time since when it has waited (XEP-0160 §3), and its id in the archive (XEP-0359 §4). */
  #read(user: string, { id, at, flags, xml: text, with: from }: ArchiveRow): Stanza | undefined {
    const { domain } = this.#module.host;
    try {
      const message = parseElement(text);
      if (message.name !== 'message') throw new Error(`A <message/> expected, not <${message.name}/>`);
      const late = withDelay(message, domain, at);
      return flags & ARCHIVE_FLAGS.hidden ? late : late.plus(stanzaIdBy(`${user}@${domain}`, id));
    } catch (error) {
      const note = 'it does not wait any more; its sender may send it again';
      this.#module.log.error('stored message unreadable', { user, id, from, at, note, error });
      return undefined;
    }
  }

  /** A session ended before its client acknowledged a message of ours. Another client gets it, now or later. */
  returned(onTaken: () => void, text: string): void {
    const copy = this.#state.copies.get(onTaken);
    if (copy === undefined) return;
    this.#unsent(copy.user, copy.row.id);
    const [other] = this.#parts.recipients(copy.user);
    if (other) this.#send(other, copy, parseElement(text));
  }
}

/** Tells the instance that is loaded when the client acknowledges the message. */
function onTaken(state: OfflineState, copy: Copy): () => void {
  const taken = () => state.current?.taken(copy);
  state.copies.set(taken, { user: copy.user, row: { id: copy.row.id, flags: copy.row.flags } });
  return taken;
}

/** Its author retracted the message while a session had it, which has ended. */
function isTombstone({ flags }: ArchiveRow): boolean {
  return (flags & ARCHIVE_FLAGS.tombstone) !== 0;
}

function bareOf(address: string): string {
  return Jid.tryParse(address)?.bare.toString() ?? address;
}

function sizeOf(text: string): number {
  return Buffer.byteLength(text);
}
