// The archive of a room (XEP-0313 §4, with the pages of XEP-0059).

import { readForm } from '../../../src/xep/form.ts';
import { type Element, xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { failure, result } from './replies.ts';
import type { Room, Spoken } from './room.ts';

/** The fields of the form that are known (§4.1). */
const FIELDS = new Set(['FORM_TYPE', 'start', 'end']);

export class Archive {
  readonly #room: Room;
  readonly #messages: Spoken[] = [];
  /** Never ends: each page after the last message is full of new ones. */
  isEndless = false;

  constructor(room: Room) {
    this.#room = room;
  }

  get messages(): readonly Spoken[] {
    return this.#messages;
  }

  add(spoken: Spoken): void {
    this.#messages.push(spoken);
    if (this.#messages.length > this.#room.service.behaviour.archiveCapacity) this.#messages.shift();
  }

  /** The same messages under other ids, as after an import or in a new database. */
  renewIds(): void {
    for (const spoken of this.#messages) spoken.stanzaId = this.#room.service.newId();
  }

  /** Answers a query: first the results, then the iq. */
  answer(query: Element): void {
    const { behaviour } = this.#room.service;
    if (behaviour.archive === 'silent') return;
    this.#room.service.later(behaviour.archiveDelayMs, () => {
      for (const stanza of this.#answer(query)) this.#room.send(stanza);
    });
  }

  #answer(iq: Element): Element[] {
    const { archive } = this.#room.service.behaviour;
    if (archive === 'fails') return [failure(iq, 'internal-server-error', { type: 'wait' })];
    if (archive === 'forbidden' || !this.#mayRead(iq)) return [failure(iq, 'forbidden')];
    if (archive !== 'works') return [failure(iq, 'service-unavailable')];
    const query = iq.getChild('query', NS.MAM)!;
    const form = query.getChild('x', NS.DATA_FORMS);
    const fields = form ? readForm(form) : new Map<string, string[]>();
    for (const name of fields.keys()) if (!FIELDS.has(name)) return [failure(iq, 'feature-not-implemented')];
    const page = this.#page(query.getChild('set', NS.RSM), bounds(fields));
    if (page === undefined) return [failure(iq, 'item-not-found')];
    const { messages, isComplete } = page;
    const results = messages.map((spoken) => this.#result(spoken, iq, query.attrs.queryid));
    return [...results, result(iq, fin(messages, isComplete, this.#messages.length))];
  }

  /** Whoever may enter may read. */
  #mayRead({ attrs: { from = '' } }: Element): boolean {
    const affiliation = this.#room.affiliation(from.split('/')[0]!);
    const isOpen = !this.#room.config.membersOnly && this.#room.config.password === undefined;
    if (affiliation === 'outcast') return false;
    return isOpen || affiliation !== 'none' || this.#room.occupants.of(from) !== undefined;
  }

  /** `undefined`: the id of the page is not known (XEP-0059 §2.2). */
  #page(set: Element | undefined, within: (spoken: Spoken) => boolean) {
    const limit = this.#room.service.behaviour.archivePageLimit;
    const max = Math.min(limit, Number(set?.getChildText('max') ?? limit));
    const [after, before] = [set?.getChildText('after'), set?.getChildText('before')];
    if (this.isEndless) return { messages: this.#invented(max), isComplete: false };
    const place = (id: string) => this.#messages.findIndex(({ stanzaId }) => stanzaId === id);
    const [first, end] = [after ? place(after) : -1, before ? place(before) : this.#messages.length];
    if ((after && first < 0) || (before && end < 0)) return undefined;
    const found = this.#messages.slice(first + 1, end).filter(within);
    const messages =
      before === undefined ? found.slice(0, max) : found.slice(Math.max(0, found.length - max));
    return { messages, isComplete: messages.length === found.length };
  }

  #invented(count: number): Spoken[] {
    return Array.from({ length: count }, () => {
      const stanzaId = this.#room.service.newId();
      const body = `invented ${stanzaId}`;
      const children = [xml('body', {}, body)];
      return {
        stanzaId,
        nick: 'nobody',
        id: stanzaId,
        body,
        at: this.#room.now(),
        children,
        occupantId: undefined,
      };
    });
  }

  #result(spoken: Spoken, { attrs: { from } }: Element, queryid: string | undefined): Element {
    const { jid } = this.#room;
    const item = xml('item', { affiliation: 'none', role: 'participant' });
    const kept = xml('message', {
      xmlns: NS.CLIENT,
      type: 'groupchat',
      from: `${jid}/${spoken.nick}`,
      id: spoken.id,
    }).withChildren([
      ...spoken.children,
      ...(spoken.occupantId === undefined
        ? []
        : [xml('occupant-id', { xmlns: NS.OCCUPANT_ID, id: spoken.occupantId })]),
      xml('x', NS.MUC_USER, item),
    ]);
    const delay = xml('delay', { xmlns: NS.DELAY, stamp: this.#room.stamp(spoken.at) });
    const forwarded = xml('forwarded', NS.FORWARD, delay, kept);
    return xml(
      'message',
      { from: jid, to: from },
      xml('result', { xmlns: NS.MAM, queryid, id: spoken.stanzaId }, forwarded),
    );
  }
}

/** §4.1.2: both inclusive. */
function bounds(fields: ReadonlyMap<string, readonly string[]>): (spoken: Spoken) => boolean {
  const at = (name: string, otherwise: number) => {
    const text = fields.get(name)?.[0];
    return text === undefined ? otherwise : Date.parse(text);
  };
  const [start, end] = [at('start', 0), at('end', Number.POSITIVE_INFINITY)];
  return (spoken) => spoken.at >= start && spoken.at <= end;
}

/** §4.3.2. */
function fin(messages: readonly Spoken[], isComplete: boolean, count: number): Element {
  const [first, last] = [messages[0], messages.at(-1)];
  return xml(
    'fin',
    { xmlns: NS.MAM, complete: isComplete ? 'true' : undefined },
    xml(
      'set',
      NS.RSM,
      first && xml('first', {}, first.stanzaId),
      last && xml('last', {}, last.stanzaId),
      xml('count', {}, String(count)),
    ),
  );
}
