// The common part of clients that report each received stanza.

import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import type { Door, User } from './user.ts';

export interface Inbox {
  /** Resolves with the first stanza, of the past or the future, that fits. */
  stanza(what: string, fits: (element: Element) => boolean): Promise<unknown>;
}

export abstract class ReportingUser implements User {
  abstract readonly program: string;
  readonly jid: string;
  readonly fullJid: string;
  readonly #inbox: Inbox;

  constructor(inbox: Inbox, jid: string, resource: string) {
    this.#inbox = inbox;
    this.jid = jid;
    this.fullJid = `${jid}/${resource}`;
  }

  abstract login(door: Door): Promise<void>;
  abstract request(contact: User): Promise<void>;
  abstract approve(contact: User): Promise<void>;
  abstract send(contact: Pick<User, 'jid'>, text: string): Promise<void>;
  abstract logout(): Promise<void>;

  async befriended({ jid }: User): Promise<void> {
    await this.#sees(`roster push for ${jid}, both`, (it) => {
      const item =
        it.is('iq') && it.attrs.type === 'set'
          ? it.getChild('query', NS.ROSTER)?.getChild('item')
          : undefined;
      return item?.attrs.jid === jid && item.attrs.subscription === 'both';
    });
  }

  async seesOnline({ fullJid }: User): Promise<void> {
    await this.#sees(`presence of ${fullJid}`, (it) => isPresence(it, fullJid, undefined));
  }

  async seesGone({ fullJid }: User): Promise<void> {
    await this.#sees(`${fullJid} leaving`, (it) => isPresence(it, fullJid, 'unavailable'));
  }

  async receives({ fullJid }: User, text: string): Promise<void> {
    await this.#sees(
      `"${text}" of ${fullJid}`,
      (it) => it.is('message') && it.attrs.from === fullJid && it.getChildText('body') === text,
    );
  }

  protected async asked({ jid }: User): Promise<void> {
    await this.#sees(`request of ${jid}`, (it) => isPresence(it, jid, 'subscribe'));
  }

  #sees(what: string, fits: (element: Element) => boolean): Promise<unknown> {
    return this.#inbox.stanza(`${this.jid} with ${this.program}: ${what}`, fits);
  }
}

function isPresence(it: Element, from: string, type: string | undefined): boolean {
  return it.is('presence') && it.attrs.from === from && it.attrs.type === type;
}
