// One room of the fake service: its state, and what it tells whom.
//
//   entering.ts  §7.2     requests.ts  iqs     moderation.ts  §8–10     archive.ts  XEP-0313

import { formatDateTime } from '../../../src/xep/date-time.ts';
import { delayBy } from '../../../src/xep/stamps.ts';
import { Element, type Node, xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { Archive } from './archive.ts';
import { type Affiliation, type Occupant, Occupants, type Role, shownPresence } from './occupants.ts';
import type { RoomService } from './service.ts';

export interface RoomConfig {
  name: string;
  persistent: boolean;
  hidden: boolean;
  membersOnly: boolean;
  moderated: boolean;
  nonAnonymous: boolean;
  logging: boolean;
  password: string | undefined;
  maxUsers: number;
}

/** A groupchat message as the room has sent it. */
export interface Spoken {
  /** XEP-0359. Unique in the service, until ids are made anew. */
  stanzaId: string;
  readonly nick: string;
  readonly id: string | undefined;
  readonly body: string | undefined;
  readonly at: number;
  /** Without `stanza-id` and `occupant-id`. */
  readonly children: readonly Node[];
  readonly occupantId: string | undefined;
}

/** What a presence of the room says besides who it is about. */
export interface Shown {
  readonly type?: 'unavailable';
  /** Told to all. */
  readonly codes?: readonly string[];
  /** Told to the clients that the presence is about. */
  readonly selfCodes?: readonly string[];
  readonly newNick?: string;
  readonly reason?: string;
  readonly actor?: string;
  /** The client that is gone. */
  readonly jid?: string;
}

export class Room {
  readonly jid: string;
  readonly service: RoomService;
  readonly config: RoomConfig;
  readonly occupants = new Occupants();
  /** By bare JID. */
  readonly affiliations = new Map<string, Affiliation>();
  /** The last messages, for new occupants. */
  readonly history: Spoken[] = [];
  readonly archive: Archive;
  subject: { readonly text: string; readonly nick: string; readonly at: number } | undefined;
  /** Only its owner can enter (§10.1.1). */
  isLocked = false;

  constructor(service: RoomService, jid: string, config: Partial<RoomConfig> = {}) {
    this.service = service;
    this.jid = jid;
    this.archive = new Archive(this);
    const defaults = {
      hidden: false,
      membersOnly: false,
      moderated: false,
      nonAnonymous: false,
      logging: false,
    };
    this.config = {
      name: jid.split('@')[0] ?? '',
      persistent: true,
      password: undefined,
      maxUsers: Number.POSITIVE_INFINITY,
      ...defaults,
      ...config,
    };
  }

  now(): number {
    return this.service.now() + this.service.behaviour.clockSkewMs;
  }

  affiliation(account: string): Affiliation {
    return this.affiliations.get(account) ?? 'none';
  }

  /** §5.1.2. */
  roleFor(affiliation: Affiliation): Role {
    if (affiliation === 'owner' || affiliation === 'admin') return 'moderator';
    return affiliation === 'member' || !this.config.moderated ? 'participant' : 'visitor';
  }

  /** Tells all clients about an occupant, its own clients last (§7.1). */
  show(occupant: Occupant, shown: Shown = {}): void {
    const own: string[] = [];
    for (const [full] of this.occupants.everybody()) {
      if (occupant.clients.has(full)) own.push(full);
      else this.showTo(full, occupant, shown);
    }
    for (const full of own) this.showTo(full, occupant, shown);
  }

  /** Tells one client about an occupant. `isSelf`: it is, or was a moment ago, that occupant. */
  showTo(
    full: string,
    occupant: Occupant,
    shown: Shown = {},
    isSelf = occupant.clients.has(full),
    id?: string,
  ): void {
    if (!isSelf && this.isCrowded) return;
    const codes = [...(shown.codes ?? []), ...(isSelf ? (shown.selfCodes ?? []) : [])];
    if (isSelf && this.service.behaviour.marksSelf) codes.unshift('110');
    const children = shown.type === 'unavailable' ? [] : shownPresence(occupant);
    this.send(
      xml(
        'presence',
        { from: `${this.jid}/${occupant.nick}`, to: full, type: shown.type, id },
        ...children,
        this.service.behaviour.occupantIds
          ? xml('occupant-id', { xmlns: NS.OCCUPANT_ID, id: occupant.id })
          : undefined,
        xml(
          'x',
          NS.MUC_USER,
          this.#item(full, occupant, shown),
          ...codes.map((code) => xml('status', { code })),
        ),
      ),
    );
  }

  /** Whether only oneself is shown. */
  get isCrowded(): boolean {
    return this.occupants.clients > this.service.behaviour.crowdLimit;
  }

  #item(
    viewer: string,
    occupant: Occupant,
    { type, newNick, reason, actor, jid = occupant.clients.keys().next().value }: Shown,
  ): Element {
    const isGone = type === 'unavailable' && newNick === undefined;
    const seesJid = this.config.nonAnonymous || this.occupants.of(viewer)?.role === 'moderator';
    return xml(
      'item',
      {
        affiliation: this.affiliation(occupant.account),
        role: isGone ? 'none' : occupant.role,
        jid: seesJid ? jid : undefined,
        nick: newNick,
      },
      actor === undefined ? undefined : xml('actor', { nick: actor }),
      reason === undefined ? undefined : xml('reason', {}, reason),
    );
  }

  /** A client leaves, or is removed: it is told, then the others. */
  remove(full: string, how: Shown = {}, isTold = true): void {
    const shown = { ...how, jid: full };
    const occupant = this.occupants.remove(full);
    if (occupant === undefined) return;
    if (isTold) this.showTo(full, occupant, { ...shown, type: 'unavailable' }, true);
    // Other clients under the nick: the room shows the presence of one of those.
    if (occupant.clients.size > 0) this.show(occupant);
    else
      for (const [other] of this.occupants.everybody())
        this.showTo(other, occupant, { ...shown, type: 'unavailable' });
    this.service.closeIfEmpty(this);
  }

  /** All clients of an occupant are removed by a person or a rule (§8.2, §9.1). */
  expel(nick: string, shown: Shown): void {
    const occupant = this.occupants.named(nick);
    if (occupant === undefined) return;
    const clients = [...occupant.clients.keys()];
    for (const full of clients) {
      this.occupants.remove(full);
      this.service.expelled(this, full);
    }
    const gone: Shown = { ...shown, type: 'unavailable' };
    for (const full of clients) this.showTo(full, occupant, { ...gone, jid: full }, true);
    for (const [other] of this.occupants.everybody())
      this.showTo(other, occupant, clients[0] === undefined ? gone : { ...gone, jid: clients[0] });
    this.service.closeIfEmpty(this);
  }

  /** §7.6. A client that shares its nick becomes an occupant of its own; its siblings stay. */
  changeNick(full: string, wanted: string, presence: readonly Node[], isForced = false): void {
    const occupant = this.occupants.of(full)!;
    const nick = this.service.behaviour.assignNick(wanted);
    const selfCodes = nick === wanted && !isForced ? [] : ['210'];
    const goes = { type: 'unavailable', newNick: nick, codes: ['303'] } as const;
    const [isAlone, sibling] = [occupant.clients.size === 1, this.occupants.named(nick)];
    if (isAlone) this.show(occupant, goes);
    else this.showTo(full, occupant, goes, true);
    this.occupants.remove(full);
    const moved =
      sibling ?? (isAlone ? Object.assign(occupant, { nick }) : { ...occupant, nick, clients: new Map() });
    this.occupants.seat(moved, full, presence);
    if (!isAlone) this.show(occupant);
    this.show(moved, { selfCodes });
  }

  /** Sends a groupchat message to all, and keeps it. Messages without a body are not kept (§7.2.13). */
  say(from: Occupant, message: Element): Spoken {
    const stamps = (child: Node) =>
      !(child instanceof Element) ||
      !(child.is('stanza-id', NS.STANZA_ID) || child.is('occupant-id', NS.OCCUPANT_ID));
    const spoken: Spoken = {
      stanzaId: this.service.newId(),
      nick: from.nick,
      id: message.attrs.id,
      body: message.getChildText('body'),
      at: this.now(),
      children: message.children.filter(stamps),
      occupantId: this.service.behaviour.occupantIds ? from.id : undefined,
    };
    const live = this.stamped(spoken);
    for (const [full] of this.occupants.everybody()) this.send(live.with({ to: full }));
    if (spoken.body !== undefined) {
      this.archive.add(spoken);
      this.history.push(spoken);
      if (this.history.length > this.service.behaviour.historyLimit) this.history.shift();
    }
    this.service.onSpoken(this, spoken);
    return spoken;
  }

  /** A kept message, as it was sent. */
  stamped({ nick, id, children, stanzaId, occupantId }: Spoken): Element {
    const stamps = [
      this.service.behaviour.archive === 'none'
        ? undefined
        : xml('stanza-id', { xmlns: NS.STANZA_ID, by: this.jid, id: stanzaId }),
      occupantId === undefined ? undefined : xml('occupant-id', { xmlns: NS.OCCUPANT_ID, id: occupantId }),
    ].filter((stamp) => stamp !== undefined);
    const message = xml('message', { type: 'groupchat', from: `${this.jid}/${nick}`, id });
    return message.withChildren([...children, ...stamps]);
  }

  /** §8.1. */
  changeSubject(from: Occupant, text: string, id?: string): void {
    this.subject = { text, nick: from.nick, at: this.now() };
    for (const [full] of this.occupants.everybody())
      this.send(
        xml(
          'message',
          { type: 'groupchat', from: `${this.jid}/${from.nick}`, to: full, id },
          xml('subject', {}, text),
        ),
      );
  }

  /** §7.2.15. */
  sendSubject(full: string): void {
    const { subject } = this;
    this.send(
      xml(
        'message',
        { type: 'groupchat', from: subject ? `${this.jid}/${subject.nick}` : this.jid, to: full },
        xml('subject', {}, subject?.text ?? ''),
        subject ? delayBy(this.jid, subject.at) : undefined,
      ),
    );
  }

  /** A message of the room itself, with status codes (§10.2.1) or items (§10.6). */
  notify(type: 'groupchat' | undefined, ...children: Element[]): void {
    for (const [full] of this.occupants.everybody())
      this.send(xml('message', { type, from: this.jid, to: full }, xml('x', NS.MUC_USER, ...children)));
  }

  send(stanza: Element): void {
    this.service.deliver(stanza);
  }

  stamp(at: number): string {
    return formatDateTime(at);
  }
}
