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

interface Taken {
  messages: number;
  bytes: number;
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
  add(sender: string, bytes: number): void {
    this.#messages++;
    const key = bareOf(sender);
    const taken = this.#bySender.get(key) ?? { messages: 0, bytes: 0 };
    this.#bySender.set(key, { messages: taken.messages + 1, bytes: taken.bytes + bytes });
  }

  /** Why there is no room for another message of the sender; `undefined` if there is. */
  refusal(sender: string, bytes: number, limits: Limits, who: Acquaintance): string | undefined {
    const bare = bareOf(sender);
    const isFull = (part: number, counts: (other: string) => boolean) =>
      this.#isFull(
        bytes,
        { maxMessages: limits.maxMessages * part, maxBytes: limits.maxBytes * part },
        counts,
      );
    if (isFull(1, () => true)) return 'Too many messages wait for this user';
    if (who.isContact(bare)) {
      return isFull(HALF, (other) => other === bare)
        ? 'Too many of your messages wait for this user'
        : undefined;
    }
    const group = groupOf(bare, who.host);
    const isStranger = (other: string) => !who.isContact(other);
    const isOfGroup = (other: string) => groupOf(other, who.host) === group && isStranger(other);
    if (isFull(DOMAIN_SHARE, isOfGroup)) return 'Too many messages of you or your server wait for this user';
    return isFull(HALF, isStranger) ? 'Too many messages of strangers wait for this user' : undefined;
  }

  #isFull(added: number, { maxMessages, maxBytes }: Limits, counts: (sender: string) => boolean): boolean {
    let messages = 1;
    let bytes = added;
    for (const [sender, taken] of this.#bySender) {
      if (!counts(sender)) continue;
      messages += taken.messages;
      bytes += taken.bytes;
    }
    return messages > maxMessages || bytes > maxBytes;
  }
}

/** Senders that share a limit: each account of the user's own domain alone, all others by registered domain. */
function groupOf(bare: string, host: string): string {
  const domain = Jid.tryParse(bare)?.domain ?? '';
  return domain === host ? bare : registeredDomain(domain);
}

function bareOf(sender: string): string {
  return Jid.tryParse(sender)?.bare ?? '';
}
