// The messages that wait for the users of one host. One leaves the disk when a client has it:
//
//     on disk ──(client available)──▶ sent ──(confirmed, or written where nothing is confirmed)──▶ removed
//        ◀───────(session ended)────────┘
//
// While it is `sent` no other client is sent it. What is sent does not outlive the process: then it is on disk again.

import {
  type ArchiveEntry,
  type ArchiveStore,
  type C2SSession,
  errorReply,
  isStampOf,
  keptText,
  type Module,
  NS,
  newId,
  parseElement,
  type Receipt,
  refusalFor,
  type Stanza,
  StanzaError,
  setLatest,
  xml,
} from 'enjamb/api';
import { type Limits, Usage } from './usage.ts';

/** Survives a reload of the module: clients confirm later. */
export interface OfflineState {
  current: KeptMessages | undefined;
  /** Ids of the messages that a client was sent and that are still on disk, by user. */
  readonly sent: Map<string, Set<string>>;
  /** The session that had no room for all messages of a user. It is sent more when it has confirmed some. */
  readonly unfinished: Map<string, C2SSession>;
}

/** In bytes; larger messages are refused. */
const MAX_MESSAGE = 384 * 1024;
/** Users of whom is known what their messages take. */
const MAX_KNOWN = 1_000;
/** How long a client that has no room, though it has nothing of ours to confirm, is left alone. */
const RETRY_MS = 10_000;

export class KeptMessages {
  readonly #module: Module;
  readonly #archive: ArchiveStore;
  readonly #limits: Limits;
  readonly #state: OfflineState;
  /** Of users who were sent messages lately, the last one at the end; counting anew costs reading everything. */
  readonly #usage = new Map<string, Usage>();
  /** Ids about to be removed from the disk, by user. */
  readonly #taken = new Map<string, string[]>();
  /** Sessions about to be sent what waits for them. */
  readonly #called = new WeakSet<C2SSession>();

  constructor(module: Module, limits: Limits, state: OfflineState) {
    this.#module = module;
    this.#archive = module.store.archive('offline');
    this.#limits = limits;
    this.#state = state;
    state.current = this;
    for (const user of [...state.unfinished.keys()]) this.#goOn(user); // What the module before has left to do.
  }

  /** Stores a message, or tells its sender that it cannot be. Never rejects. */
  async store(user: string, message: Stanza): Promise<void> {
    try {
      const at = this.#module.clock.now();
      const entry = {
        id: newId(),
        at,
        with: message.attrs.from ?? '',
        xml: keptText(this.#stamped(message, at)),
      };
      await this.#module.serial(user, () => this.#append(user, entry));
    } catch (error) {
      if (!(error instanceof StanzaError)) this.#module.log.error('message not stored', { user, error });
      const reply = errorReply(message, refusalFor(error));
      if (reply) this.#module.send(reply);
    }
  }

  /** Sends a client everything that no other client was sent, oldest first, as far as it has room. */
  async deliver(session: C2SSession): Promise<void> {
    if (this.#called.has(session)) return;
    this.#called.add(session);
    await this.#module.serial(session.jid.local ?? '', () => this.#deliver(session));
  }

  async #deliver(session: C2SSession): Promise<void> {
    this.#called.delete(session);
    const user = session.jid.local ?? '';
    const { sent } = this.#state;
    const isAllSent = this.#usage.get(user)?.messages === (sent.get(user)?.size ?? 0);
    if (isAllSent || this.#state.unfinished.get(user) === session) return;
    const { entries } = await this.#archive.query(user, {});
    this.#remember(user, usageOf(entries));
    for (const entry of entries) {
      if (sent.get(user)?.has(entry.id)) continue;
      const message = this.#read(user, entry);
      if (message === undefined) this.#remove(user, entry.id);
      else if (!this.#send(session, user, entry.id, message)) return;
    }
  }

  /** The session is over: what it had no room for goes to another client that is there. */
  ended(session: C2SSession): void {
    const user = session.jid.local ?? '';
    if (this.#state.unfinished.get(user) !== session) return;
    this.#state.unfinished.delete(user);
    const other = this.#module.host.sessions.of(user).find(takesMessages);
    if (other) this.#module.spawn(this.deliver(other));
  }

  /** The account is gone; what it had is removed with the account. */
  forget(user: string): void {
    for (const map of [this.#usage, this.#taken, this.#state.unfinished, this.#state.sent]) map.delete(user);
  }

  /** @throws StanzaError 'service-unavailable' when there is too much already (§2), or no account any more. */
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
    this.#remember(user, usage);
    return usage;
  }

  #remember(user: string, usage: Usage): void {
    setLatest(this.#usage, user, usage, MAX_KNOWN);
  }

  /** False when the client does not take the message, or not now. */
  #send(session: C2SSession, user: string, id: string, message: Stanza): boolean {
    if (!takesMessages(session)) return false;
    const { sent } = this.#state;
    const ids = sent.get(user) ?? new Set();
    sent.set(user, ids.add(id));
    if (session.send(message, receipt(this.#state, user, id))) return true;
    this.#unsent(user, id);
    this.#state.unfinished.set(user, session);
    if (!sent.has(user)) this.#module.after(RETRY_MS, () => this.#goOn(user));
    return false;
  }

  /** A client has it, or nobody can read it. */
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
    for (const id of ids) this.#unsent(user, id); // Not before: what is on disk would be sent again.
    this.#usage.delete(user);
    this.#goOn(user);
  }

  #goOn(user: string): void {
    const session = this.#state.unfinished.get(user);
    this.#state.unfinished.delete(user);
    if (session && takesMessages(session)) this.#module.spawn(this.deliver(session));
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

  /** §3, XEP-0203: since when it has waited; what was late before keeps its first time. */
  #stamped(message: Stanza, at: number): Stanza {
    const { domain } = this.#module.host;
    if (message.elements().some((child) => isStampOf(child, domain))) return message; // `message` lets no other pass.
    const stamp = new Date(at).toISOString();
    return message.withChildren([
      ...message.children,
      xml('delay', { xmlns: NS.DELAY, from: domain, stamp }),
    ]);
  }

  /** A client has taken a message. */
  taken(user: string, id: string): void {
    this.#remove(user, id);
  }

  /** A session has ended with a message that its client has not confirmed: another client gets it, now or later. */
  returned(user: string, id: string, text: string): void {
    this.#unsent(user, id);
    const other = this.#module.host.sessions.of(user).find(takesMessages);
    if (other) this.#send(other, user, id, parseElement(text));
  }
}

/** Speaks to the module as it is loaded when the client confirms. */
function receipt(state: OfflineState, user: string, id: string): Receipt {
  return {
    taken: () => state.current?.taken(user, id),
    returned: (text) => state.current?.returned(user, id, text),
  };
}

/** §2: "available presence with a non-negative priority". */
export function takesMessages({ state }: C2SSession): boolean {
  return state.presence !== undefined && (state.priority ?? 0) >= 0;
}

function usageOf(entries: readonly ArchiveEntry[]): Usage {
  const usage = new Usage();
  for (const entry of entries) usage.add(entry.with, sizeOf(entry));
  return usage;
}

function sizeOf({ xml: text }: ArchiveEntry): number {
  return Buffer.byteLength(text);
}
