// Decides for each message whether it is archived, and under which id (XEP-0313 §3.3, §5.1; XEP-0359 §5).

import {
  ARCHIVE_FLAGS,
  type ArchiveStore,
  type C2SSession,
  type Event,
  errorReply,
  type Jid,
  type Module,
  type Node,
  NS,
  type Retraction,
  type Stanza,
  type StanzaEvent,
  serialize,
  share,
  xml,
} from 'enjamb/api';
import { isStampOf, stanzaIdBy } from 'enjamb/xep';
import { isEncrypted, isInvitation, isWorthKeeping } from './content.ts';
import type { Preferences } from './preferences.ts';
import { PrivateCopies } from './private_copies.ts';
import type { Resent } from './resent.ts';
import { type Retractions, tombstoneBy } from './retractions.ts';
import { type ArchivedRow, type Bookkeeping, MessageRows, PendingRow } from './rows.ts';

declare module 'enjamb/api' {
  interface Events {
    /**
     * Whether a message is archived for a user. Without an answer, its content decides. The user's preferences count in
     * either case.
     */
    'archive-should-store': Event<
      { readonly user: string; readonly stanza: Stanza; readonly direction: 'sent' | 'received' },
      boolean
    >;
  }
}

interface Parts {
  readonly archive: ArchiveStore;
  readonly preferences: Preferences;
  readonly resent: Resent;
  readonly retractions: Retractions;
  /** Namespaces of elements that are not stored. */
  readonly omitted: ReadonlySet<string>;
}

/** One side of a conversation: the user in whose archive a message is, or may be. */
interface Side {
  readonly user: string;
  /** The other party, with its resource. */
  readonly peer: Jid;
  readonly direction: 'sent' | 'received';
}

export class Archiving {
  readonly #module: Module;
  readonly #parts: Parts;
  readonly #books: Bookkeeping;
  readonly #copies: PrivateCopies;

  constructor(module: Module, parts: Parts) {
    this.#module = module;
    this.#parts = parts;
    this.#copies = new PrivateCopies(module.clock);
    module.hook('user-delete', ({ user }) => this.#copies.forget(user));
    this.#books = {
      module,
      archive: parts.archive,
      stored: module.metric.counter('archive_rows', 'Messages stored in the archives of users'),
      lost: module.metric.counter('archive_lost', 'Messages that could not be stored in an archive'),
    };
  }

  /** A client sends a message. */
  sent(event: StanzaEvent<C2SSession>): void {
    const { from, to, origin } = event;
    event.stanza = withoutIdsBy(from.bare, event.stanza);
    const type = typeOf(event.stanza);
    if (type !== 'chat' && type !== 'normal') return;
    const unlessSent = this.#parts.resent.check(origin, event.stanza);
    if (unlessSent) rowsOf(event).unlessSent = unlessSent;
    const row = this.#archive(event, { user: from.local ?? '', peer: to, direction: 'sent' });
    if (row) rowsOf(event).sent = row;
  }

  /** A message arrives for an account, or for a client of one. */
  received(event: StanzaEvent): void {
    const { from, to, origin, notes } = event;
    const account = to.bare;
    if (origin.kind === 'host' && origin.domain === this.#module.host.domain) {
      const id = idBy(account, event.stanza);
      if (id !== undefined) {
        rowsOf(event).received = { id, at: this.#module.clock.now(), flags: 0, isStored: true };
        return;
      }
    } else event.stanza = withoutIdsBy(account, event.stanza);
    const isToOneself = from.bare === account && origin.kind === 'c2s';
    const row = isToOneself ? notes.archive?.sent : this.#receive(event);
    if (row === undefined) return;
    rowsOf(event).received = row;
    event.stanza = share(event.stanza).plus(stanzaIdBy(account, row.id));
  }

  /** No client has an accepted message: if its row cannot be stored, the message is lost. */
  kept(event: StanzaEvent): void {
    const { archive } = event.notes;
    if (!(archive instanceof MessageRows)) return;
    archive.refuse = (error) => {
      const reply = errorReply(event.stanza, error);
      if (reply) this.#module.send(reply);
    };
  }

  #receive(event: StanzaEvent): ArchivedRow | undefined {
    const user = event.to.local;
    if (user === undefined || !this.#isAccepted(event) || !this.#module.host.users.has(user))
      return undefined;
    const archive = () => this.#archive(event, { user, peer: event.from, direction: 'received' });
    return this.#isPrivateMessage(event) ? this.#copies.rowOf(user, event, archive) : archive();
  }

  /** §5.1: "only contain messages accepted for delivery". */
  #isAccepted({ stanza, to }: StanzaEvent): boolean {
    const isForResource = to.resource !== undefined;
    const isAbsent = isForResource && this.#module.host.sessions.get(to) === undefined;
    switch (typeOf(stanza)) {
      case 'chat':
        return true;
      case 'normal':
        return !isAbsent; // RFC 6121 §8.5.3.2.1 refuses it.
      case 'error':
        return isAbsent; // The client that learns of a failure would show it to the user.
      default:
        return false;
    }
  }

  /** XEP-0045 §7.5: of an occupant of a room. */
  #isPrivateMessage(event: StanzaEvent): boolean {
    const isForClient = event.to.resource !== undefined;
    return isForClient && this.#isWithOccupant(event, { peer: event.from, direction: 'received' });
  }

  /** Whether the other party is an occupant of a room: the message says so, or the client is there. */
  #isWithOccupant(
    { stanza, from, to }: StanzaEvent,
    { peer, direction }: Pick<Side, 'peer' | 'direction'>,
  ): boolean {
    if (peer.resource === undefined) return false;
    // An invitation proves nothing: occupants may send one, and the room may add its mark after it.
    if (stanza.getChildren('x', NS.MUC_USER).some((x) => !isInvitation(x))) return true;
    const client = this.#module.host.sessions.get(direction === 'sent' ? from : to);
    return client?.state.mucJoins?.has(peer.bare) === true;
  }

  /** Prepares the row of one user, unless the message is not archived for it, and carries out a retraction. */
  #archive(event: StanzaEvent, side: Side): PendingRow | undefined {
    const { user, peer } = side;
    const kept = this.#keptOf(event.stanza);
    if (!this.#isStorable(event.stanza, kept, side)) return undefined;
    const row = this.#parts.preferences.allow(user, peer) ? this.#rowOf(event, kept, side) : undefined;
    const retraction = this.#retractionOf(event, side, row);
    if (row || retraction) rowsOf(event).add({ user, row, retraction, books: this.#books }, event);
    return row;
  }

  #rowOf(event: StanzaEvent, kept: Node[], { user, peer, direction }: Side): PendingRow {
    const { stanza, to } = event;
    const sent = direction === 'sent' ? ARCHIVE_FLAGS.sent : 0;
    const encrypted = isEncrypted(stanza.children) ? ARCHIVE_FLAGS.encrypted : 0;
    const unlessSent =
      event.notes.archive instanceof MessageRows ? event.notes.archive.unlessSent : undefined;
    return new PendingRow(this.#parts.archive, user, {
      with: peer.bare,
      xml: textOf(stanza, kept, to),
      flags: sent | encrypted,
      ...(unlessSent ? { unlessSent } : {}),
    });
  }

  /** XEP-0424 §6: "only be processed when both […] are received from the same bare-JID", in a room from the same occupant. */
  #retractionOf(event: StanzaEvent, side: Side, row: PendingRow | undefined): Retraction | undefined {
    const { stanza, from } = event;
    const { user, peer, direction } = side;
    const messageId = this.#parts.retractions.read(from, direction, stanza);
    if (messageId === undefined) return undefined;
    return {
      with: peer.bare,
      isSent: direction === 'sent',
      messageId,
      by: tombstoneBy(stanza, row ?? this.#parts.archive.nextId(user)),
      ...(this.#isWithOccupant(event, side) ? { occupant: peer.toString() } : {}),
    };
  }

  /** By its content, whatever the user prefers. */
  #isStorable(stanza: Stanza, kept: readonly Node[], { user, direction }: Side): boolean {
    const answer = this.#module.ask('archive-should-store', { user, stanza, direction });
    return answer ?? (stanza.attrs.type === 'error' || isWorthKeeping(stanza, kept));
  }

  /** The children that are stored: the same list if it is all of them, so that their text is shared. */
  #keptOf({ children }: Stanza): Node[] {
    const { omitted } = this.#parts;
    const isOmitted = (child: Node) =>
      typeof child !== 'string' && child.attrs.xmlns !== undefined && omitted.has(child.attrs.xmlns);
    if (!children.some(isOmitted)) return children;
    for (const child of children) if (typeof child !== 'string') share(child);
    return children.filter((child) => !isOmitted(child));
  }
}

type MessageType = 'chat' | 'normal' | 'groupchat' | 'headline' | 'error';

/** RFC 6121 §5.2.2: an unknown type counts as `normal`. */
function typeOf({ attrs: { type } }: Stanza): MessageType {
  return type === 'chat' || type === 'groupchat' || type === 'headline' || type === 'error' ? type : 'normal';
}

function rowsOf({ notes }: StanzaEvent): MessageRows {
  if (!(notes.archive instanceof MessageRows)) notes.archive = new MessageRows();
  return notes.archive as MessageRows;
}

/** What results of queries contain as it is, so it declares its namespace. */
function textOf(stanza: Stanza, kept: Node[], to: Jid): string {
  const { attrs } = share(stanza);
  const root = xml('message', { xmlns: NS.CLIENT, ...attrs, to: attrs.to ?? to.toString() });
  return serialize(root.withChildren(kept));
}

/** XEP-0359 §5: removes ids that somebody else has given in the name of the account. */
function withoutIdsBy(account: string, stanza: Stanza): Stanza {
  if (idBy(account, stanza) === undefined) return stanza;
  return stanza.withChildren(stanza.children.filter((child) => !isIdBy(account, child)));
}

function idBy(account: string, { children }: Stanza): string | undefined {
  const element = children.find((child) => isIdBy(account, child));
  return typeof element === 'object' ? (element.attrs.id ?? '') : undefined;
}

function isIdBy(account: string, child: Node): boolean {
  return typeof child !== 'string' && child.is('stanza-id', NS.STANZA_ID) && isStampOf(child, account);
}
