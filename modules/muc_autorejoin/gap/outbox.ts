// Clients' own messages to rooms, until the room has reflected or refused them (XEP-0045 §7.4).
//
//            reflected                                     in again
//   sent ───────────────▶ forgotten      lost, or refused ──────────▶ sent again, or found among missed messages
//    │                                        ▲                             or an error, if that is unknown
//    └── refused, and the room is asked ──────┘
//
// A client never sees an error for a message that is sent again, nor is a message sent again whose error it has seen.

import {
  type C2SSession,
  type Element,
  errorReply,
  type FlatElement,
  Jid,
  NS,
  type Stanza,
  StanzaError,
  type StanzaEvent,
} from 'enjamb/api';
import { flatBytes, LazyElement } from 'enjamb/api/stream';
import { giveCopies, type HeldBytes } from '../answer/held.ts';
import type { Place } from '../memory/memory.ts';
import type { Context } from '../shared/context.ts';
import type { Gap } from './gap.ts';

type State =
  /** On its way. */
  | 'sent'
  /** The room has refused it; the error is held. */
  | 'refused'
  /** Not sent yet, because the client is not in the room. */
  | 'waiting'
  /** Sent a second time. */
  | 'again';

/** Plain data, except for `handled`. */
export interface Own {
  readonly flat: FlatElement;
  readonly id: string | undefined;
  readonly originId: string | undefined;
  readonly body: string | undefined;
  /** The client's nick when the message was last sent. */
  nick: string;
  readonly at: number;
  bytes: number;
  state: State;
  error: Stanza | undefined;
  /** The client's message counts as handled. */
  handled: () => void;
}

/** Of one place. */
const MAX_MESSAGES = 20;
const MAX_BYTES = 64 * 1024;
const MAX_AGE_MS = 5 * 60_000;
/** The time for which a waiting message may delay acknowledgements to the client (XEP-0198). */
const HANDLED_MS = 2_000;
/** How long an error is held while ping_muc asks the room. */
const ERROR_MS = 30_000;
/** The interval of checks whether the room has proved that the client is in. */
const LOOK_MS = 1_000;
/** Errors for a sender who is not in the room (XEP-0045 §7.4), or whose room is gone. */
const OUT = new Set(['not-acceptable', 'item-not-found', 'gone', 'recipient-unavailable']);

export class Outbox {
  readonly #context: Context;
  readonly #total: HeldBytes;
  readonly #own: Map<Place, Own[]>;

  /**
   * @param total for all that is held
   * @param own the data of an earlier instance of this module
   */
  constructor(context: Context, total: HeldBytes, own: Map<Place, Own[]>) {
    this.#context = context;
    this.#total = total;
    this.#own = own;
    for (const [place, all] of own) for (const one of all) this.#takeUp(place, one);
    // The timers of this instance end with it.
    context.module.onUnload(() => {
      for (const all of own.values()) for (const one of all) one.handled();
    });
  }

  #takeUp(place: Place, own: Own): void {
    this.#total.force(place.room.domain, own.bytes);
    own.handled = () => {};
    if (own.state === 'refused' && place.state === 'in') this.#await(place, own);
  }

  /** A client writes to a room. Returns 'handled' if the message waits until the client is in, or was sent before. */
  sent(place: Place, event: Readonly<StanzaEvent<C2SSession>>): 'handled' | undefined {
    const { stanza } = event;
    const { id } = stanza.attrs;
    const all = this.#own.get(place) ?? [];
    if (id !== undefined && all.some((own) => own.id === id)) return 'handled';
    const isLinkUp = this.#context.module.link(place.room.domain).state === 'up';
    const waits = place.state !== 'in' && (isLinkUp || place.state !== 'lost');
    const own = this.#add(place, all, stanza, waits ? 'waiting' : 'sent');
    if (own === undefined || !waits) return undefined;
    event.waitUntil(
      new Promise<void>((resolve) => {
        own.handled = resolve;
        this.#context.after(HANDLED_MS, resolve);
      }),
    );
    return 'handled';
  }

  /** A room has sent a live message to the client, perhaps its own. */
  heard(place: Place, nick: string | undefined, message: Stanza): void {
    const all = this.#own.get(place);
    if (all === undefined || nick !== place.join.nick) return;
    const own = all.find((one) => isSame(one, message));
    if (own) this.#remove(place, own);
  }

  /** The room has refused a message. Returns whether the error is held. */
  refused(place: Place, error: Stanza, isLocal: boolean): boolean {
    const { id } = error.attrs;
    const own = id === undefined ? undefined : this.#own.get(place)?.find((one) => one.id === id);
    if (own === undefined) return false;
    const { condition } = StanzaError.from(error);
    if (isLocal || !OUT.has(condition) || own.state === 'again' || place.payload === undefined) {
      this.#remove(place, own);
      return false;
    }
    const bytes = flatBytes(error.flattened);
    if (own.bytes + bytes > MAX_BYTES || !this.#total.take(place.room.domain, bytes)) {
      this.#remove(place, own);
      return false;
    }
    own.bytes += bytes;
    own.state = 'refused';
    own.error = error;
    if (place.state === 'in') this.#await(place, own);
    return true;
  }

  /** Waits until ping_muc has asked the room: either the client is lost, or it gets the error. */
  #await(place: Place, own: Own): void {
    const { after, now } = this.#context;
    const until = now() + ERROR_MS;
    const askedAt = now();
    const look = (): void => {
      if (own.state !== 'refused' || place.state !== 'in' || !this.#own.get(place)?.includes(own)) return;
      if (now() < until && place.join.provenAt <= askedAt && place.join.state !== 'gone')
        after(LOOK_MS, look);
      else this.#fail(place, own);
    };
    after(LOOK_MS, look);
  }

  /** The client is in again. `gap`: the messages that it had missed. */
  rejoined(place: Place, gap: Gap): void {
    const { metrics, module, now, reports } = this.#context;
    const mine = [...(this.#own.get(place) ?? [])];
    const all =
      mine.length === 0 ? [] : gap.all.map((held) => ({ held, message: new LazyElement(held.flat) }));
    for (const own of mine) {
      const found = all.find(({ message }) => nickOf(message) === own.nick && isSame(own, message))?.held;
      if (found) {
        this.#remove(place, own);
        if (!gap.messages.includes(found)) giveCopies(place.session, [found]); // Only this reflection was lost.
      } else if ((own.state === 'sent' || own.state === 'again') && !gap.isWhole) this.#fail(place, own);
      else if (now() - own.at > MAX_AGE_MS) this.#fail(place, own);
      else {
        const isNew = own.state === 'waiting';
        own.state = isNew ? 'sent' : 'again';
        own.error = undefined; // It was the answer to the last attempt.
        own.nick = place.join.nick;
        own.handled();
        if (!isNew) {
          metrics.ownMessages.of('again').add();
          reports.count(place, 'resent');
        }
        module.send(new LazyElement(own.flat));
      }
    }
  }

  /** The client joins by itself: its waiting messages follow the join. */
  release(place: Place): void {
    for (const own of [...(this.#own.get(place) ?? [])]) {
      this.#remove(place, own);
      if (own.state !== 'sent')
        this.#context.after(0, () => this.#context.module.send(new LazyElement(own.flat)));
    }
  }

  /** The client is out, or has left: it gets an error for each message that has not arrived. */
  failAll(place: Place): void {
    for (const own of [...(this.#own.get(place) ?? [])]) {
      if (own.state === 'sent')
        this.#remove(place, own); // The room may have it.
      else this.#fail(place, own);
    }
  }

  /** Returns messages that have waited too long or were lost with a link, and forgets other old ones. */
  sweep(): void {
    const { now } = this.#context;
    for (const [place, all] of this.#own) {
      for (const own of all.filter(({ at }) => now() - at > MAX_AGE_MS)) {
        const isOnItsWay = place.state === 'in' && own.state !== 'refused';
        if (isOnItsWay && place.join.room.domain.brokenAt < own.at) this.#remove(place, own);
        else this.#fail(place, own);
      }
    }
  }

  /** The server stops: returns the waiting messages. */
  stop(): void {
    for (const place of [...this.#own.keys()]) this.failAll(place);
  }

  #add(place: Place, all: readonly Own[], stanza: Stanza, state: State): Own | undefined {
    const { flattened: flat } = stanza;
    const bytes = flatBytes(flat);
    const used = all.reduce((sum, own) => sum + own.bytes, 0);
    if (all.length >= MAX_MESSAGES || used + bytes > MAX_BYTES || !this.#total.take(place.room.domain, bytes))
      return undefined;
    const { id } = flat.attrs;
    const originId = stanza.getChild('origin-id', NS.STANZA_ID)?.attrs.id;
    const body = stanza.getChildText('body');
    const at = this.#context.now();
    const { nick } = place.join;
    const own = { flat, id, originId, body, nick, at, bytes, state, error: undefined, handled: () => {} };
    this.#own.set(place, [...all, own]);
    return own;
  }

  #fail(place: Place, own: Own): void {
    this.#remove(place, own);
    this.#context.metrics.ownMessages.of('failed').add();
    const error =
      own.error ?? errorReply(new LazyElement(own.flat), new StanzaError('remote-server-timeout'));
    if (error) place.session.send(error);
  }

  #remove(place: Place, own: Own): void {
    const left = (this.#own.get(place) ?? []).filter((one) => one !== own);
    if (left.length > 0) this.#own.set(place, left);
    else this.#own.delete(place);
    this.#total.give(place.room.domain, own.bytes);
    own.handled();
  }
}

function nickOf(message: Element): string | undefined {
  return Jid.tryParse(message.attrs.from)?.resource;
}

/** Compares the id, else the origin-id (XEP-0359 §3.2), else the text, because some rooms replace ids. */
function isSame({ id, originId, body }: Own, message: Element): boolean {
  if (id !== undefined && message.attrs.id === id) return true;
  const origin = message.getChild('origin-id', NS.STANZA_ID)?.attrs.id;
  if (originId !== undefined && origin !== undefined) return originId === origin;
  return message.attrs.id === undefined && body !== undefined && message.getChildText('body') === body;
}
