// Watches all stanzas from rooms to clients, and holds them while the server joins for a client.
//
//   presence/full, message/full ──▶ noted, decided ──▶ deliver ──▶ c2s-out: stopped if it was decided so
//
// The fate of a stanza is decided on arrival, after the tracker and the proofs have seen it. It is stopped on its way out, so that
// other modules take it for delivered. Held stanzas take the same way out later, without another decision.

import {
  type C2SSession,
  type Element,
  isLocalBounce,
  Jid,
  type Stanza,
  StanzaError,
  type StanzaEvent,
} from 'enjamb/api';
import { give } from '../answer/held.ts';
import {
  asUpdate,
  isKnownSelf,
  isOtherRoom,
  isOwn,
  leaveOf,
  noteOccupant,
  type OccupantPresence,
  type OwnPresence,
  renamingOf,
  selfIn,
  withCodes,
  withNick,
} from '../answer/people.ts';
import { noteShown, ownAfter, type Rejoining, rejoinedOf } from '../answer/rejoining.ts';
import type { Rejoins } from '../join/rejoins.ts';
import { codesIn, isCaptcha, mucUserIn, type Removal, removalIn } from '../memory/losses.ts';
import { nickOf, type Place, type Self, type ViewName } from '../memory/memory.ts';
import { contentPrint } from '../memory/prints.ts';
import { entryOf } from '../memory/rooms.ts';
import type { Inquiries } from '../settings/inquiries.ts';
import { noteItem } from '../settings/members.ts';
import type { Context } from '../shared/context.ts';
import type { NewRooms } from './new_rooms.ts';
import type { Fate, Talk } from './talk.ts';

type Received = Readonly<StanzaEvent>;

/** The parts that learn from stanzas of rooms. */
export interface TakeoverParts {
  readonly talk: Talk;
  readonly inquiries: Inquiries;
  readonly newRooms: NewRooms;
}

interface Entering {
  /** The nicks that the room has shown to the client, and those that it has shown since the last change of the view. */
  readonly shown: Set<string>;
  readonly inView: Set<string>;
  view: ViewName;
}

/** The pause before the first join after the shutdown of a service. */
const SHUTDOWN_MS = 5_000;
/** A client that has joined under the same nick within this time may have displaced the other one. */
const SIBLING_MS = 10_000;

export class Takeover {
  readonly #context: Context;
  readonly #rejoins: Rejoins;
  readonly #parts: TakeoverParts;
  /** During the clients' own joins. */
  readonly #entering = new WeakMap<Place, Entering>();
  /** The last stanza that must not reach its client. */
  #stopped: Stanza | undefined;

  constructor(context: Context, rejoins: Rejoins, parts: TakeoverParts) {
    this.#context = context;
    this.#rejoins = rejoins;
    this.#parts = parts;
  }

  /** Whether this stanza must not reach its client. */
  stops(element: Element): boolean {
    if (element !== this.#stopped) return false;
    this.#stopped = undefined;
    return true;
  }

  presence(event: Received, session: C2SSession | undefined): void {
    if (isByUs(event)) return;
    const { stanza, from, to } = event;
    const place = session?.state.mucPlaces?.get(from.bare);
    const isStopped =
      this.#rejoins.former.isAnswer(to, from.bare, isFarewell(stanza)) ||
      (place && this.#presence(place, event) === 'stopped');
    if (isStopped) this.#stopped = stanza;
  }

  message(event: Received, session: C2SSession | undefined): void {
    const { stanza, from, to } = event;
    const place = session?.state.mucPlaces?.get(from.bare);
    const { inquiries, talk } = this.#parts;
    if (place && from.resource === undefined)
      inquiries.announced(place, this.#rejoins.joining(place), stanza);
    if (stanza.attrs.type === 'error' && place && from.resource === undefined) {
      if (this.#rejoins.outbox.refused(place, stanza, isLocalBounce(event))) this.#stopped = stanza;
    }
    if (stanza.attrs.type !== 'groupchat') {
      if (place?.state === 'joining' && from.resource === undefined && isCaptcha(stanza)) {
        this.#stopped = stanza;
        this.#rejoins.challenged(place);
      }
      return;
    }
    const isStopped =
      this.#rejoins.former.isAnswer(to, from.bare, false) ||
      (place && talk.message(place, event) === 'stopped');
    if (isStopped) this.#stopped = stanza;
  }

  // ── Presence ─────────────────────────────────────────────────────────────────────────────────────────────────

  #presence(place: Place, { stanza, from }: Received): Fate {
    const { type } = stanza.attrs;
    if (type !== undefined && type !== 'unavailable' && type !== 'error') return 'passes';
    const rejoining = this.#rejoins.joining(place);
    if (rejoining?.isPartial && type === undefined) return 'stopped';
    const x = mucUserIn(stanza);
    if (x) noteItem(this.#context.rooms, place, rejoining, x);
    if (type === 'error') return this.#error(place, stanza, x);
    if (from.resource === undefined) {
      // COMPAT(ejabberd): sends the room's own presence as unavailable when it removes a client.
      return type === 'unavailable' ? 'stopped' : this.#roomPresence(place, rejoining, stanza);
    }
    if (isOwn(place, from, x)) {
      const own = { stanza, from, x: x! };
      return type === undefined ? this.#self(place, rejoining, own) : this.#removed(place, rejoining, own);
    }
    return this.#occupant(place, rejoining, { stanza, from, x });
  }

  #occupant(place: Place, rejoining: Rejoining | undefined, presence: OccupantPresence): Fate {
    const { stanza, from } = presence;
    const nick = from.resource ?? '';
    const { absences } = this.#rejoins;
    const entering = place.self === undefined ? this.#enteringOf(place) : undefined;
    const seq = noteOccupant(this.#context.rooms, place, presence, entering?.inView);
    const isKnown = stanza.attrs.type === undefined && seq <= place.seen;
    if (rejoining === undefined) {
      if (entering) this.#noteEntering(place, entering, presence);
      const isBack = !absences.none && absences.shown(place, nick);
      place.seen = Math.max(place.seen, seq);
      return isKnown && (isBack || this.#rejoins.catchUp.isEchoing(place)) ? this.#swallow() : 'passes';
    }
    rejoining.seen = Math.max(rejoining.seen, seq);
    noteShown(rejoining, nick);
    return isKnown ? this.#swallow() : this.#hold(place, rejoining, stanza);
  }

  #enteringOf(place: Place): Entering {
    const known = this.#entering.get(place);
    if (known) return known;
    const entering = { shown: new Set<string>(), view: place.view, inView: new Set<string>() };
    this.#entering.set(place, entering);
    return entering;
  }

  #noteEntering(place: Place, entering: Entering, { stanza, from }: OccupantPresence): void {
    const { rooms, settings } = this.#context;
    const { shown, inView, view } = entering;
    const nick = from.resource ?? '';
    if (place.view !== view) inView.clear();
    entering.view = place.view;
    for (const nicks of [shown, inView]) {
      if (stanza.attrs.type !== undefined) nicks.delete(nick);
      else if (!place.room.isLarge) nicks.add(nick);
    }
    if (shown.size > settings.maxOccupants) rooms.outgrown(place.room);
  }

  #roomPresence(place: Place, rejoining: Rejoining | undefined, stanza: Stanza): Fate {
    const { seq } = entryOf(place.room, 'own', contentPrint(stanza, this.#context.rooms.seed));
    if (rejoining === undefined) {
      place.seen = Math.max(place.seen, seq);
      return 'passes';
    }
    rejoining.seen = Math.max(rejoining.seen, seq);
    return seq <= place.seen ? this.#swallow() : this.#hold(place, rejoining, stanza);
  }

  #self(place: Place, rejoining: Rejoining | undefined, own: OwnPresence): Fate {
    const self = selfIn(place, own, this.#context.rooms.seed);
    const known = ownAfter(place, rejoining);
    this.#rejoins.absences.shown(place, self.nick);
    if (rejoining) noteShown(rejoining, self.nick);
    if (rejoining !== undefined && place.state !== 'catching-up')
      return this.#entered(place, rejoining, own, self);
    if (known !== undefined && known.nick !== self.nick) this.#tellNick(place, rejoining, known.nick, self);
    if (rejoining !== undefined) {
      rejoining.self = withCodes(self, known);
      return isKnownSelf(known, self) ? this.#swallow() : this.#hold(place, rejoining, own.stanza);
    }
    place.self = withCodes(self, known);
    if (this.#rejoins.catchUp.isEchoing(place) && isKnownSelf(known, self)) return this.#swallow();
    if (place.state === 'lost') this.#rejoins.release(place); // It was in all the time.
    if (known === undefined) this.#joined(place, self.nick);
    if (codesIn(own.x).includes('201')) this.#parts.inquiries.replaced(place);
    if (place.hasSubject) this.#parts.talk.joined(place);
    return 'passes';
  }

  /** The presence with the new nick came without the one with status 303: that was lost with a link. */
  #tellNick(place: Place, rejoining: Rejoining | undefined, before: string, { nick }: Self): void {
    const renaming = renamingOf(place, before, nick) as Stanza;
    if (rejoining === undefined || this.#hold(place, rejoining, renaming) === 'passes')
      place.session.send(renaming);
  }

  /** The room has answered the client's own join. Occupants that it has not shown have left. */
  #joined(place: Place, own: string): void {
    const { rooms } = this.#context;
    const shown = this.#entering.get(place)?.shown;
    this.#entering.delete(place);
    const gone = [...place.room.views[place.view].roll.keys()].filter(
      (nick) => nick !== own && !shown?.has(nick),
    );
    for (const nick of gone) rooms.left(place, nick);
  }

  /** The room has let the client in. The occupants that it has shown before come first. */
  #entered(place: Place, rejoining: Rejoining, { stanza, x }: OwnPresence, self: Self): Fate {
    const { session, self: known } = place;
    const before = nickOf(place);
    if (!this.#parts.newRooms.entered(place, rejoining, x)) return 'stopped';
    if (isOtherRoom(known, self)) this.#clearList(place, rejoining);
    give(session, rejoining.held.people.splice(0));
    rejoinedOf(place).given = rejoining.seen;
    const isRenamed = self.nick !== before;
    if (isRenamed) session.send(renamingOf(place, before, self.nick));
    if (isRenamed || !isKnownSelf(known, self)) session.send(asUpdate(stanza, x, known));
    else this.#swallow();
    place.self = self;
    rejoining.self = undefined;
    this.#rejoins.catchUp.begin(place, rejoining);
    return 'stopped';
  }

  /** COMPAT(Converse ≤ 14): keys occupants by occupant id, so all with a new id leave before they return. */
  #clearList(place: Place, { known, shown, held }: Rejoining): void {
    const changed = new Set(held.people.map(({ flat }) => Jid.tryParse(flat.attrs.from)?.resource));
    let last: string | undefined;
    for (const nick of known.keys()) {
      if (shown.has(nick) && !changed.has(nick)) continue; // The same presence, so the same id.
      place.session.send(leaveOf(place, nick, 'none')); // With another affiliation, they would stay listed.
      known.delete(nick);
      last = nick;
    }
    // The client's own old id leaves, too. Its own nick would tell other programs that they are out; they ignore an absent nick.
    if (last !== undefined) place.session.send(leaveOf(place, last, 'none', place.self?.occupantId));
  }

  #swallow(): Fate {
    this.#context.metrics.presences.of('swallowed').add();
    return 'stopped';
  }

  #hold(place: Place, rejoining: Rejoining, stanza: Stanza): Fate {
    const { held } = rejoining;
    this.#context.metrics.presences.of('passed').add();
    this.#context.reports.count(place, 'people');
    const list = place.state === 'catching-up' ? held.live : held.people;
    if (held.add(list, stanza)) return 'stopped';
    this.#rejoins.catchUp.overflow(place, rejoining);
    return 'passes';
  }

  // ── Out of the room ──────────────────────────────────────────────────────────────────────────────────────────

  #removed(place: Place, rejoining: Rejoining | undefined, { stanza, x }: OwnPresence): Fate {
    const removal = removalIn(x);
    if (removal === 'renamed') return this.#renamed(place, rejoining, stanza);
    if (place.state === 'in') return this.#removedFromIn(place, removal, x);
    if (removal === 'decided') {
      this.#rejoins.thrownOut(place);
      return 'passes';
    }
    if (rejoining && place.state === 'catching-up') rejoining.mayBeIn = false;
    if (place.state === 'catching-up' || place.join.state === 'gone') this.#rejoins.loseAgain(place);
    return 'stopped'; // Of an earlier stay, or of the one that was lost again.
  }

  #renamed(place: Place, rejoining: Rejoining | undefined, stanza: Stanza): Fate {
    const known = ownAfter(place, rejoining);
    const self = known && withNick(known, place);
    if (rejoining === undefined) {
      place.self = self;
      return 'passes';
    }
    if (place.state !== 'catching-up') return 'stopped'; // Of an earlier stay: the answer has the nick.
    rejoining.self = self;
    return this.#hold(place, rejoining, stanza);
  }

  #removedFromIn(place: Place, removal: Removal, x: Element): Fate {
    if (place.self === undefined) return 'passes'; // Its own join is not answered yet.
    const isUnexplained = removal === 'lost' && !codesIn(x).includes('333');
    const isLost = removal !== 'decided' && !(isUnexplained && hasNewSibling(place, this.#context.now()));
    const delayMs = removal === 'shutdown' ? SHUTDOWN_MS : 0;
    if (isLost && !isUnexplained) this.#rejoins.existence.removed(place);
    if (isLost && this.#rejoins.wasRemoved(place, removal, delayMs)) return 'stopped';
    this.#rejoins.forget(place);
    return 'passes';
  }

  #error(place: Place, stanza: Stanza, x: Element | undefined): Fate {
    const rejoining = this.#rejoins.active.get(place);
    // COMPAT(ejabberd): removes an occupant by an error that holds status 110.
    if (x && place.state === 'in' && codesIn(x).includes('110')) return this.#removedFromIn(place, 'lost', x);
    if (rejoining === undefined) return 'passes';
    const { id } = stanza.attrs;
    const isOurs =
      rejoining.isPartial || (rejoining.id !== undefined && (id === rejoining.id || id === undefined));
    if (isOurs && place.state === 'joining')
      this.#rejoins.refused(place, rejoining, StanzaError.from(stanza));
    else if (isOurs && place.join.state === 'gone') this.#rejoins.loseAgain(place); // The refusal was late.
    // The loss was found by this refusal of a presence update.
    return isOurs || rejoining.lostAt === this.#context.now() ? 'stopped' : 'passes';
  }
}

/** Whether this server has sent the stanza in the name of the room, such as a notice. */
function isByUs({ origin, from }: Received): boolean {
  return origin.kind === 'host' && origin.domain !== from.domain;
}

/** Whether the stanza confirms a leave (XEP-0045 §7.14). */
function isFarewell(stanza: Stanza): boolean {
  const x = stanza.attrs.type === 'unavailable' ? mucUserIn(stanza) : undefined;
  return x !== undefined && codesIn(x).includes('110');
}

/** If clients of an account cannot share a nick, the newer one displaces the older one. */
function hasNewSibling({ session, room, join }: Place, now: number): boolean {
  for (const other of room.places) {
    if (other.session === session || other.session.jid.bare !== session.jid.bare) continue;
    if (other.join.nick === join.nick && other.since >= now - SIBLING_MS) return true;
  }
  return false;
}
