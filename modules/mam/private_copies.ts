// A private message of a room goes to each client of the user that is in the room (XEP-0045 §7.5), but it is one message
// (XEP-0313 §5.1.1).

import { createHash } from 'node:crypto';
import { BoundedMap, type Clock, type Stanza, type StanzaEvent, share } from 'enjamb/api';
import type { ArchivedRow } from './rows.ts';

/** The other copies follow immediately. */
const LIFETIME_MS = 60_000;
const MAX_MESSAGES = 16;
/** As many as an account may have. */
const MAX_SESSIONS = 20;
const MAX_ACCOUNTS = 500;

type Addressed = Pick<StanzaEvent, 'stanza' | 'from' | 'to'>;

interface Message {
  /** A digest of its sender, its id and its content. */
  readonly key: string;
  readonly row: ArchivedRow;
  /** In ms of `clock.elapsed`. */
  readonly at: number;
  /** Digests of the addresses of the clients that have it. */
  readonly recipients: Set<string>;
}

export class PrivateCopies {
  /** The newest messages of each account. */
  readonly #messages = new BoundedMap<string, readonly Message[]>(MAX_ACCOUNTS);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The row of the copy for another client; if this is the first copy, the row that `archive` makes. */
  rowOf(user: string, event: Addressed, archive: () => ArchivedRow | undefined): ArchivedRow | undefined {
    const now = this.#clock.elapsed();
    const recent = (this.#messages.get(user) ?? []).filter(({ at }) => now - at < LIFETIME_MS);
    const [key, recipient] = [keyOf(event), digest(event.to.toString())];
    const known = recent.find((message) => message.key === key);
    if (known && !known.recipients.has(recipient) && known.recipients.size < MAX_SESSIONS) {
      known.recipients.add(recipient);
      return known.row;
    }
    const row = archive();
    const others = recent.filter((message) => message !== known).slice(1 - MAX_MESSAGES);
    if (row) this.#messages.set(user, [...others, { key, row, at: now, recipients: new Set([recipient]) }]);
    return row;
  }

  /** The account was deleted; the next one of that name must not be told ids of its rows. */
  forget(user: string): void {
    this.#messages.delete(user);
  }
}

/** The content too, or a sender could show each client something else, with one row for all of it. */
function keyOf({ stanza, from }: Addressed): string {
  return digest(JSON.stringify([from.toString(), content(stanza)]));
}

function content(stanza: Stanza): string {
  return share(stanza).with({ from: undefined, to: undefined }).toString();
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64').slice(0, 22);
}
