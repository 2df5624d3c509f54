// What a client is sent about its room, in words, with the time of arrival.

import type { Element } from '../src/xml/element.ts';
import type { ScriptedClient } from '../test/support/client.ts';

const MUC_USER = 'http://jabber.org/protocol/muc#user';

/** One stanza from the room. */
export interface Shown {
  readonly kind: 'person' | 'leave' | 'words' | 'self' | 'notice' | 'error';
  /** A nick, a text, or the condition of an error. */
  readonly text: string;
  /** Said before the client was in the room. */
  readonly isDelayed: boolean;
  readonly afterMs: number;
  readonly element: Element;
}

/** Reads everything that a client is sent. */
export class Screen {
  /** Since the start. */
  readonly shown: Shown[] = [];
  readonly #client: ScriptedClient;
  readonly #room: string;
  readonly #waiting = new Set<() => void>();
  #startedAt = performance.now();
  #said = 0;
  #failure: Error | undefined;

  /** @param client an occupant of the room */
  constructor(client: ScriptedClient, room: string) {
    this.#client = client;
    this.#room = room;
    this.#read().catch((error: Error) => {
      this.#failure = error;
      this.#wake();
    });
  }

  /** Forgets what was shown so far, and counts the time from now. */
  restart(): void {
    this.shown.length = 0;
    this.#startedAt = performance.now();
  }

  say(words: string): void {
    const id = `${++this.#said}`;
    this.#client.send(
      `<message type='groupchat' id='${id}' to='${this.#room}'><body>${words}</body></message>`,
    );
  }

  /** Resolves when the room has sent the client a stanza that fits. */
  async until(fits: (shown: Shown) => boolean): Promise<Shown> {
    for (;;) {
      const found = this.shown.find(fits);
      if (found) return found;
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Resolves when these words have arrived. */
  async hears(words: string): Promise<Shown> {
    return this.until(({ kind, text }) => kind === 'words' && text === words);
  }

  async #read(): Promise<never> {
    for (;;) {
      const shown = this.#describe(await this.#client.next());
      if (shown) this.shown.push(shown);
      this.#wake();
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #describe(element: Element): Shown | undefined {
    const [room, nick = ''] = (element.attrs.from ?? '').split('/', 2);
    if (room !== this.#room) return undefined;
    const isDelayed = element.getChild('delay', 'urn:xmpp:delay') !== undefined;
    const afterMs = performance.now() - this.#startedAt;
    const make = (kind: Shown['kind'], text: string) => ({ kind, text, isDelayed, afterMs, element });
    if (element.attrs.type === 'error') return make('error', conditionOf(element));
    if (element.name === 'message') {
      const words = element.getChildText('body');
      return words === undefined ? undefined : make('words', words); // The subject has no body.
    }
    const isGone = element.attrs.type === 'unavailable';
    if (codesOf(element).includes('110')) return make(isGone ? 'notice' : 'self', nick);
    return make(isGone ? 'leave' : 'person', nick);
  }
}

/** The status codes of a room's presence (XEP-0045 §15.6.2). */
export function codesOf(presence: Element): string[] {
  const x = presence.getChild('x', MUC_USER);
  return (x?.getChildren('status', MUC_USER) ?? []).map(({ attrs }) => attrs.code ?? '');
}

function conditionOf(stanza: Element): string {
  const children = stanza.getChild('error')?.children ?? [];
  const condition = children.find((child) => typeof child !== 'string');
  return condition?.name ?? 'unknown';
}
