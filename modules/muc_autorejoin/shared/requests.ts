// Requests to rooms in the name of a client, which never sees an answer, however late.

import { type Element, type IqAnswer, NS, newId, xml } from 'enjamb/api';
import type { Place } from '../memory/memory.ts';
import type { Context } from './context.ts';

/** The time after the time-out in which an answer is kept from the client. */
const LATE_MS = 60_000;

interface Terms {
  readonly timeoutMs?: number;
  /** See `IqQuestion`. */
  readonly overhead?: boolean;
  /** Called once: with a time-out, too, if too many requests are pending. */
  readonly onAnswer: (answer: IqAnswer) => void;
  /** Called for an answer after the time-out. */
  readonly onLate?: (answer: IqAnswer) => void;
}

export function request({ module }: Context, iq: Element, { onAnswer, onLate, ...terms }: Terms): void {
  try {
    module.askIq(iq, {
      ...terms,
      lateMs: LATE_MS,
      onAnswer(answer) {
        if (answer.kind === 'answer' && answer.late) onLate?.(answer);
        else onAnswer(answer);
      },
    });
  } catch (error) {
    module.report(error, { room: iq.attrs.to ?? '' }); // Too many requests are pending.
    onAnswer({ kind: 'timeout' });
  }
}

/** An iq from the client to the room. */
export function iqOf({ session, room }: Place, type: 'get' | 'set', query: Element): Element {
  return xml('iq', { type, id: newId(), from: `${session.jid}`, to: room.jid }, query);
}

/** XEP-0045 §6.4. */
export function infoRequest(place: Place): Element {
  return iqOf(place, 'get', xml('query', NS.DISCO_INFO));
}
