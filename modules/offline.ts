// XEP-0160 Best Practices for Handling Offline Messages.

import {
  type ArchiveEntry,
  type ArchiveStore,
  type C2SSession,
  defineModule,
  errorReply,
  integer,
  keptText,
  type Module,
  NS,
  newId,
  parseElement,
  type Stanza,
  StanzaError,
  type StanzaEvent,
  size,
  xml,
} from 'enjamb/api';

/**
 * Keeps messages for users of whom no client takes any, until one does. The sender is answered only when the message is
 * stored (then not at all) or cannot be. In memory stands one number per user with messages: how much they take.
 */
export default defineModule({
  name: 'offline',
  summary: 'Keeps messages for users who are not there',
  implements: ['XEP-0160 1.0.1', 'XEP-0203 2.0', 'XEP-0334 1.0.0'],
  depends: ['message', 'presence'],
  options: {
    offline_max_messages: integer('How many messages are kept for a user; more are refused', {
      default: 500,
      min: 0,
    }),
    offline_max_size: size('How large the messages kept for a user may be together', { default: '2 MiB' }),
  },

  load(module) {
    const { offline_max_messages, offline_max_size } = module.options;
    const limits = { maxMessages: offline_max_messages, maxBytes: offline_max_size };
    const kept = new KeptMessages(module, module.store.archive('offline'), limits);
    module.provide('disco-feature', 'msgoffline');
    module.hook('message-undeliverable', (event) => keep(kept, event));
    module.hook('presence-available', ({ session, previousPriority }) => {
      const waited = previousPriority === undefined || previousPriority < 0;
      if (waited && takesMessages(session)) module.spawn(kept.deliver(session));
    });
    module.hook('user-delete', ({ user }) => kept.forget(user));
  },
});

/** §3: what is worth keeping; the rest is dropped, or left for `message` to refuse. */
function keep(kept: KeptMessages, event: StanzaEvent): 'handled' | undefined {
  // Nobody waits for a message that says that somebody was typing.
  if (saysOnlyChatState(event.stanza)) return 'handled';
  // XEP-0334 §4.2: "not stored in any archive or offline storage"; so its sender must know that it is lost.
  if (event.stanza.getChild('no-store', NS.HINTS)) return undefined;
  const { origin, to, stanza } = event;
  const isOurs = origin.kind === 'host' && origin.domain === to.domain;
  event.waitUntil(kept.store(to.local ?? '', stanza, isOurs));
  return 'handled';
}

function saysOnlyChatState(message: Stanza): boolean {
  const said = message.elements().filter((element) => element.name !== 'thread');
  const substance = said.filter((element) => element.getNS() !== NS.HINTS);
  return substance.length > 0 && substance.every((element) => element.getNS() === NS.CHAT_STATES);
}

interface Limits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** What the messages of one user take. */
interface Usage {
  readonly messages: number;
  readonly bytes: number;
}

/** Read and sent at once. */
const PAGE = 50;
/** In bytes, with room for what the parser adds when it is read again. */
const MAX_MESSAGE = 384 * 1024;

class KeptMessages {
  readonly #module: Module;
  readonly #archive: ArchiveStore;
  readonly #limits: Limits;
  /** Of users who have been asked about since the start; counting anew costs reading everything. */
  readonly #usage = new Map<string, Usage>();

  constructor(module: Module, archive: ArchiveStore, limits: Limits) {
    this.#module = module;
    this.#archive = archive;
    this.#limits = limits;
  }

  /**
   * Stores a message, or tells its sender that it cannot be. Never rejects. One that this host itself has put on its way,
   * `isOurs`, may say already since when it has waited.
   */
  async store(user: string, message: Stanza, isOurs = false): Promise<void> {
    try {
      const at = this.#module.clock.now();
      const text = keptText(this.#stamped(message, at, isOurs));
      const entry = { id: newId(), at, with: message.attrs.from ?? '', xml: text };
      await this.#module.serial(user, () => this.#append(user, entry));
    } catch (error) {
      if (!(error instanceof StanzaError)) this.#module.log.error('message not stored', { user, error });
      const refusal = error instanceof StanzaError ? error : new StanzaError('internal-server-error');
      const reply = errorReply(message, refusal);
      if (reply) this.#module.send(reply);
    }
  }

  /** Gives a client everything, oldest first, and then forgets it. What it does not take any more stays. */
  async deliver(session: C2SSession): Promise<void> {
    const user = session.jid.local ?? '';
    await this.#module.serial(user, async () => {
      for (;;) {
        const { entries, complete } = await this.#archive.query(user, { limit: PAGE });
        const taken = this.#send(user, session, entries);
        if (taken > 0) await this.#archive.delete(user, { limit: taken });
        this.#usage.delete(user);
        if (taken < entries.length || complete) return;
      }
    });
  }

  /** The account is gone; what it had is removed with the account. */
  forget(user: string): void {
    this.#usage.delete(user);
  }

  /** @throws StanzaError 'service-unavailable' when there is too much already (§2), or no account any more. */
  async #append(user: string, entry: ArchiveEntry): Promise<void> {
    const { messages, bytes } = await this.#usageOf(user);
    const added = sizeOf(entry);
    const isTooMuch = messages >= this.#limits.maxMessages || bytes + added > this.#limits.maxBytes;
    if (isTooMuch || added > MAX_MESSAGE || !this.#module.host.users.has(user)) {
      throw new StanzaError('service-unavailable');
    }
    await this.#archive.append(user, entry);
    this.#usage.set(user, { messages: messages + 1, bytes: bytes + added });
  }

  async #usageOf(user: string): Promise<Usage> {
    const known = this.#usage.get(user);
    if (known) return known;
    const { entries } = await this.#archive.query(user, {});
    return { messages: entries.length, bytes: entries.reduce((sum, entry) => sum + sizeOf(entry), 0) };
  }

  /** How many of the entries the client has taken; one that cannot be read counts, or it would stay for ever. */
  #send(user: string, session: C2SSession, entries: readonly ArchiveEntry[]): number {
    let taken = 0;
    for (const entry of entries) {
      const message = this.#read(user, entry);
      if (message && !(takesMessages(session) && session.send(message))) return taken;
      taken++;
    }
    return taken;
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

  /** §3, XEP-0203: since when it has waited. Nobody else may say so in the name of this host. */
  #stamped(message: Stanza, at: number, isOurs: boolean): Stanza {
    const { domain } = this.#module.host;
    const stamp = new Date(at).toISOString();
    const said = message.children.filter(
      (child) => typeof child === 'string' || !(child.is('delay', NS.DELAY) && child.attrs.from === domain),
    );
    if (isOurs && said.length < message.children.length) return message;
    return message.withChildren([...said, xml('delay', { xmlns: NS.DELAY, from: domain, stamp })]);
  }
}

/** §2: "available presence with a non-negative priority". */
function takesMessages({ state }: C2SSession): boolean {
  return state.presence !== undefined && (state.priority ?? 0) >= 0;
}

function sizeOf({ xml: text }: ArchiveEntry): number {
  return Buffer.byteLength(text);
}
