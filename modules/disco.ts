// XEP-0030 Service Discovery: the identities, features and items of the domain and of accounts.

import {
  defineModule,
  Element,
  type ElementLike,
  type Event,
  type IqRequest,
  type Items,
  type Jid,
  type Module,
  NS,
  StanzaError,
  xml,
} from 'enjamb/api';

type DiscoItem = Items['disco-item'];

declare module 'enjamb/api' {
  interface Items {
    /** A form added to the domain's information (XEP-0128). `first`: some clients read the first form only. */
    'disco-form': { readonly form: ElementLike; readonly first?: true };
    /** A feature of every account on this host, for users that may see its presence. */
    'disco-account-feature': string;
    'disco-account-identity': Items['disco-identity'];
    /** Returns the items of an account that `asker` may see. */
    'disco-account-items': (owner: string, asker: Jid) => readonly DiscoItem[];
  }

  interface Events {
    /** Returns the children of a node's information (§3.2). */
    'disco-info-node': Event<{ readonly request: IqRequest; readonly node: string }, readonly ElementLike[]>;
    /** Returns the items of a node (§4.2). */
    'disco-items-node': Event<{ readonly request: IqRequest; readonly node: string }, readonly DiscoItem[]>;
  }
}

/**
 * Answers for the domain with the identities, features and items of all modules. Answers for an account only to users
 * that may see its presence; to others an existing account looks like an unknown one (§8).
 */
export default defineModule({
  name: 'disco',
  summary: 'Announces the features and services of this server (XEP-0030)',
  implements: ['XEP-0030 2.5.0', 'XEP-0128 1.0.1'],
  scope: 'host',
  enabledOn: ['local', 'component'],

  load(module) {
    module.provide('disco-feature', NS.DISCO_INFO);
    module.provide('disco-feature', NS.DISCO_ITEMS);
    module.handleIq({ type: 'get', to: ['host'], name: 'query', xmlns: NS.DISCO_INFO }, (request) =>
      info(request, nodeInfo(module, request) ?? hostInfo(module)),
    );
    module.handleIq({ type: 'get', to: ['host'], name: 'query', xmlns: NS.DISCO_ITEMS }, (request) =>
      items(request, nodeItems(module, request) ?? module.items('disco-item')),
    );
    if (module.host.kind === 'local') answerForAccounts(module);
  },
});

function answerForAccounts(module: Module): void {
  module.provide('disco-identity', { category: 'server', type: 'im', name: 'enjamb' });
  module.provide('disco-account-identity', { category: 'account', type: 'registered' });
  module.provide('disco-account-feature', NS.DISCO_INFO);
  module.provide('disco-account-feature', NS.DISCO_ITEMS);
  module.handleIq({ type: 'get', to: ['bare'], name: 'query', xmlns: NS.DISCO_INFO }, (request) => {
    if (!maySee(module, request)) throw new StanzaError('service-unavailable');
    return info(request, nodeInfo(module, request) ?? accountInfo(module));
  });
  module.handleIq({ type: 'get', to: ['bare'], name: 'query', xmlns: NS.DISCO_ITEMS }, (request) => {
    if (!maySee(module, request)) return items(request, []);
    return items(request, nodeItems(module, request) ?? accountItems(module, request));
  });
  module.hook('iq/bare', ({ stanza, to }) => {
    if (stanza.attrs.type !== 'get' || module.host.users.has(to.local ?? '')) return;
    const query = stanza.getChild('query', NS.DISCO_ITEMS);
    if (!query) return;
    // §8: an unknown account has an empty list of items, like one that the sender may not see.
    module.send(
      xml(
        'iq',
        { type: 'result', id: stanza.attrs.id, from: stanza.attrs.to, to: stanza.attrs.from },
        echo(query),
      ),
    );
    return 'handled';
  });
}

/** §8: whether the sender is the owner, or may see the presence of the account. */
function maySee(module: Module, { from, to }: IqRequest): boolean {
  if (from.bare === to.bare) return true;
  return module.fire('roster-may-see-presence', { user: to.local ?? '', contact: from.bare }) ?? false;
}

function hostInfo(module: Module): ElementLike[] {
  return [
    ...module.items('disco-identity').map(identity),
    ...features(module.items('disco-feature')),
    ...forms(module),
  ];
}

function accountInfo(module: Module): Element[] {
  return [
    ...module.items('disco-account-identity').map(identity),
    ...features(module.items('disco-account-feature')),
  ];
}

function accountItems(module: Module, { from, to }: IqRequest): DiscoItem[] {
  return module.items('disco-account-items').flatMap((list) => list(to.local ?? '', from));
}

/** Returns `undefined` if the request has no node. @throws StanzaError 'item-not-found' for an unknown node */
function nodeInfo(module: Module, request: IqRequest): readonly ElementLike[] | undefined {
  const { node } = request.payload.attrs;
  if (node === undefined) return undefined;
  const answer = module.fire('disco-info-node', { request, node });
  if (!answer) throw new StanzaError('item-not-found');
  return answer;
}

function nodeItems(module: Module, request: IqRequest): readonly DiscoItem[] | undefined {
  const { node } = request.payload.attrs;
  if (node === undefined) return undefined;
  const answer = module.fire('disco-items-node', { request, node });
  if (!answer) throw new StanzaError('item-not-found');
  return answer;
}

function info(request: IqRequest, children: readonly ElementLike[]): Element {
  return echo(request.payload).append(...children);
}

function items(request: IqRequest, list: readonly DiscoItem[]): Element {
  return echo(request.payload).append(...list.map(({ jid, node, name }) => xml('item', { jid, node, name })));
}

/** §3.2: the answer has the node of the request. */
function echo(query: Element): Element {
  return xml('query', { xmlns: query.getNS(), node: query.attrs.node });
}

function identity({ category, type, name }: Items['disco-identity']): Element {
  return xml('identity', { category, type, name });
}

/** Each feature once, in a fixed order: clients hash the list (XEP-0115 §5). */
function features(list: readonly string[]): Element[] {
  return [...new Set(list)].sort().map((feature) => xml('feature', { var: feature }));
}

/** Copies, which may get another parent. */
function forms(module: Module): ElementLike[] {
  const items = module
    .items('disco-form')
    .toSorted((a, b) => Number(b.first ?? false) - Number(a.first ?? false));
  return items.map(({ form }) => (form instanceof Element ? form.with({}) : form));
}
