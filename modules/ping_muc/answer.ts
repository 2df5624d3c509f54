// Reads an answer from the stanza that brought it.

import { type ErrorType, isLocalBounce, NS, type Stanza, type StanzaEvent } from 'enjamb/api';
import type { Answer, RoomFacts } from './verdict.ts';

type Received = Pick<StanzaEvent, 'stanza' | 'from' | 'origin'>;

/** `room`: the bare JID that was asked, to tell its own errors from those of the service around it. */
export function answerOf(event: Received, room: string): Answer {
  const { stanza } = event;
  if (stanza.attrs.type !== 'error') return { kind: 'result', ...factsOf(stanza) };
  const error = stanza.getChild('error');
  return {
    kind: 'error',
    condition: conditionOf(stanza),
    type: typeOf(error?.attrs.type),
    byRoom: error?.attrs.by === room,
    local: isLocalBounce(event),
  };
}

/** The defined condition as it stands there, known or not (RFC 6120 §8.3.2). */
export function conditionOf(stanza: Stanza): string | undefined {
  const conditions = stanza.getChild('error')?.elements() ?? [];
  return conditions.find((child) => child.getNS() === NS.STANZAS && child.name !== 'text')?.name;
}

function factsOf(stanza: Stanza): { facts?: RoomFacts } {
  const query = stanza.getChild('query', NS.DISCO_INFO);
  if (query === undefined) return {};
  const features = query.getChildren('feature').map(({ attrs }) => attrs.var);
  // An IRC gateway says so in its identity: type irc, in category conference (biboumi) or gateway.
  const irc = query.getChildren('identity').some(({ attrs }) => attrs.type === 'irc');
  return { facts: { optimised: features.includes(NS.MUC_SELF_PING), irc } };
}

function typeOf(type: string | undefined): ErrorType | undefined {
  switch (type) {
    case 'auth':
    case 'cancel':
    case 'continue':
    case 'modify':
    case 'wait':
      return type;
    default:
      return undefined;
  }
}
