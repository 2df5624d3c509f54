// A client of the other server. It talks to the rooms without a link, so it sees everything, in the tick in which it happens.

import { type Element, xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { splitAddress } from './replies.ts';
import type { RoomService } from './service.ts';
import { RoomView } from './view.ts';

export class Resident {
  readonly full: string;
  readonly #service: RoomService;
  readonly #views = new Map<string, RoomView>();
  /** Everything that the client was sent, while `keeps` is set. */
  readonly inbox: Element[] = [];
  keeps = false;

  constructor(service: RoomService, full: string) {
    this.full = full;
    this.#service = service;
    service.residents.set(full, this);
  }

  /** What it takes to be true of this room. */
  view(room: string): RoomView {
    const view = this.#views.get(room) ?? new RoomView(this.#service.behaviour.messagesFirst);
    this.#views.set(room, view);
    return view;
  }

  take(stanza: Element): void {
    if (this.keeps) this.inbox.push(stanza);
    const [room] = splitAddress(stanza.attrs.from);
    this.#views.get(room)?.take(stanza);
  }

  /** What it has been sent since this was last asked. */
  heard(): Element[] {
    return this.inbox.splice(0);
  }

  sends(stanza: Element): void {
    this.#service.take(stanza.with({ from: this.full }));
  }

  join(room: string, nick: string, children: readonly Element[] = []): void {
    const id = this.#service.newId();
    this.view(room).joins(nick, id);
    this.sends(xml('presence', { id, to: `${room}/${nick}` }, ...children, xml('x', NS.MUC)));
  }

  leave(room: string): void {
    this.sends(xml('presence', { type: 'unavailable', to: `${room}/${this.view(room).nick}` }));
    this.view(room).leaves();
  }

  /** A new nick, or other presence under the old one. */
  presence(room: string, children: readonly Element[] = [], nick = this.view(room).nick): void {
    this.sends(xml('presence', { to: `${room}/${nick}` }, ...children));
  }

  say(room: string, body: string, id = this.#service.newId()): void {
    this.sends(xml('message', { type: 'groupchat', id, to: room }, xml('body', {}, body)));
  }

  subject(room: string, text: string): void {
    this.sends(
      xml('message', { type: 'groupchat', id: this.#service.newId(), to: room }, xml('subject', {}, text)),
    );
  }
}
