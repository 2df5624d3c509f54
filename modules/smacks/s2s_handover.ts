// What becomes of stanzas that another server has not confirmed when the stream ends (docs/adr/0017).

import { errorReply, Jid, type Module, NS, type Stanza, StanzaError, wallTime } from 'enjamb/api';
import { delayBy } from 'enjamb/xep';
import { tooHigh } from './elements.ts';
import { newOutbound } from './outbound.ts';
import type { Answers } from './s2s_answers.ts';
import type { Given, Link, LinkEnd, SentStanza } from './s2s_link.ts';

export class Handover {
  readonly #module: Module;
  readonly #answers: Answers;
  /** Requests of which nobody knows yet whether they have been carried out. */
  readonly #doubtful = new WeakSet<Stanza>();

  constructor(module: Module, answers: Answers) {
    this.#module = module;
    this.#answers = answers;
  }

  /** What is to be sent to `remote` again, oldest first; it is given once. */
  give(link: Link, remote: string): readonly Stanza[] {
    if (!link.end) return [];
    const { handedOver = [] } = this.#collected(link, link.end);
    const given: Stanza[] = [];
    for (const entry of handedOver) {
      if (entry.remote !== remote || !entry.stanza) continue;
      given.push(entry.stanza);
      entry.stanza = undefined;
    }
    return given;
  }

  /**
   * The peer has said how many stanzas it had handled when the stream ended.
   * @throws StreamError when it claims to have more than it was sent.
   */
  settle(link: Link, h: number): void {
    if (!link.end) return;
    const { handedOver = [], uncounted = 0 } = this.#collected(link, link.end);
    const { acknowledged } = link.outbound;
    const count = (h - acknowledged) >>> 0;
    const counted = handedOver.length - uncounted;
    if (count > counted) throw tooHigh(h, (acknowledged + counted) >>> 0);
    link.end = { ...link.end, confirmed: count === 0 ? 0 : uncounted + count };
    for (const { doubtful } of handedOver) {
      const stanza = doubtful?.deref();
      if (stanza) this.#doubtful.delete(stanza);
    }
  }

  /** How many of the stanzas for `remote` the peer is known to have. */
  confirmed(link: Link | undefined, remote: string): number {
    const { handedOver = [], confirmed = 0 } = link?.end ?? {};
    return handedOver.slice(0, confirmed).filter((given) => given.remote === remote).length;
  }

  /**
   * Refuses a request that would be sent again although it may have been carried out. Whoever has made it knows whether
   * it may be made twice; nobody else does.
   */
  refuses(stanza: Stanza): boolean {
    if (!this.#doubtful.delete(stanza)) return false;
    const error = new StanzaError('remote-server-timeout', {
      text: 'The connection broke before this was confirmed; it may have been carried out',
    });
    const reply = errorReply(stanza, error);
    if (reply) this.#module.send(reply);
    return true;
  }

  #collected(link: Link, end: LinkEnd): LinkEnd {
    if (end.handedOver) return end;
    const sent = [...link.before, ...link.outbound.queue];
    const isKnown = isCounted(link, end);
    const handedOver = sent.map((entry): Given => {
      const stanza = delayed(entry, this.#module);
      const remote = remoteOf(entry, link);
      this.#answers.inherit(stanza, entry.stanza);
      if (isKnown || !isSet(stanza)) return { remote, stanza };
      this.#doubtful.add(stanza);
      return { remote, stanza, doubtful: new WeakRef(stanza) };
    });
    link.end = { ...end, handedOver, uncounted: link.before.length };
    link.before = [];
    link.outbound = newOutbound(link.outbound.acknowledged);
    return link.end;
  }
}

/** A stream error right behind the last acknowledgement: the peer has handled nothing after that. */
function isCounted({ mode, hasLastWord }: Link, { cause }: LinkEnd): boolean {
  return mode === 'acks' && hasLastWord && cause === 'stream-error';
}

function isSet({ name, attrs }: Stanza): boolean {
  return name === 'iq' && attrs.type === 'set';
}

function remoteOf({ stanza }: SentStanza, { remote, session }: Link): string {
  if (session.remotes.size <= 1) return remote;
  return Jid.tryParse(stanza.attrs.to)?.domain ?? remote;
}

/**
 * XEP-0203: when a message to a person was sent first. In rooms a delay is the mark of history: members would not be
 * told of a message that has it (XEP-0045 §7.2.15).
 */
function delayed({ stanza, at }: SentStanza, { clock, host }: Module): Stanza {
  const { type } = stanza.attrs;
  if (stanza.name !== 'message' || type === 'groupchat' || type === 'error') return stanza;
  if (stanza.getChildren('delay', NS.DELAY).length > 0) return stanza;
  return stanza.withChildren([...stanza.children, delayBy(host.domain, wallTime(clock, at))]);
}
