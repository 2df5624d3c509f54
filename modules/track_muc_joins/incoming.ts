// Stanzas from rooms to clients. The core has authenticated the sending domain.

import {
  type C2SSession,
  type Element,
  type Event,
  isLocalBounce,
  Jid,
  NS,
  type Origin,
  type Stanza,
  StanzaError,
  type StanzaEvent,
  xml,
} from 'enjamb/api';
import { hasStatus } from 'enjamb/xep';
import type { Departures } from './departures.ts';
import type { JoinIndex } from './entries.ts';
import { FLAG, type Join } from './join.ts';

type Received = Readonly<StanzaEvent>;

declare module 'enjamb/api' {
  interface Events {
    /**
     * A room has refused a client's presence with an error that means (`certain`), or may mean, that the client is not
     * in the room. The client gets the error after this event.
     */
    'track-muc-joins-doubt': Event<{ readonly join: Join; readonly certain: boolean }>;
  }
}

/** The errors of rooms for presence from a client that is not in the room. */
const OUT = new Set(['item-not-found', 'not-acceptable']);
/** The same, and errors that may also have another source or cause. */
const PERHAPS_OUT = new Set([
  ...OUT,
  'gone',
  'recipient-unavailable',
  'forbidden',
  'registration-required',
  'not-authorized',
]);

/** Updates joins by the stanzas that rooms send. */
export class Incoming {
  readonly #index: JoinIndex;
  readonly #departures: Departures;
  readonly #doubt: (join: Join, certain: boolean) => void;

  constructor(index: JoinIndex, departures: Departures, doubt: (join: Join, certain: boolean) => void) {
    this.#index = index;
    this.#departures = departures;
    this.#doubt = doubt;
  }

  presence(event: Received, session: C2SSession): void {
    const { stanza, from, origin } = event;
    const join = session.state.mucJoins?.get(from.bare);
    const { type } = stanza.attrs;
    if (type === 'error') {
      if (join) this.#refused(join, event);
      return;
    }
    const x = stanza.getChild('x', NS.MUC_USER);
    if (from.resource === undefined) return; // Presence of the room itself (avatar, caps).
    if (join === undefined) {
      if (type === undefined && x && hasStatus(x, '110')) this.#adopt(session, from, origin);
      return;
    }
    if (type === undefined && x) this.#available(join, from, x, origin);
    else if (type === 'unavailable') this.#unavailable(join, from, x, origin);
  }

  /** The room admits a client that has sent no join. */
  #adopt(session: C2SSession, from: Jid, origin: Origin): void {
    const join = this.#index.adopt(session, from, origin);
    if (join) this.#departures.superseded(`${session.jid}`, from.bare);
  }

  /** Only occupants get live messages (XEP-0045 §7.4, §7.5); invitations come from the bare JID. */
  message({ stanza, from, origin }: Received, join: Join): void {
    const { type } = stanza.attrs;
    if (type === 'groupchat') {
      if (join.state === 'joining' && join.flags & FLAG.NICK_SEEN && isSubject(stanza))
        this.#settle(join, origin);
      else this.#index.prove(join, origin);
    } else if (type !== 'error' && from.resource !== undefined && stanza.getChild('x', NS.MUC_USER)) {
      this.#index.prove(join, origin);
    }
  }

  #available(join: Join, from: Jid, x: Element, origin: Origin): void {
    if (join.state === 'leaving') return;
    const nick = from.resource ?? '';
    // Whatever the nick: services may assign another one, at the join (status 210) and later.
    if (hasStatus(x, '110')) this.#confirm(join, nick, origin);
    else if (join.state !== 'joining') this.#index.prove(join, origin);
    else if (nick === join.nick) {
      if (x.getChild('item')?.attrs.jid === `${join.session.jid}`) this.#settle(join, origin);
      else join.flags |= FLAG.NICK_SEEN;
    }
  }

  #confirm(join: Join, nick: string, origin: Origin): void {
    const { session, room } = join;
    if (join.state === 'joining' && this.#departures.superseded(`${session.jid}`, room.jid)) {
      // A join, a leave and this join may have waited together for the link. If this answers the first join, the
      // answers to the leave and to the second join follow.
      this.#index.address(session, room.jid);
    }
    this.#index.confirm(join, nick, origin);
  }

  /** The client is in a room that does not use status 110. */
  #settle(join: Join, origin: Origin): void {
    join.flags |= FLAG.NO_110;
    this.#confirm(join, join.nick, origin);
  }

  #unavailable(join: Join, from: Jid, x: Element | undefined, origin: Origin): void {
    if (join.state === 'joining') return; // This concerns an earlier stay; the answer to the join follows.
    const own = from.resource === join.nick;
    const self = x !== undefined && hasStatus(x, '110');
    if (x && hasStatus(x, '303') && (self || own)) {
      this.#renamed(join, nickIn(x, from), origin);
      return;
    }
    // A 110 without 303 concerns only this full JID: other sessions of the same occupant stay.
    const left = self || x?.getChild('destroy') !== undefined || (own && (join.flags & FLAG.NO_110) !== 0);
    if (left || (own && join.state === 'leaving')) this.#index.remove(join);
    // From the own nick without 110: another session of the occupant has left. Prosody also sends this for a swap of
    // nicks.
    else if (x && !own) this.#index.prove(join, origin);
  }

  /** `nick`: `undefined` if the announced nick is invalid; the presence that follows has the real one. */
  #renamed(join: Join, nick: string | undefined, origin: Origin): void {
    if (join.state === 'leaving' || nick === undefined) return;
    this.#index.announce(join, nick, origin);
  }

  #refused(join: Join, event: Received): void {
    const error = StanzaError.from(event.stanza);
    const local = isLocalBounce(event);
    if (join.state === 'leaving') this.#index.remove(join);
    else if (join.state === 'joining') {
      if (this.#isAnswer(event.stanza, join)) this.#joinFailed(join, error, local);
      // An error without id may answer an earlier leave without id. The answer to the join follows then.
      if (event.stanza.attrs.id === undefined) this.#index.address(join.session, join.room.jid);
    } else if (join.state === 'renaming') this.#renameFailed(join, error, local, event.from);
    else if (!local && isAbout(join, event.from) && PERHAPS_OUT.has(error.condition)) {
      this.#doubt(join, OUT.has(error.condition) && error.type !== 'wait');
    }
  }

  /** Whether an error answers the join, not presence that was sent before the join. */
  #isAnswer({ attrs: { id } }: Stanza, join: Join): boolean {
    const joinId = this.#index.pending(join)?.id;
    return id === undefined || joinId === undefined || id === joinId;
  }

  /**
   * If the room refuses an occupant's second join, perhaps only its nick (XEP-0045 §7.2.8), the occupant probably
   * stays.
   */
  #joinFailed(join: Join, error: StanzaError, local: boolean): void {
    const pending = this.#index.pending(join);
    if (pending?.previous === undefined || pending.previous === pending.requested) {
      // The client now assumes that it is outside. If the error is not from the room, the room may still have it.
      if (pending?.mayBeIn && local) this.#departures.owe(join);
      this.#index.remove(join);
      return;
    }
    this.#index.restore(join);
    if (!local && PERHAPS_OUT.has(error.condition)) this.#doubt(join, false);
  }

  /** XEP-0045 §7.6: an occupant whose new nick is refused keeps the old one. */
  #renameFailed(join: Join, error: StanzaError, local: boolean, from: Jid): void {
    const requested = this.#index.pending(join)?.requested;
    if (requested === undefined || (from.resource !== undefined && from.resource !== requested)) return;
    this.#index.restore(join);
    if (!local && OUT.has(error.condition)) this.#doubt(join, false);
  }
}

/**
 * Adds the `x` of the join to the error for a join that our own side could not deliver, as a room does (XEP-0045 §7.2).
 * COMPAT(slixmpp ≤ 1.8): waits for the `x`.
 */
export function echoJoin(event: StanzaEvent, session: C2SSession | undefined): void {
  if (!isLocalBounce(event) || session?.state.mucJoins?.get(event.from.bare)?.state !== 'joining') return;
  const { stanza } = event;
  if (stanza.getChild('x', NS.MUC)) return;
  event.stanza = stanza.withChildren([xml('x', NS.MUC), ...stanza.children]);
}

/** XEP-0045 §7.2.15: the subject is the last stanza that a room sends to a new occupant. */
function isSubject(message: Element): boolean {
  return message.getChild('subject') !== undefined && message.getChild('body') === undefined;
}

/** The nick that a 303 announces (XEP-0045 §7.6), prepared as a resourcepart; `undefined` if it is invalid. */
function nickIn(x: Element, from: Jid): string | undefined {
  const nick = x.getChild('item')?.attrs.nick;
  return nick === undefined ? undefined : Jid.tryParse(`${from.bare}/${nick}`)?.resource;
}

function isAbout(join: Join, from: Jid): boolean {
  return from.resource === undefined || from.resource === join.nick;
}
