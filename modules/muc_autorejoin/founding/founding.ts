// Rooms that a join of the server has created again (XEP-0045 §10.1), by the facts of the old room:
//
//   members-only, with a password, persistent, or unknown   never created again, since it would be open to all
//   otherwise                                               the new room is compared with it, then unlocked
//
// docs/adr/0038-rooms-made-anew.md says why.

import { BoundedMap, type Element, type IqAnswer, NS, type Stanza, xml } from 'enjamb/api';
import { type Facts, factsIn } from '../memory/facts.ts';
import type { Place, RoomMemory } from '../memory/memory.ts';
import type { Context } from '../shared/context.ts';
import { infoRequest, iqOf, request } from '../shared/requests.ts';

/** The time for each answer of the room. */
const ANSWER_MS = 10_000;
export const MAX_SERVICES = 1_000;

/** The client whose join has created the room. */
export interface Founder {
  /** Whether it is still in the room. */
  isIn(): boolean;
  /**
   * `true`: others can enter the room; `info` has its facts. `false`: the client must leave; in the same tick if the old room
   * was one that is never created again.
   */
  onEnd(isRight: boolean, info?: IqAnswer): void;
}

/** The fields of a room's configuration by name (XEP-0045 §15.5.3). */
type Fields = Readonly<Record<string, string>>;

export class Founding {
  readonly #context: Context;
  /** Services whose new rooms are persistent. */
  readonly #persistent = new BoundedMap<string, true>(MAX_SERVICES);

  constructor(context: Context) {
    this.#context = context;
  }

  /** Whether the room would persist when all have left: by its own setting, or by the default of its service. */
  mayPersist({ facts, domain }: RoomMemory): boolean {
    return facts?.persists === true || this.#persistent.has(domain);
  }

  /** Asks whether the room exists; `undefined` if that is unknown. */
  exists(place: Place, onAnswer: (exists: boolean | undefined) => void): void {
    this.#ask(infoRequest(place), (answer) => {
      if (answer.kind === 'timeout' || answer.local) onAnswer(undefined);
      else if (answer.stanza.attrs.type === 'result') onAnswer(true);
      else onAnswer(isNoRoom(answer.stanza) ? false : undefined);
    });
  }

  /** A join of the server has created this room. */
  made(place: Place, { isIn, onEnd }: Founder): void {
    const { room } = place;
    const old = room.making ?? room.facts;
    if (!mayBeMadeAnew(old)) return onEnd(false);
    room.making = old;
    const end = (isRight: boolean, info?: IqAnswer) => {
      if (!isIn()) return; // The client is lost again, or gone. The next client that joins continues.
      room.making = undefined;
      if (isRight) this.#context.metrics.roomsMade.add();
      onEnd(isRight, info);
    };
    // In a later tick, because 201 is in the middle of the answer.
    this.#context.after(0, () => {
      this.#compare(place, (now, info) => {
        const changes = now && changesTo(now, old);
        if (changes === undefined) return end(false);
        this.#submit(place, changes, (isDone) => {
          if (Object.keys(changes).length === 0) return end(true, info);
          if (!isDone) return end(false);
          this.#compare(place, (changed, info) =>
            end(changed !== undefined && isAsStrict(changed, old), info),
          );
        });
      });
    });
  }

  /** Accepts the default configuration (XEP-0045 §10.1.2). */
  accept(place: Place): void {
    this.#submit(place, {}, () => {});
  }

  /** Asks for the facts of the new room, which its owner gets while it is locked. */
  #compare(place: Place, onAnswer: (now: Facts | undefined, info: IqAnswer) => void): void {
    this.#ask(infoRequest(place), (answer) => {
      const { seed } = this.#context.rooms;
      const now = answer.kind === 'answer' ? factsIn(answer.stanza, seed) : undefined;
      if (now?.persists) this.#persistent.set(place.room.domain, true);
      onAnswer(now, answer);
    });
  }

  /** Submits the configuration, which unlocks the room for others. Without fields: the default one (§10.1.2). */
  #submit(place: Place, fields: Fields, onAnswer: (isDone: boolean) => void): void {
    const form = xml('x', { xmlns: NS.DATA_FORMS, type: 'submit' }, ...fieldElements(fields));
    const iq = iqOf(place, 'set', xml('query', NS.MUC_OWNER, form));
    this.#ask(iq, (answer) => onAnswer(answer.kind === 'answer' && answer.stanza.attrs.type === 'result'));
  }

  #ask(iq: Element, onAnswer: (answer: IqAnswer) => void): void {
    request(this.#context, iq, { timeoutMs: ANSWER_MS, onAnswer });
  }
}

export function mayBeMadeAnew(facts: Facts | undefined): facts is Facts {
  return facts !== undefined && !facts.isMembersOnly && !facts.hasPassword && !facts.persists;
}

/** The settings to change so that the new room is like the old one; `undefined` if the old occupants cannot enter it. */
function changesTo(now: Facts, old: Facts): Fields | undefined {
  if (now.isMembersOnly || now.hasPassword) return undefined;
  return {
    ...(old.isHidden && !now.isHidden ? { 'muc#roomconfig_publicroom': '0' } : {}),
    ...(old.isModerated === now.isModerated
      ? {}
      : { 'muc#roomconfig_moderatedroom': old.isModerated ? '1' : '0' }),
  };
}

/** Whether the new room is as hidden and as moderated as the old one. */
function isAsStrict(now: Facts, old: Facts): boolean {
  const isOpen = !now.isMembersOnly && !now.hasPassword;
  return isOpen && (now.isHidden || !old.isHidden) && (now.isModerated || !old.isModerated);
}

function fieldElements(fields: Fields): Element[] {
  const entries = Object.entries(fields);
  const all = entries.length === 0 ? [] : [['FORM_TYPE', NS.MUC_ROOMCONFIG] as const, ...entries];
  return all.map(([name, value]) => xml('field', { var: name }, xml('value', {}, value)));
}

function isNoRoom(answer: Stanza): boolean {
  const error = answer.getChild('error');
  return (
    error?.getChild('item-not-found', NS.STANZAS) !== undefined ||
    error?.getChild('gone', NS.STANZAS) !== undefined
  );
}
