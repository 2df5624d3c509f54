// A room service on another server. Each of its rooms has the same people, who stay; it knows which of our clients are in.

import type { Clock } from '../../src/util/clock.ts';
import { type Element, xml } from '../../src/xml/element.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { splitAddress } from '../../test/support/fake-rooms/replies.ts';
import { failure, info, presence, result } from '../../test/support/fake-rooms.ts';
import type { Harness, HarnessPeer } from '../../test/support/module-harness.ts';

/** As long as the server reads from one connection in one turn of the event loop. */
const TURN_MS = 1;

export class CrowdedService {
  readonly peer: HarnessPeer;
  readonly domain = 'rooms.capulet.lit';
  /** Of each room. */
  people: number;
  /** What people say about themselves: another number is another presence of each. */
  edition = 0;
  /** Called when all stanzas that answer a join have arrived. */
  onEntered: (full: string, room: string) => void = () => {};
  /** `CLIENT ROOM` of each client that is in. */
  readonly #inside = new Set<string>();
  readonly #arriving: (() => void)[] = [];
  readonly #harness: Harness<Clock>;

  constructor(harness: Harness<Clock>, people: number) {
    this.#harness = harness;
    this.people = people;
    this.peer = harness.peer(this.domain);
    this.peer.keeps = false;
    this.peer.onStanza = (stanza) => this.#take(stanza);
  }

  /** The service restarts: no client of ours is in a room any more, and the link breaks. */
  restart(): void {
    this.#inside.clear();
    this.peer.cut('reset');
  }

  /** A presence of one of the people, of about 600 bytes. */
  person(room: string, number: number, to: string): Element {
    const nick = `Person ${number} of many`;
    return xml(
      'presence',
      { from: `${room}/${nick}`, to },
      xml('show', {}, 'away'),
      xml('status', {}, `At work since ${number} o'clock, edition ${this.edition}`),
      xml('c', {
        xmlns: 'http://jabber.org/protocol/caps',
        hash: 'sha-1',
        node: 'https://client.example',
        ver: PHOTO,
      }),
      xml('x', 'vcard-temp:x:update', xml('photo', {}, PHOTO)),
      xml('occupant-id', { xmlns: NS.OCCUPANT_ID, id: `${PHOTO}${number}` }),
      xml('x', NS.MUC_USER, xml('item', { affiliation: 'member', role: 'participant' })),
    );
  }

  #take(stanza: Element): void {
    const { from = '', to } = stanza.attrs;
    const [room, nick] = splitAddress(to);
    const seat = `${from} ${room}`;
    if (stanza.getChild('ping', NS.PING))
      this.#say(() => (this.#inside.has(seat) ? result(stanza) : failure(stanza, 'not-acceptable')));
    else if (stanza.getChild('query', NS.DISCO_INFO)) this.#say(() => info(stanza, [NS.MUC, 'muc_open']));
    else if (stanza.getChild('x', NS.MUC)) {
      this.#inside.add(seat);
      this.#answerJoin(room, nick, from);
    }
  }

  /** XEP-0045 §7.1: people, the new occupant itself, the subject. */
  #answerJoin(room: string, nick: string, full: string): void {
    for (let i = 0; i < this.people; i++) this.#say(() => this.person(room, i, full));
    this.#say(() => presence(`${room}/${nick}`, full, ['110']));
    this.#say(() => xml('message', { type: 'groupchat', from: room, to: full }, xml('subject')));
    this.#say(() => {
      this.onEntered(full, room);
      return undefined;
    });
  }

  #say(stanza: () => Element | undefined): void {
    this.#arriving.push(() => {
      const made = stanza();
      if (made) this.#harness.server.router.route(made, this.peer.openIn());
    });
    if (this.#arriving.length === 1) this.#harness.clock.after(this.peer.roundTripMs, () => this.#arrive());
  }

  /** As from a connection: for a millisecond in each turn of the event loop. */
  #arrive(): void {
    const end = performance.now() + TURN_MS;
    let count = 0;
    while (count < this.#arriving.length && performance.now() < end) this.#arriving[count++]!();
    this.#arriving.splice(0, count);
    if (this.#arriving.length > 0) this.#harness.clock.after(0, () => this.#arrive());
  }
}

/** A hash, as capabilities and pictures have it. */
const PHOTO = 'b3f1a2c49d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a';
