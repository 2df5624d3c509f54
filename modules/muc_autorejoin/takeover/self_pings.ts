// Self-pings of clients (XEP-0410) while the server joins for them: the answer waits until that is done.

import {
  type C2SSession,
  type Element,
  type IqAnswer,
  NS,
  type Stanza,
  StanzaError,
  type StanzaEvent,
  xml,
} from 'enjamb/api';
import type { Rejoins } from '../join/rejoins.ts';
import { nickOf, type Place } from '../memory/memory.ts';
import type { Context } from '../shared/context.ts';

/** COMPAT(Dino ≤ 0.5): waits 10 s for the answer. */
const HOLD_MS = 8_000;
/** The interval of checks. */
const LOOK_MS = 250;
/** The most answers that wait for one place. */
const MAX_HELD = 4;
/** Errors for a client that is not in the room (XEP-0410 §3.2), or for an unknown room. */
const OUT = new Set([
  'not-acceptable',
  'gone',
  'forbidden',
  'registration-required',
  'not-authorized',
  'item-not-found',
]);

export class SelfPings {
  readonly #context: Context;
  readonly #rejoins: Rejoins;
  /** The answers that wait. */
  readonly #held = new WeakMap<Place, number>();

  constructor(context: Context, rejoins: Rejoins) {
    this.#context = context;
    this.#rejoins = rejoins;
  }

  /** Follows a client's ping to its own occupant. */
  follow(place: Place, event: Readonly<StanzaEvent<C2SSession>>): void {
    const { stanza, to } = event;
    if (stanza.attrs.type !== 'get' || !stanza.getChild('ping', NS.PING) || to.resource !== nickOf(place))
      return;
    this.#context.module.followIq(event, (answer: IqAnswer) => {
      if (answer.kind === 'timeout' || !saysOut(answer.stanza) || place.payload === undefined)
        return undefined;
      if (place.state === 'in' && isCertain(answer.stanza)) this.#rejoins.takes(place.join, 'lost');
      if ((this.#held.get(place) ?? 0) >= MAX_HELD) return undefined;
      this.#hold(place, answer.stanza, stanza);
      return 'handled';
    });
  }

  /** Answers with a result when the client is in again, or after `HOLD_MS` with the answer of the room. */
  #hold(place: Place, answer: Stanza, ping: Stanza): void {
    const { after, now } = this.#context;
    const until = now() + HOLD_MS;
    let wasOut = place.state !== 'in';
    const end = (stanza: Element) => {
      this.#count(place, -1);
      place.session.send(stanza);
    };
    const look = (): void => {
      wasOut ||= place.state !== 'in';
      if (wasOut && place.state === 'in' && place.payload !== undefined && place.join.state !== 'gone') {
        const { id, from, to } = ping.attrs;
        end(xml('iq', { type: 'result', id, from: to, to: from }));
      } else if (now() >= until) end(answer);
      else after(LOOK_MS, look);
    };
    this.#count(place, 1);
    after(LOOK_MS, look);
  }

  #count(place: Place, change: number): void {
    this.#held.set(place, (this.#held.get(place) ?? 0) + change);
  }
}

function saysOut(answer: Stanza): boolean {
  if (answer.attrs.type !== 'error') return false;
  const { condition, type } = StanzaError.from(answer);
  return type !== 'wait' && OUT.has(condition);
}

/** False for `item-not-found`: the nick may have changed, so ping_muc must ask. */
function isCertain(answer: Stanza): boolean {
  return StanzaError.from(answer).condition !== 'item-not-found';
}
