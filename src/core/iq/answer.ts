// The answer to a request, as those who wait for it see it.

import { isLocalBounce } from '../../api/bounces.ts';
import type { StanzaEvent } from '../../api/events.ts';
import type { AnswerOrigin, IqAnswer } from '../../api/iq.ts';

/** Facts about a result or an error; `late`: the asker has been told of a timeout. */
export function answerOf(event: StanzaEvent, late: boolean): IqAnswer {
  const { stanza, from, origin } = event;
  const facts: AnswerOrigin = {
    kind: origin.kind,
    id: origin.kind === 'host' ? undefined : origin.id,
    domain: from.domain,
    authenticatedAt: origin.kind === 's2s' ? origin.authenticatedAt : undefined,
  };
  return { kind: 'answer', stanza, origin: facts, local: isLocalBounce(event), late };
}
