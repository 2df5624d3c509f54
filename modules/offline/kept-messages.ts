// The messages that wait for the users of one host. A message stays on disk until a client has it:
//
//     waiting ──(client available)──▶ sent ──(acknowledged, or written to a client without acknowledgements)──▶ removed
//        ◀────────(session ended)───────┘
//
// A message that is `sent` is not sent to any other client. The state is in memory only: after a restart all messages
// on disk are `waiting`.

import {
  type ArchiveEntry,
  type ArchiveStore,
  BoundedMap,
  type C2SSession,
  errorReply,
  keptText,
  type Module,
  newId,
  parseElement,
  refusalFor,
  type Stanza,
  StanzaError,
} from 'enjamb/api';
import { withDelay } from 'enjamb/xep';
import { type Limits, Usage } from './usage.ts';

type Recipients = (user: string) => readonly C2SSession[];

/** Survives a reload of the module, because clients may acknowledge messages after it. */
export interface OfflineState {
  current: KeptMessages | undefined;
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
  readonly id: string;
}

/** In bytes; larger messages are refused. */
const MAX_MESSAGE = 384 * 1024;
/** Users whose usage is remembered. */
const MAX_KNOWN = 1_000;
/** The pause before a full client is tried again, if it has no message of ours whose acknowledgement would tell. */
const RETRY_MS = 10_000;

export class KeptMessages {
  readonly #module: Module;
  readonly #recipients: Recipients;
  readonly #archive: ArchiveStore;
  readonly #limits: Limits;
  readonly #state: OfflineState;
  /** Usage by user, the most recent last. Without it, all messages of the user have to be read to count them. */
  readonly #usage = new BoundedMap<string, Usage>(MAX_KNOWN);
  /** Ids that will be removed from the disk, by user. */
  readonly #taken = new Map<string, string[]>();
  /** Sessions whose delivery is scheduled. */
  readonly #scheduled = new WeakSet<C2SSession>();

  /**
   * @param recipients the clients of a user with "available presence with a non-negative priority" (§2)
   * @param state what the instance before this one has left
   */
  constructor(module: Module, recipients: Recipients, limits: Limits, state: OfflineState) {
    this.#module = module;
    this.#recipients = recipients;
    this.#archive = module.store.archive('offline');
    this.#limits = limits;
    this.#state = state;
    state.current = this;
    for (const user of [...state.unfinished.keys()]) this.#goOn(user); // What the module before has left to do.
  }

  /** Stores a message, or returns an error to its sender. Never rejects. */
  async store(user: string, message: Stanza): Promise<void> {
    try {
      const at = this.#module.clock.now();
      const entry = {
        id: newId(),
        at,
        with: message.attrs.from ?? '',
        // Marks since when it waits (XEP-0160 §3). `message` lets no forged delay of this host pass.
        xml: keptText(withDelay(message, this.#module.host.domain, at)),
      };
      await this.#module.serial(user, () => this.#append(user, entry));
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
    const { sent } = this.#state;
    const isAllSent = this.#usage.get(user)?.messages === (sent.get(user)?.size ?? 0);
    if (isAllSent || this.#state.unfinished.get(user) === session) return;
    const { entries } = await this.#archive.query(user, {});
    this.#usage.set(user, usageOf(entries));
    for (const entry of entries) {
      if (sent.get(user)?.has(entry.id)) continue;
      const message = this.#read(user, entry);
      if (message === undefined) this.#remove(user, entry.id);
      else if (!this.#send(session, user, entry.id, message)) return;
    }
  }

  /** The session has ended: messages that it had no room for go to another available client. */
  ended(session: C2SSession): void {
    const user = session.jid.local ?? '';
    if (this.#state.unfinished.get(user) !== session) return;
    this.#state.unfinished.delete(user);
    const [other] = this.#recipients(user);
    if (other) this.#module.spawn(this.deliver(other));
  }

  /** Forgets an account that was deleted. The server removes its stored messages. */
  forget(user: string): void {
    for (const map of [this.#usage, this.#taken, this.#state.unfinished, this.#state.sent]) map.delete(user);
  }

  /** @throws StanzaError 'service-unavailable' when there is no room (§2), or the account no longer exists */
  async #append(user: string, entry: ArchiveEntry): Promise<void> {
    const usage = await this.#usageOf(user);
    const refusal = this.#refusal(user, usage, entry);
    if (refusal !== undefined) throw new StanzaError('service-unavailable', { text: refusal });
    if (!this.#module.host.users.has(user)) throw new StanzaError('service-unavailable');
    await this.#archive.append(user, entry);
    usage.add(entry.with, sizeOf(entry));
  }

  #refusal(user: string, usage: Usage, entry: ArchiveEntry): string | undefined {
    const bytes = sizeOf(entry);
    if (bytes > MAX_MESSAGE) return 'This message is too large to be stored, and the user is not there';
    const host = this.#module.host.domain;
    const isContact = (sender: string) =>
      sender === `${user}@${host}` ||
      this.#module.fire('roster-may-see-presence', { user, contact: sender }) === true;
    return usage.refusal(entry.with, bytes, this.#limits, { host, isContact });
  }

  async #usageOf(user: string): Promise<Usage> {
    const known = this.#usage.get(user);
    if (known) return known;
    const { entries } = await this.#archive.query(user, {});
    const usage = usageOf(entries);
    this.#usage.set(user, usage);
    return usage;
  }

  /** Returns false when the client takes no messages, or has no room for this one. */
  #send(session: C2SSession, user: string, id: string, message: Stanza): boolean {
    if (!this.#recipients(user).includes(session)) return false;
    const { sent } = this.#state;
    const ids = sent.get(user) ?? new Set();
    sent.set(user, ids.add(id));
    if (session.send(message, onTaken(this.#state, { user, id }))) return true;
    this.#unsent(user, id);
    this.#state.unfinished.set(user, session);
    if (!sent.has(user)) this.#module.after(RETRY_MS, () => this.#goOn(user));
    return false;
  }

  /** Removes a message that a client has, or that cannot be read. */
  #remove(user: string, id: string): void {
    const ids = this.#taken.get(user);
    if (ids) {
      ids.push(id);
      return;
    }
    this.#taken.set(user, [id]);
    this.#module.spawn(this.#module.serial(user, () => this.#removeTaken(user)));
  }

  async #removeTaken(user: string): Promise<void> {
    const ids = this.#taken.get(user) ?? [];
    this.#taken.delete(user);
    await this.#archive.delete(user, { ids });
    for (const id of ids) this.#unsent(user, id); // After the removal, or the message could be sent again.
    this.#usage.delete(user);
    this.#goOn(user);
  }

  #goOn(user: string): void {
    const session = this.#state.unfinished.get(user);
    this.#state.unfinished.delete(user);
    if (session && this.#recipients(user).includes(session)) this.#module.spawn(this.deliver(session));
  }

  #unsent(user: string, id: string): void {
    const ids = this.#state.sent.get(user);
    ids?.delete(id);
    if (ids?.size === 0) this.#state.sent.delete(user);
  }

  #read(user: string, { id, at, xml: text, with: from }: ArchiveEntry): Stanza | undefined {
    try {
      const message = parseElement(text);
      if (message.name === 'message') return message;
      throw new Error(`A <message/> expected, not <${message.name}/>`);
    } catch (error) {
      const note = 'removed; its sender may send it again';
      this.#module.log.error('stored message unreadable', { user, id, from, at, note, error });
      return undefined;
    }
  }

  /** A client has a message. */
  taken(user: string, id: string): void {
    this.#remove(user, id);
  }

  /** A session ended before its client acknowledged a message of ours. Another client gets it, now or later. */
  returned(onTaken: () => void, text: string): void {
    const copy = this.#state.copies.get(onTaken);
    if (copy === undefined) return;
    const { user, id } = copy;
    this.#unsent(user, id);
    const [other] = this.#recipients(user);
    if (other) this.#send(other, user, id, parseElement(text));
  }
}

/** Tells the instance that is loaded when the client acknowledges the message. */
function onTaken(state: OfflineState, copy: Copy): () => void {
  const taken = () => state.current?.taken(copy.user, copy.id);
  state.copies.set(taken, copy);
  return taken;
}

function usageOf(entries: readonly ArchiveEntry[]): Usage {
  const usage = new Usage();
  for (const entry of entries) usage.add(entry.with, sizeOf(entry));
  return usage;
}

function sizeOf({ xml: text }: ArchiveEntry): number {
  return Buffer.byteLength(text);
}
