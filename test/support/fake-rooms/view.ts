// What a client that follows XEP-0045 §7 takes to be true of a room, from nothing but the stanzas that it is sent.

import type { Element } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { splitAddress } from './replies.ts';

export interface Person {
  readonly show: string | undefined;
  readonly status: string | undefined;
  readonly role: string | undefined;
  readonly affiliation: string | undefined;
}

export interface Heard {
  readonly nick: string;
  readonly id: string | undefined;
  readonly body: string;
  readonly isDelayed: boolean;
}

export class RoomView {
  state: 'out' | 'joining' | 'in' = 'out';
  nick = '';
  readonly people = new Map<string, Person>();
  subject: string | undefined;
  /** Since the client last joined, without history. */
  readonly messages: Heard[] = [];
  /** The history of the client's own join. */
  readonly history: Heard[] = [];
  /** Of the client's join. */
  joinId: string | undefined;
  /** Why the client is out; status codes, a condition, or `destroyed`. */
  end: readonly string[] = [];
  /** Until the history of the client's own join has ended, delayed messages are history. */
  #isEntering = false;
  readonly #messagesFirst: boolean;

  /** `messagesFirst`: the room sends history and subject before the self-presence, against §7.1. */
  constructor(messagesFirst = false) {
    this.#messagesFirst = messagesFirst;
  }

  /** The client has sent a join. */
  joins(nick: string, id: string): void {
    this.state = 'joining';
    this.nick = nick;
    this.joinId = id;
    this.#isEntering = true;
    this.people.clear();
    this.subject = undefined;
    this.messages.length = 0;
    this.history.length = 0;
  }

  /** The client has sent a leave, or knows that its server has done so. */
  leaves(): void {
    this.#out([]);
  }

  /** The client is sent a stanza by the room. */
  take(stanza: Element): void {
    if (this.state === 'out') return;
    const [, nick] = splitAddress(stanza.attrs.from);
    if (stanza.name === 'presence' && stanza.attrs.type === 'error') this.#refused(stanza);
    else if (stanza.name === 'presence' && nick !== '') this.#presence(stanza, nick);
    else if (stanza.name === 'message' && stanza.attrs.type === 'groupchat') this.#message(stanza, nick);
  }

  #presence(stanza: Element, nick: string): void {
    const x = stanza.getChild('x', NS.MUC_USER);
    if (x === undefined) return;
    const codes = x.getChildren('status').map(({ attrs }) => attrs.code ?? '');
    const isSelf = codes.includes('110');
    if (stanza.attrs.type === undefined) {
      this.people.set(nick, personIn(stanza, x));
      if (!isSelf) return;
      if (this.state === 'joining') {
        this.messages.length = 0; // Of an earlier stay.
        if (this.#messagesFirst) this.#isEntering = false;
      }
      this.state = 'in';
      this.nick = nick;
    } else if (stanza.attrs.type === 'unavailable') {
      const isOwn = isSelf || nick === this.nick;
      if (codes.includes('303') && isOwn) this.nick = x.getChild('item')?.attrs.nick ?? this.nick;
      // §7.1: what the room says before it has let the client in is about an earlier stay.
      else if (isOwn && this.state === 'in' && x.getChild('destroy')) this.#out(['destroyed']);
      else if (isSelf && this.state === 'in') this.#out(codes);
      this.people.delete(nick);
    }
  }

  /** §7.2.17; in the room, an error refuses a change. */
  #refused(stanza: Element): void {
    if (this.state === 'joining' && stanza.attrs.id === this.joinId)
      this.#out([StanzaError.from(stanza).condition]);
  }

  #message(stanza: Element, nick: string): void {
    const body = stanza.getChildText('body');
    const subject = stanza.getChildText('subject');
    if (body === undefined && subject !== undefined) {
      this.subject = subject;
      // §7.1: the subject of the join is behind the self-presence. One before it is from an earlier stay.
      if (this.state === 'in') this.#isEntering = false;
    } else if (body !== undefined) {
      const isDelayed = stanza.getChild('delay', NS.DELAY) !== undefined;
      const list = isDelayed && this.#isEntering ? this.history : this.messages;
      list.push({ nick, id: stanza.attrs.id, body, isDelayed });
    }
  }

  #out(end: readonly string[]): void {
    this.state = 'out';
    this.end = end;
    this.people.clear();
  }
}

function personIn(stanza: Element, x: Element): Person {
  const item = x.getChild('item')?.attrs;
  return {
    show: stanza.getChildText('show'),
    status: stanza.getChildText('status'),
    role: item?.role,
    affiliation: item?.affiliation,
  };
}
