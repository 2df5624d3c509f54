// A client of ours. It believes what XEP-0045 §7 says that presence and messages mean. It knows
// nothing of our server. Whatever it sees is judged when it is seen.

import { newId } from '../../../../src/util/ids.ts';
import { hasStatus } from '../../../../src/xep/muc.ts';
import type { Element } from '../../../../src/xml/element.ts';
import { NS } from '../../../../src/xml/namespaces.ts';
import { splitAddress } from '../../../support/fake-rooms/replies.ts';
import { RoomView } from '../../../support/fake-rooms/view.ts';
import type { HarnessClient } from '../../../support/module-harness.ts';

/** A groupchat message that the client has sent. */
export interface Written {
  readonly id: string;
  readonly body: string;
  readonly room: string;
  /** The room, or the server, has refused it. */
  isRefused: boolean;
  /** The client has left since: nobody has to tell it what became of the message. */
  isGivenUp: boolean;
}

export interface ClientWatch {
  /** Before the client takes note of a stanza. */
  sees(client: ClientModel, stanza: Element): void;
  now(): number;
  /** Runs a task when the stanza is done with. */
  later(task: () => void): void;
}

export class ClientModel {
  readonly session: HarnessClient;
  readonly written: Written[] = [];
  /** The ids of its own joins. */
  readonly joinIds = new Set<string>();
  /** When it last joined each room itself. */
  readonly joinedAt = new Map<string, number>();
  readonly #views = new Map<string, RoomView>();
  readonly #watch: ClientWatch;
  readonly #messagesFirst: boolean;

  /** `messagesFirst`: the order in which rooms answer a join; see {@link RoomView}. */
  constructor(session: HarnessClient, watch: ClientWatch, messagesFirst: boolean) {
    this.session = session;
    this.#watch = watch;
    this.#messagesFirst = messagesFirst;
    const commit = session.commit.bind(session);
    session.commit = (element, onTaken) => {
      const isTaken = commit(element, onTaken);
      if (isTaken) this.#take(session.inbox.pop()!);
      session.times.length = 0;
      return isTaken;
    };
  }

  get full(): string {
    return `${this.session.jid}`;
  }

  get account(): string {
    return this.session.jid.bare;
  }

  view(room: string): RoomView {
    const view = this.#views.get(room) ?? new RoomView(this.#messagesFirst);
    this.#views.set(room, view);
    return view;
  }

  joins(room: string, nick: string, history: string): void {
    const id = newId();
    this.joinIds.add(id);
    this.joinedAt.set(room, this.#watch.now());
    this.view(room).joins(nick, id);
    this.#giveUp(room);
    this.session.says(
      `<presence id='${id}' to='${room}/${nick}'><x xmlns='${NS.MUC}'>${history}</x></presence>`,
    );
  }

  leaves(room: string): void {
    const { nick } = this.view(room);
    this.view(room).leaves();
    this.#giveUp(room);
    const id = newId();
    this.session.says(`<presence type='unavailable' id='${id}' to='${room}/${nick}'/>`);
  }

  /** Presence to a room, under its nick or a new one. */
  updates(room: string, nick: string, children: string): void {
    this.session.says(`<presence id='${newId()}' to='${room}/${nick}'>${children}</presence>`);
  }

  writes(room: string, body: string): void {
    const id = newId();
    this.written.push({ id, body, room, isRefused: false, isGivenUp: false });
    this.session.says(`<message type='groupchat' id='${id}' to='${room}'><body>${body}</body></message>`);
  }

  pings(room: string): void {
    const to = `${room}/${this.view(room).nick}`;
    this.session.says(`<iq type='get' id='${newId()}' to='${to}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  }

  #take(stanza: Element): void {
    this.#watch.sees(this, stanza);
    const [room] = splitAddress(stanza.attrs.from);
    if (stanza.name === 'message' && stanza.attrs.type === 'error') this.#refused(stanza);
    const view = this.#views.get(room);
    const before = view?.state;
    view?.take(stanza);
    if (before === 'joining' && view?.state === 'in' && isNew(stanza))
      this.#watch.later(() => this.#opens(room));
    if (view?.state === 'out' && before !== 'out') this.#giveUp(room);
  }

  /** XEP-0045 §10.1.2. */
  #opens(room: string): void {
    this.session.says(
      `<iq type='set' id='${newId()}' to='${room}'><query xmlns='${NS.MUC_OWNER}'><x xmlns='${NS.DATA_FORMS}' type='submit'/></query></iq>`,
    );
  }

  #refused({ attrs: { id } }: Element): void {
    const written = this.written.find((message) => message.id === id);
    if (written) written.isRefused = true;
  }

  #giveUp(room: string): void {
    for (const written of this.written) if (written.room === room) written.isGivenUp = true;
  }
}

function isNew(presence: Element): boolean {
  const x = presence.getChild('x', NS.MUC_USER);
  return x !== undefined && hasStatus(x, '201');
}
