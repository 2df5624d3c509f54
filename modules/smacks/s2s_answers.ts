// Answers of other servers as signs of what they have got: of an iq its result or error, of a message to a room its
// reflection, of a join the client's own presence, by the same id (RFC 6120 §8.1.3; XEP-0045 §7.2.2, §7.4).

import { type Element, Jid, type S2SStream, type Stanza } from 'enjamb/api';
import { isSelfPresence } from 'enjamb/xep';
import { confirmUpTo, type Link } from './s2s_link.ts';
import type { Links } from './s2s_links.ts';

/** Of the unconfirmed, so many are compared with what comes: an answer is for one of the oldest. */
const MAX_COMPARED = 32;

export class Answers {
  readonly #links: Links;
  readonly #answered = new WeakSet<Stanza>();

  constructor(links: Links) {
    this.#links = links;
  }

  /** Whether this stanza, which was not confirmed, has been answered. */
  has(stanza: Stanza): boolean {
    return this.#answered.has(stanza);
  }

  /** `copy` is what will be sent in the place of `stanza`. */
  inherit(copy: Stanza, stanza: Stanza): void {
    if (this.#answered.has(stanza)) this.#answered.add(copy);
  }

  /** Takes note of what comes from other servers, on whichever stream. */
  received({ remotes }: S2SStream, element: Element): void {
    if (element.attrs.id === undefined) return;
    for (const remote of remotes) {
      const link = this.#links.carrier(remote);
      if (link) this.#compare(link, element);
    }
  }

  #compare(link: Link, answer: Element): void {
    const { queue, acknowledged } = link.outbound;
    const length = Math.min(queue.length, MAX_COMPARED);
    for (let index = 0; index < length; index++) {
      const { stanza } = queue[index]!;
      if (stanza.attrs.id !== answer.attrs.id || !isAnswer(answer, stanza)) continue;
      this.#answered.add(stanza);
      // Stanzas are handled in order (RFC 6120 §10.1), as with pings. Who counts knows better what is done.
      if (link.mode === 'pings') confirmUpTo(link, (acknowledged + index + 1) >>> 0);
      return;
    }
  }
}

function isAnswer(answer: Element, { name, attrs }: Stanza): boolean {
  const { type, from, to } = answer.attrs;
  if (answer.name !== name || to !== attrs.from) return false;
  if (name === 'iq') return from === attrs.to && (type === 'result' || type === 'error');
  if (Jid.tryParse(from)?.bare !== Jid.tryParse(attrs.to)?.bare) return false;
  if (type === 'error') return true;
  return name === 'message' ? type === 'groupchat' && attrs.type === type : isSelfPresence(answer);
}
