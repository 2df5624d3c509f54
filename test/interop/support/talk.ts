// A sender of numbered messages, and the fate of each.

import { type Element, NS } from '../../../src/xml/index.ts';
import type { ReceivedStanza, SlixmppClient } from './slixmpp.ts';

export interface TalkOptions {
  readonly type?: 'chat' | 'groupchat';
  readonly everyMs?: number;
  /** The text before the number. */
  readonly word?: string;
}

/** The fate of all sent numbers. */
export interface Count {
  readonly said: number;
  /** Returned with an error. */
  readonly bounced: number;
  /** Neither received nor returned. */
  readonly lost: readonly number[];
  /** Received more than once, or received and returned. */
  readonly twice: readonly number[];
  /** In the order of their first arrival. */
  readonly firsts: readonly number[];
}

export class Talk {
  readonly #from: SlixmppClient;
  readonly #to: string;
  readonly #type: 'chat' | 'groupchat';
  readonly #everyMs: number;
  readonly #word: string;
  #timer: NodeJS.Timeout | undefined;
  /** When each number was sent, in ms since 1970. */
  readonly saidAt: number[] = [];

  /** Starts immediately. */
  constructor(from: SlixmppClient, to: string, options: TalkOptions = {}) {
    const { type = 'chat', everyMs = 40, word = 'number' } = options;
    this.#from = from;
    this.#to = to;
    this.#type = type;
    this.#everyMs = everyMs;
    this.#word = word;
    this.resume();
  }

  say(): void {
    const text = `${this.#word} ${this.saidAt.length}`;
    this.#from.send(this.#to, text, this.#type, text);
    this.saidAt.push(Date.now());
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  resume(): void {
    this.#timer ??= setInterval(() => this.say(), this.#everyMs).unref();
  }

  /** The numbers among some stanzas, in order. */
  heard(stanzas: readonly ReceivedStanza[]): number[] {
    // The history of a room does not count as another arrival (XEP-0045 §7.2.13).
    const isNews = (it: Element) =>
      it.attrs.type === this.#type && !(this.#type === 'groupchat' && it.getChild('delay', NS.DELAY));
    return this.#numbers(stanzas, isNews, 'body');
  }

  /** The received and the returned stanzas. */
  count(there: readonly ReceivedStanza[], back: readonly ReceivedStanza[]): Count {
    const heard = this.heard(there);
    const returned = this.#numbers(back, (it) => it.attrs.type === 'error', 'id');
    const times = new Map<number, number>();
    for (const number of [...heard, ...returned]) times.set(number, (times.get(number) ?? 0) + 1);
    return {
      said: this.saidAt.length,
      bounced: new Set(returned).size,
      lost: [...this.saidAt.keys()].filter((number) => !times.has(number)),
      twice: [...times].filter(([, count]) => count > 1).map(([number]) => number),
      firsts: [...new Set(heard)],
    };
  }

  #numbers(
    stanzas: readonly ReceivedStanza[],
    fits: (element: Element) => boolean,
    where: 'body' | 'id',
  ): number[] {
    return stanzas.flatMap(({ element }) => {
      if (element.name !== 'message' || !fits(element)) return [];
      const text = (where === 'id' ? element.attrs.id : element.getChildText('body')) ?? '';
      const [word, number, ...rest] = text.split(' ');
      return word === this.#word && number !== undefined && rest.length === 0 ? [Number(number)] : [];
    });
  }
}
