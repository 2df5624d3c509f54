// A room service on another server that knows who is in, and not much more; its answers can be replaced one by one. A
// service with people, history and an archive: fake-rooms/service.ts.

import type { Clock } from '../../src/util/clock.ts';
import { type Element, xml } from '../../src/xml/element.ts';
import { errorReply, StanzaError } from '../../src/xml/errors.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { failure, result, splitAddress } from './fake-rooms/replies.ts';
import type { Harness, HarnessPeer } from './module-harness.ts';

export { failure, result };

/** Answers a stanza: a reply, or nothing at all. */
export type Script = (stanza: Element) => Element | undefined;

export class FakeRooms {
  readonly peer: HarnessPeer;
  readonly domain: string;
  /** The occupants of each room: full JID → nick. */
  readonly rooms = new Map<string, Map<string, string>>();
  /** Overrides what is answered to self-pings, disco#info and presence probes. */
  onPing: Script | undefined;
  onInfo: Script | undefined;
  onProbe: Script | undefined;
  /** Overrides what is done with joins: the nick given, or an error. */
  onJoin: ((nick: string) => string | StanzaError) | undefined;
  /** Whether nicknames changes are answered. */
  answersNickChanges = true;
  /** Whether presence from somebody who is not in is answered with an error: updates everywhere, leaves at some. */
  refusesStrangers = false;

  constructor(harness: Harness<Clock>, domain = 'rooms.capulet.lit') {
    this.domain = domain;
    this.peer = harness.peer(domain);
    this.peer.onStanza = (stanza) => this.#take(stanza);
  }

  /** Self-pings that arrived. */
  get pings(): Element[] {
    return this.peer.received.filter((stanza) => stanza.getChild('ping', NS.PING) !== undefined);
  }

  get infos(): Element[] {
    return this.peer.received.filter((stanza) => stanza.getChild('query', NS.DISCO_INFO) !== undefined);
  }

  get probes(): Element[] {
    return this.peer.received.filter(({ attrs }) => attrs.type === 'probe');
  }

  get leaves(): Element[] {
    return this.peer.received.filter(
      ({ name, attrs }) => name === 'presence' && attrs.type === 'unavailable',
    );
  }

  /** Forgets who is in, as a restart does; a room that is `gone` exists no longer. */
  forget(options: { gone?: boolean } = {}): void {
    if (options.gone) this.rooms.clear();
    for (const occupants of this.rooms.values()) occupants.clear();
  }

  /** Somebody says something: everybody in the room hears it. */
  chat(room: string, nick: string, body = 'hello'): void {
    for (const full of this.rooms.get(room)?.keys() ?? []) {
      this.peer.says(
        xml('message', { type: 'groupchat', from: `${room}/${nick}`, to: full }, xml('body', {}, body)),
      );
    }
  }

  /** The room gives somebody another nick. */
  rename(room: string, full: string, nick: string): void {
    const occupants = this.rooms.get(room)!;
    const old = occupants.get(full)!;
    occupants.set(full, nick);
    this.peer.says(presence(`${room}/${old}`, full, ['303', '110'], { type: 'unavailable', newNick: nick }));
    this.peer.says(presence(`${room}/${nick}`, full, ['110']));
  }

  /** Passes a ping on to other sessions, as rooms without XEP-0410 §3.3 do; the first result is the answer. */
  relay(stanza: Element, to: readonly string[]): void {
    for (const full of to) {
      const id = `relayed ${stanza.attrs.id}`;
      this.peer.says(xml('iq', { type: 'get', id, from: stanza.attrs.to, to: full }, xml('ping', NS.PING)));
    }
    this.#relayed.set(`relayed ${stanza.attrs.id}`, stanza);
  }
  readonly #relayed = new Map<string, Element>();

  /** What a service of the better kind answers (XEP-0410 §3.3, with `item-not-found` where there is no room). */
  answerPing(stanza: Element): Element | undefined {
    const [room, nick] = splitAddress(stanza.attrs.to);
    const occupants = this.rooms.get(room);
    if (!occupants) return failure(stanza, 'item-not-found', { by: this.domain });
    const own = occupants.get(stanza.attrs.from ?? '');
    if (own === undefined) return failure(stanza, 'not-acceptable', { type: 'cancel', by: room });
    if (own !== nick) return failure(stanza, 'item-not-found', { by: room });
    return result(stanza);
  }

  #take(stanza: Element): void {
    if (stanza.name === 'presence') this.#presence(stanza);
    else if (stanza.name === 'message') this.#message(stanza);
    else this.#iq(stanza);
  }

  #iq(stanza: Element): void {
    const original = this.#relayed.get(stanza.attrs.id ?? '');
    if (original) {
      this.#relayed.delete(stanza.attrs.id ?? '');
      this.peer.says(result(original));
    } else if (stanza.getChild('ping', NS.PING)) {
      this.#say((this.onPing ?? ((ping) => this.answerPing(ping)))(stanza));
    } else if (stanza.getChild('query', NS.DISCO_INFO)) {
      this.#say((this.onInfo ?? ((query) => this.#info(query)))(stanza));
    }
  }

  #info(query: Element): Element | undefined {
    const to = query.attrs.to ?? '';
    if (to !== this.domain && !this.rooms.has(to))
      return failure(query, 'item-not-found', { by: this.domain });
    return info(query, [NS.MUC]);
  }

  #presence(stanza: Element): void {
    const [room, nick] = splitAddress(stanza.attrs.to);
    const full = stanza.attrs.from ?? '';
    if (stanza.attrs.type === 'probe') this.#say(this.onProbe?.(stanza));
    else if (stanza.attrs.type === undefined && stanza.getChild('x', NS.MUC))
      this.#join(stanza, room, nick, full);
    else if (!this.rooms.get(room)?.has(full)) this.#stranger(stanza, room);
    else if (stanza.attrs.type === 'unavailable') this.#leave(room, full);
    else this.#changeNick(room, nick, full);
  }

  #join(stanza: Element, room: string, nick: string, full: string): void {
    const given = this.onJoin?.(nick) ?? nick;
    if (given instanceof StanzaError) {
      this.#say(errorReply(stanza, given));
      return;
    }
    const occupants = this.rooms.get(room) ?? new Map<string, string>();
    this.rooms.set(room, occupants.set(full, given));
    this.peer.says(presence(`${room}/${given}`, full, given === nick ? ['110'] : ['110', '210']));
    this.peer.says(xml('message', { type: 'groupchat', from: room, to: full }, xml('subject')));
  }

  #stranger(stanza: Element, room: string): void {
    const condition = this.rooms.has(room) ? 'not-acceptable' : 'item-not-found';
    if (this.refusesStrangers) this.#say(failure(stanza, condition));
  }

  #leave(room: string, full: string): void {
    const nick = this.rooms.get(room)?.get(full);
    if (nick === undefined) return;
    this.rooms.get(room)?.delete(full);
    this.peer.says(presence(`${room}/${nick}`, full, ['110'], { type: 'unavailable' }));
  }

  #changeNick(room: string, nick: string, full: string): void {
    const old = this.rooms.get(room)?.get(full);
    if (old === nick) {
      this.peer.says(presence(`${room}/${nick}`, full, ['110']));
    } else if (this.answersNickChanges) this.rename(room, full, nick);
    else this.rooms.get(room)?.set(full, nick);
  }

  #message(stanza: Element): void {
    const [room] = splitAddress(stanza.attrs.to);
    const nick = this.rooms.get(room)?.get(stanza.attrs.from ?? '');
    if (nick === undefined) this.#say(failure(stanza, 'not-acceptable', { type: 'modify', by: room }));
    else this.chat(room, nick, stanza.getChildText('body') ?? '');
  }

  #say(stanza: Element | undefined): void {
    if (stanza) this.peer.says(stanza);
  }
}

export function info(
  query: Element,
  features: string[],
  identity = { category: 'conference', type: 'text' },
) {
  const children = features.map((feature) => xml('feature', { var: feature }));
  return result(query, xml('query', NS.DISCO_INFO, xml('identity', identity), ...children));
}

/** Presence as rooms send it. */
export function presence(
  from: string,
  to: string,
  codes: string[],
  { type, newNick }: { type?: string; newNick?: string } = {},
): Element {
  const item = xml('item', { affiliation: 'none', role: type ? 'none' : 'participant', nick: newNick });
  return xml(
    'presence',
    { type, from, to },
    xml('x', NS.MUC_USER, item, ...codes.map((code) => xml('status', { code }))),
  );
}
