// The pings that we have sent to other servers, so that neither they nor their answers are taken for anything else.

import type { Element, Jid } from 'enjamb/api';

/** Those never answered are forgotten in the end. */
const MAX_QUESTIONS = 20_000;

export class Questions {
  /** By element, for as long as anybody still holds it to send it again; how often it has left already. */
  readonly #pings = new WeakMap<Element, { readonly remote: string; hasLeft: boolean }>();
  /** Whom we asked, by the id of the question; the oldest first. */
  readonly #ids = new Map<string, string>();

  get size(): number {
    return this.#ids.size;
  }

  add(ping: Element, id: string, remote: string): void {
    this.#pings.set(ping, { remote, hasLeft: false });
    this.#ids.set(id, remote);
    if (this.#ids.size <= MAX_QUESTIONS) return;
    const [oldest] = this.#ids.keys();
    this.#ids.delete(oldest!);
  }

  /** Whom an element that is about to be sent asks for a sign of life; `again` when it has been sent before. */
  leaves(element: Element): string | 'again' | undefined {
    const ping = this.#pings.get(element);
    if (ping === undefined) return undefined;
    if (ping.hasLeft) return 'again';
    ping.hasLeft = true;
    return ping.remote;
  }

  /** Whether this is the one answer to a question of ours, from whom we asked. */
  answers(answer: Element, from: Jid): boolean {
    const id = answer.attrs.id ?? '';
    if (this.#ids.get(id) !== from.toString()) return false;
    return this.#ids.delete(id);
  }
}
