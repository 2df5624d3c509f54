// Watches messages and subjects from rooms to clients, and holds them while the server joins for a client.

import { type Element, NS, type Stanza, type StanzaEvent } from 'enjamb/api';
import { type Rejoining, rejoinedOf } from '../answer/rejoining.ts';
import type { Rejoins } from '../join/rejoins.ts';
import type { Place } from '../memory/memory.ts';
import { isKept, isSubject, subjectPrint } from '../memory/messages.ts';
import { markOf, note, type Said } from '../memory/ring.ts';
import { entryOf } from '../memory/rooms.ts';
import type { Context } from '../shared/context.ts';
import type { Lag } from './lag.ts';

/** Whether a stanza reaches the client now and unchanged. */
export type Fate = 'passes' | 'stopped';

export class Talk {
  readonly #context: Context;
  readonly #rejoins: Rejoins;
  readonly #lag: Lag;

  constructor(context: Context, rejoins: Rejoins, lag: Lag) {
    this.#context = context;
    this.#rejoins = rejoins;
    this.#lag = lag;
  }

  /** The room has let the client in by its own join: all earlier messages count as heard. */
  joined(place: Place): void {
    if (place.heard !== undefined || place.self === undefined) return;
    place.heard = heardByOthers(place);
    if (place.heard === undefined) this.#rejoins.archives.findEnd(place);
  }

  /** A room has sent a message to the client. */
  message(place: Place, { stanza, from }: Readonly<StanzaEvent>): Fate {
    const rejoining = this.#rejoins.joining(place);
    if (rejoining?.isPartial) return 'stopped';
    if (isSubject(stanza)) return this.#subject(place, rejoining, stanza);
    const delay = stanza.getChild('delay', NS.DELAY);
    const isDelayed = delay !== undefined;
    if (!isDelayed) this.#rejoins.outbox.heard(place, from.resource, stanza);
    const { seed } = this.#context.rooms;
    const isTalk = isDelayed || isKept(stanza);
    const mark = isTalk ? markOf(place.room.jid, from.resource, stanza, seed) : undefined;
    if (mark && !isDelayed) this.#rejoins.archives.spoken(place.room, stanza, mark);
    if (rejoining === undefined) {
      if (isDelayed && this.#rejoins.catchUp.isEchoing(place)) return 'stopped'; // It was given, or came live.
      if (mark)
        this.#heard(
          place,
          note(place.room.ring, mark, arrivalOf(place), isDelayed ? undefined : place.heard),
          isDelayed,
        );
      return 'passes';
    }
    if (!isDelayed) {
      // Before the answer, it belongs to an earlier stay: the history is still to come.
      if (place.state === 'catching-up') rejoining.isHistoryOver = true;
      if (mark) rejoining.heard = note(place.room.ring, mark, arrivalOf(place));
    }
    const { held } = rejoining;
    if (delay && isSecondHistory(rejoining, place, delay)) return 'stopped';
    if (!held.add(isDelayed ? held.history : held.live, stanza, mark)) {
      this.#rejoins.catchUp.overflow(place, rejoining);
      return 'passes';
    }
    this.#rejoins.catchUp.goOn(place, rejoining);
    return 'stopped';
  }

  #heard(place: Place, one: Said, isDelayed: boolean): void {
    // History of the client's own join is in order; others may have heard a part of it before.
    const isHistory = isDelayed && !place.hasSubject;
    if (isHistory || one.position > (place.heard?.position ?? 0)) place.heard = one;
    if (!isDelayed) this.#lag.talked(place, one);
  }

  /** XEP-0045 §7.2.15: the subject ends what a room sends to a new occupant. */
  #subject(place: Place, rejoining: Rejoining | undefined, stanza: Stanza): Fate {
    const { seq } = entryOf(place.room, 'subject', subjectPrint(stanza, this.#context.rooms.seed));
    const isKnown = place.hasSubject && seq <= place.seen;
    if (rejoining === undefined) {
      if (!place.hasSubject) this.joined(place);
      place.hasSubject = true;
      const isEcho = isKnown && this.#rejoins.catchUp.isEchoing(place);
      if (isEcho) rejoinedOf(place).echoUntil = 0;
      place.seen = Math.max(place.seen, seq);
      return isEcho ? 'stopped' : 'passes';
    }
    rejoining.seen = Math.max(rejoining.seen, seq);
    if (!isKnown) {
      if (!rejoining.held.add([], stanza)) {
        this.#rejoins.catchUp.overflow(place, rejoining);
        return 'passes';
      }
      rejoining.subject = { flat: stanza.flattened, mark: undefined };
    }
    rejoining.isHistoryOver = true;
    this.#rejoins.catchUp.goOn(place, rejoining);
    return 'stopped';
  }
}

/** The time of the newest stanza of the room, which the tracker has just noted. In whole ms, since V8 boxes fractions. */
function arrivalOf({ join, since }: Place): number {
  return Math.floor(Math.max(join.provenAt, since));
}

/**
 * Whether a message with this delay is history from the answer to a second join (XEP-0045 §7.2.13). What the answer to the first
 * one has not shown is older, or came live.
 */
function isSecondHistory({ isLate, isHistoryOver }: Rejoining, { room }: Place, delay: Element): boolean {
  return isLate && isHistoryOver && delay.attrs.from === room.jid;
}

/** The last message that other clients of ours have heard which were in the room when this one joined. */
function heardByOthers({ room, since }: Place): Said | undefined {
  let last: Said | undefined;
  for (const { state, since: joined, heard, join } of room.places) {
    const isWitness = state === 'in' && joined < since && join.provenAt >= since;
    if (isWitness && heard && heard.position >= (last?.position ?? 0)) last = heard;
  }
  return last;
}
