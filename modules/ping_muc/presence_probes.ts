// Presence probes to rooms (XEP-0045 §17.3), as a last resort. Rooms may show them, hence at most one per room and day.

import {
  BoundedMap,
  isLocalBounce,
  type Module,
  newId,
  type Stanza,
  type StanzaEvent,
  xml,
} from 'enjamb/api';
import { isSelfPresence } from 'enjamb/xep';
import type { Context, Join } from './context.ts';

/** The most rooms that are remembered as asked. Beyond it the oldest is dropped and may be asked again. */
const MAX_ROOMS = 10_000;
/** The most probes whose late answers are dropped. */
const MAX_IDS = 1_000;
const DAY_MS = 24 * 60 * 60_000;

/** Survives a reload of the module. */
export interface SentProbes {
  /** When each room was last sent a probe. */
  readonly rooms: BoundedMap<string, number>;
  /** The full JID of the client, by the id of the probe. */
  readonly ids: BoundedMap<string, string>;
}

export function newSentProbes(): SentProbes {
  return { rooms: new BoundedMap(MAX_ROOMS), ids: new BoundedMap(MAX_IDS) };
}

export function sentProbes(module: Pick<Module, 'keep'>): SentProbes {
  return module.keep('presence-probes', newSentProbes);
}

/** Called once. `answer`: `undefined` after the timeout. `local`: whether our own side made it. */
type OnPresence = (answer: Stanza | undefined, local: boolean) => void;

interface Probe {
  readonly id: string;
  readonly join: Join;
  readonly onPresence: OnPresence;
  readonly timer: { cancel(): void };
}

export class PresenceProbes {
  readonly #context: Pick<Context, 'module' | 'settings' | 'after' | 'now' | 'metrics'>;
  readonly #sent: SentProbes;
  /** The pending probes. Their answers may have another id. */
  readonly #waiting = new Map<Join, Probe>();

  constructor(context: Pick<Context, 'module' | 'settings' | 'after' | 'now' | 'metrics'>, sent: SentProbes) {
    this.#context = context;
    this.#sent = sent;
  }

  /** Whether an answer to a probe may arrive. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0 || this.#sent.ids.size > 0;
  }

  /** Whether a probe to the room is allowed now. */
  may(room: string): boolean {
    return (this.#sent.rooms.get(room) ?? Number.NEGATIVE_INFINITY) + DAY_MS <= this.#context.now();
  }

  /** Sends a probe from the client to an occupant. */
  send(join: Join, to: string, onPresence: OnPresence): void {
    const { after, module, settings } = this.#context;
    this.note(join.room.jid);
    const id = newId();
    const from = `${join.session.jid}`;
    const timer = after(settings.timeout, () => {
      this.#waiting.delete(join);
      onPresence(undefined, false);
    });
    this.#waiting.set(join, { id, join, onPresence, timer });
    this.#sent.ids.set(id, from);
    module.send(xml('presence', { type: 'probe', id, from, to }), { overhead: true });
  }

  /** Records the time of a probe to the room. */
  note(room: string): void {
    const { rooms } = this.#sent;
    const now = this.#context.now();
    for (const [oldest, at] of rooms) {
      if (at + DAY_MS > now) break;
      rooms.delete(oldest);
    }
    rooms.set(room, now);
  }

  /** Returns `'handled'` for presence that answers a probe, which the client must not get. */
  accept(event: StanzaEvent, join: Join | undefined): 'handled' | undefined {
    const { stanza, from, to } = event;
    if (stanza.attrs.type === 'error') return this.#acceptError(event);
    const probe = join && this.#waiting.get(join);
    if (!probe || stanza.attrs.type !== undefined || !isSelfPresence(stanza)) return undefined;
    if (from.bare !== join.room.jid || `${to}` !== `${join.session.jid}`) return undefined;
    event.markOverhead();
    this.#answered(probe, stanza, false);
    return 'handled';
  }

  #acceptError(event: StanzaEvent): 'handled' | undefined {
    const { stanza, from, to } = event;
    const { id } = stanza.attrs;
    if (id === undefined || this.#sent.ids.get(id) !== `${to}`) return undefined;
    const probe = [...this.#waiting.values()].find((waiting) => waiting.id === id);
    if (probe && !isFrom(probe.join, `${from}`, from.bare)) {
      this.#context.metrics.ignored.of('spoofed').add();
      return 'handled';
    }
    event.markOverhead();
    this.#sent.ids.delete(id);
    if (probe) this.#answered(probe, stanza, isLocalBounce(event));
    return 'handled';
  }

  #answered({ id, join, onPresence, timer }: Probe, stanza: Stanza, local: boolean): void {
    timer.cancel();
    this.#waiting.delete(join);
    this.#sent.ids.delete(id);
    onPresence(stanza, local);
  }
}

/** Whether an error is from an occupant, the room or its service. */
function isFrom({ room }: Join, from: string, bare: string): boolean {
  return bare === room.jid || from === room.domain.name;
}
