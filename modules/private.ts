// XEP-0049 Private XML Storage: keeps data of clients that no other user can read, such as bookmarks.

import {
  defineModule,
  type Element,
  type Event,
  integer,
  Jid,
  keptText,
  type MapStore,
  type Module,
  NS,
  parseElement,
  StanzaError,
  size,
  xml,
} from 'enjamb/api';
import { booleanValue, refuseStrangers } from 'enjamb/xep';

declare module 'enjamb/api' {
  interface Events {
    /**
     * A user's bookmark of a room was added, changed or removed. `user`: its localpart; `room`: the bare JID; `autojoin`:
     * whether clients should be in the room, `undefined` if the bookmark was removed. Each change fires once.
     */
    'bookmark-change': Event<{
      readonly user: string;
      readonly room: string;
      readonly autojoin: boolean | undefined;
    }>;
  }
}

/** XEP-0048 §3.1. */
const BOOKMARKS = 'storage:bookmarks storage';

/** Keeps one element per name and namespace: for each user `private_max_elements`, of `private_max_size` in total. */
export default defineModule({
  name: 'private',
  summary: 'Stores settings and bookmarks of clients',
  implements: ['XEP-0049 1.2'],
  enabledOn: ['local'],
  options: {
    private_max_elements: integer('Most elements stored for a user', { default: 64, min: 1 }),
    private_max_size: size('Largest size of all elements of a user', { default: '256 KiB', min: 1 }),
  },

  load(module) {
    const { private_max_elements, private_max_size } = module.options;
    const kept = new PrivateElements(module, { elements: private_max_elements, bytes: private_max_size });
    const matching = { to: ['self'], name: 'query', xmlns: NS.PRIVATE } as const;
    module.provide('disco-feature', NS.PRIVATE);
    module.handleIq({ type: 'get', ...matching }, ({ payload, from }) => kept.get(from.local ?? '', payload));
    module.handleIq({ type: 'set', ...matching }, ({ payload, from }) => kept.set(from.local ?? '', payload));
    module.hook('iq/bare', (event) => refuseStrangers(event, NS.PRIVATE), 'guard');
  },
});

class PrivateElements {
  readonly #module: Module;
  readonly #store: MapStore<string>;
  /** Unreadable rows that have been logged, to log each once. Bounded by the number of damaged rows on disk. */
  readonly #reported = new Set<string>();
  readonly #limits: { readonly elements: number; readonly bytes: number };

  constructor(module: Module, limits: { elements: number; bytes: number }) {
    this.#module = module;
    this.#store = module.store.map('private');
    this.#limits = limits;
  }

  /** §2: the stored element, or the element of the request if there is none. @throws StanzaError bad-request */
  async get(user: string, query: Element): Promise<Element> {
    const [asked, ...others] = query.elements();
    if (asked === undefined || others.length > 0) throw new StanzaError('bad-request');
    const key = keyOf(asked);
    const found = await this.#store.get(user, key);
    const element = found === undefined ? undefined : this.#read(user, key, found);
    return xml('query', NS.PRIVATE, element ?? asked);
  }

  /** §2: each element replaces the one with its name and namespace. @throws StanzaError if the bounds are exceeded */
  async set(user: string, query: Element): Promise<undefined> {
    const changes = new Map(query.elements().map((element) => [keyOf(element), keptText(element)]));
    if (changes.size === 0) throw new StanzaError('not-acceptable');
    const bookmarks = query.elements().findLast((element) => keyOf(element) === BOOKMARKS);
    await this.#module.serial(user, async () => {
      const stored = new Map(await this.#store.entries(user));
      this.#assertFits(new Map([...stored, ...changes]));
      // The account may have been deleted meanwhile: the next owner of its name must not find these elements.
      if (!this.#module.host.users.has(user)) throw new StanzaError('item-not-found');
      await Promise.all([...changes].map(([key, text]) => this.#store.set(user, key, text)));
      if (bookmarks) this.#announce(user, stored.get(BOOKMARKS), bookmarks);
    });
    return undefined;
  }

  #announce(user: string, stored: string | undefined, now: Element): void {
    const before = stored === undefined ? undefined : this.#read(user, BOOKMARKS, stored);
    for (const [room, autojoin] of changedRooms(roomsIn(before), roomsIn(now)))
      this.#module.notify('bookmark-change', { user, room, autojoin });
  }

  #read(user: string, key: string, text: string): Element | undefined {
    try {
      return parseElement(text);
    } catch (error) {
      const row = `${user} ${key}`;
      const note = 'answered as if it did not exist; the client replaces it when it stores the element again';
      if (!this.#reported.has(row))
        this.#module.log.error('private element unreadable', { user, key, note, error });
      this.#reported.add(row);
      return undefined;
    }
  }

  #assertFits(all: ReadonlyMap<string, string>): void {
    let bytes = 0;
    for (const text of all.values()) bytes += Buffer.byteLength(text);
    if (all.size <= this.#limits.elements && bytes <= this.#limits.bytes) return;
    throw new StanzaError('resource-constraint', { type: 'cancel', text: 'Your private storage is full' });
  }
}

/** §2: "with a proper namespace". @throws StanzaError not-acceptable if the element has none */
function keyOf(element: Element): string {
  const xmlns = element.getNS();
  if (xmlns === undefined || xmlns === NS.PRIVATE) throw new StanzaError('not-acceptable');
  return `${xmlns} ${element.name}`;
}

/** The bookmarked rooms by bare JID, and whether clients should be in them (XEP-0048 §3.1). The first of a room counts. */
function roomsIn(storage: Element | undefined): Map<string, boolean> {
  const rooms = new Map<string, boolean>();
  for (const { attrs } of storage?.getChildren('conference') ?? []) {
    const room = Jid.tryParse(attrs.jid)?.bare;
    if (room !== undefined && !rooms.has(room)) rooms.set(room, booleanValue(attrs.autojoin ?? '') === true);
  }
  return rooms;
}

function changedRooms(
  before: ReadonlyMap<string, boolean>,
  now: ReadonlyMap<string, boolean>,
): [room: string, autojoin: boolean | undefined][] {
  const changed = [...now].filter(([room, autojoin]) => before.get(room) !== autojoin);
  const removed = [...before.keys()].filter((room) => !now.has(room));
  return [...changed, ...removed.map((room): [string, undefined] => [room, undefined])];
}
