// The requests of clients: reads and changes the list (XEP-0191 §3.2 to §3.5).

import {
  type Element,
  type IqRequest,
  Jid,
  type Module,
  NS,
  newId,
  StanzaError,
  share,
  xml,
} from 'enjamb/api';
import { type BlockList, type BlockLists, bytesOf, type Change } from './lists.ts';

export class Requests {
  readonly #module: Module;
  readonly #lists: BlockLists;
  readonly #onChange: (change: Change) => number;

  /** @param onChange called after the client has its answer; returns the number of stanzas that it has sent */
  constructor(module: Module, lists: BlockLists, onChange: (change: Change) => number) {
    this.#module = module;
    this.#lists = lists;
    this.#onChange = onChange;
  }

  /** §3.2. The client gets pushes from now on. */
  async get({ from, origin }: IqRequest): Promise<Element> {
    const list = await this.#lists.get(from.local ?? '');
    if (origin.kind === 'c2s') {
      origin.charge(bytesOf(list));
      origin.state.blocklistRequested = true;
    }
    return xml('blocklist', NS.BLOCKING, ...list.map(itemOf));
  }

  /** §3.3. @throws StanzaError 'bad-request' without an address, 'jid-malformed' */
  block(request: IqRequest): Promise<void> {
    const jids = jidsIn(request.payload);
    return this.#change(request, jids, (list) => [...new Set([...list, ...jids])]);
  }

  /** §3.4, §3.5. @throws StanzaError 'bad-request' for an item without an address, 'jid-malformed' */
  unblock(request: IqRequest): Promise<void> {
    if (request.payload.elements().length === 0) return this.#change(request, [], () => []);
    const jids = new Set(jidsIn(request.payload));
    return this.#change(request, [...jids], (list) => list.filter((jid) => !jids.has(jid)));
  }

  /** Resolves when the list is stored. The pushes follow the answer, and the presence follows the pushes. */
  #change(request: IqRequest, jids: readonly string[], edit: (list: BlockList) => BlockList): Promise<void> {
    const { from, origin, payload } = request;
    const user = from.local ?? '';
    const changed = this.#lists.change(user, edit);
    const stored = changed.then(() => {});
    const announce = (change: Change) => {
      this.#push(user, xml(payload.name, NS.BLOCKING, ...jids.map(itemOf)));
      const stanzas = this.#onChange(change);
      if (origin.kind === 'c2s') origin.charge(change.bytes + stanzas * BYTES_PER_STANZA);
    };
    // The answer is a reaction to `stored` that the router adds when this function has returned. This one comes after it.
    queueMicrotask(() =>
      this.#module.spawn(
        stored.then(
          () => changed.then(announce),
          () => {},
        ),
      ),
    );
    return stored;
  }

  /** "The server MUST also send an IQ-set to all of the user's resources that have requested the blocklist." */
  #push(user: string, content: Element): void {
    const push = share(xml('iq', { type: 'set' }, content));
    for (const session of this.#module.host.sessions.of(user)) {
      if (session.state.blocklistRequested)
        session.send(push.with({ id: newId(), to: session.jid.toString() }));
    }
  }
}

/** What a stanza that a change causes costs its account. */
const BYTES_PER_STANZA = 128;

function itemOf(jid: string): Element {
  return xml('item', { jid });
}

/** The prepared addresses of the items, each once. */
function jidsIn(payload: Element): readonly string[] {
  const items = payload.getChildren('item');
  if (items.length === 0) throw new StanzaError('bad-request', { text: 'Name at least one address' });
  return [...new Set(items.map(({ attrs: { jid } }) => prepared(jid)))];
}

function prepared(jid: string | undefined): string {
  if (jid === undefined) throw new StanzaError('bad-request', { text: 'An item has no address' });
  return Jid.parse(jid).toString();
}
