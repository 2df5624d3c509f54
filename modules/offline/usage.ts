// The space that the messages kept for one user take, by sender. Shares keep strangers from blocking contacts, and one
// domain from blocking other strangers:
//   - each contact (a sender who sees the user's presence): half;
//   - all strangers together: half, and of that each other domain, and each account of the user's own domain, a fifth of all.

import { Jid, registeredDomain } from 'enjamb/api';

export interface Limits {
  readonly maxMessages: number;
  /** Size of the stored texts. */
  readonly maxBytes: number;
}

/** Tells contacts of a user from strangers. */
export interface Acquaintance {
  /** The user's own domain. */
  readonly host: string;
  /** By bare JID. */
  isContact(sender: string): boolean;
}

/** What the messages of one sender take. */
interface Taken {
  readonly sender: Sender;
  messages: number;
  bytes: number;
}

/** Parsed once: each message is compared with all senders of those that wait. */
interface Sender {
  readonly bare: string;
  readonly domain: string;
  readonly registered: string;
}

const HALF = 1 / 2;
const DOMAIN_SHARE = 1 / 5;

export class Usage {
  /** By bare JID. Bounded by the number of messages. */
  readonly #bySender = new Map<string, Taken>();

  #messages = 0;

  get messages(): number {
    return this.#messages;
  }

  /** @param sender an address as it stands in the message */
  add(sender: string, bytes: number, messages = 1): void {
    this.#messages += messages;
    const parsed = parse(sender);
    const taken = this.#bySender.get(parsed.bare) ?? { sender: parsed, messages: 0, bytes: 0 };
    this.#bySender.set(parsed.bare, taken);
    taken.messages += messages;
    taken.bytes += bytes;
  }

  /** Why there is no room for another message of the sender; `undefined` if there is. */
  refusal(sender: string, bytes: number, limits: Limits, who: Acquaintance): string | undefined {
    const from = parse(sender);
    const { bare } = from;
    const isFull = (part: number, counts: (other: Sender) => boolean) =>
      this.#isFull(
        bytes,
        { maxMessages: limits.maxMessages * part, maxBytes: limits.maxBytes * part },
        counts,
      );
    if (isFull(1, () => true)) return 'Too many messages wait for this user';
    if (who.isContact(bare)) {
      return isFull(HALF, (other) => other.bare === bare)
        ? 'Too many of your messages wait for this user'
        : undefined;
    }
    const group = groupOf(from, who.host);
    const isStranger = (other: Sender) => !who.isContact(other.bare);
    const isOfGroup = (other: Sender) => groupOf(other, who.host) === group && isStranger(other);
    if (isFull(DOMAIN_SHARE, isOfGroup)) return 'Too many messages of you or your server wait for this user';
    return isFull(HALF, isStranger) ? 'Too many messages of strangers wait for this user' : undefined;
  }

  #isFull(added: number, { maxMessages, maxBytes }: Limits, counts: (sender: Sender) => boolean): boolean {
    let messages = 1;
    let bytes = added;
    for (const taken of this.#bySender.values()) {
      if (!counts(taken.sender)) continue;
      messages += taken.messages;
      bytes += taken.bytes;
    }
    return messages > maxMessages || bytes > maxBytes;
  }
}

/** Senders that share a limit: each account of the user's own domain alone, all others by registered domain. */
function groupOf({ bare, domain, registered }: Sender, host: string): string {
  return domain === host ? bare : registered;
}

function parse(sender: string): Sender {
  const { bare = '', domain = '' } = Jid.tryParse(sender) ?? {};
  return { bare, domain, registered: registeredDomain(domain) };
}
