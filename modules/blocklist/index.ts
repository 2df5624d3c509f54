// XEP-0191 Blocking Command: users block addresses, which then neither reach them nor see their presence.
//
//   blocked.ts    the addresses of one list, for look-ups
//   lists.ts      the lists of all users
//   inbound.ts    stanzas from blocked addresses
//   outbound.ts   stanzas to blocked addresses
//   requests.ts   the requests of clients
//   sight.ts      presence and rooms, when a list changes

import { boolean, defineModule, type Event, integer, type Module, NS } from 'enjamb/api';
import { Inbound } from './inbound.ts';
import { type BlockList, BlockLists } from './lists.ts';
import { refuseBlocked } from './outbound.ts';
import { Requests } from './requests.ts';
import { Sight } from './sight.ts';

declare module 'enjamb/api' {
  interface C2SState {
    /** Whether the client has requested the block list and gets pushes. Owned by blocklist. */
    blocklistRequested?: boolean;
  }
  interface Events {
    /**
     * Whether the user blocks an address, to which then nothing is sent for the user, not even by the server. `user`: a
     * localpart of an owner in memory; `jid`: a prepared address. Answered by blocklist.
     */
    'blocklist-blocks': Event<{ readonly user: string; readonly jid: string }, true>;
  }
}

/** Keeps one list for each user: at most `blocklist_max_items` addresses, of 256 KiB in total. */
export default defineModule({
  name: 'blocklist',
  summary: 'Lets users block other users, rooms and servers',
  implements: ['XEP-0191 1.3'],
  enabledOn: ['local'],
  depends: ['presence', 'roster'],
  // Its guard takes the answers of rooms to leaves before this one drops them.
  after: ['track_muc_joins'],
  options: {
    blocklist_max_items: integer('Most addresses that a user can block', { default: 1000, min: 1 }),
    bounce_blocked_messages: boolean(
      'Whether the sender of a blocked message gets an error, as if the user were offline; false: nothing',
      { default: true },
    ),
  },

  async load(module) {
    const { blocklist_max_items, bounce_blocked_messages } = module.options;
    const lists = new BlockLists(
      module,
      await module.store.table<BlockList>('blocklist'),
      blocklist_max_items,
    );
    module.provide('disco-feature', NS.BLOCKING);
    module.hook('blocklist-blocks', ({ user, jid }) => (lists.blocksText(user, jid) ? true : undefined));
    guardOutbound(module, lists);
    guardInbound(module, new Inbound(module, lists, bounce_blocked_messages));
    answerRequests(module, lists);
    module.provide('session-part', {
      name: 'blocklist',
      save: ({ state }) => state.blocklistRequested,
      load: ({ state }, saved) => {
        state.blocklistRequested = saved === true;
      },
    });
  },
});

function guardOutbound(module: Module, lists: BlockLists): void {
  for (const kind of ['message', 'presence', 'iq'] as const) {
    for (const target of ['full', 'bare', 'host'] as const)
      module.hook(`pre-${kind}/${target}`, (event) => refuseBlocked(lists, event), 'guard');
  }
}

function guardInbound(module: Module, inbound: Inbound): void {
  for (const target of ['full', 'bare'] as const) {
    module.hook(`presence/${target}`, (event) => inbound.presence(event), 'guard');
    module.hook(`message/${target}`, (event) => inbound.message(event), 'guard');
    module.hook(`iq/${target}`, (event) => inbound.iq(event), 'guard');
  }
}

function answerRequests(module: Module, lists: BlockLists): void {
  const sight = new Sight(module);
  const requests = new Requests(module, lists, (change) => sight.update(change));
  const matching = { to: ['self'], xmlns: NS.BLOCKING } as const;
  module.handleIq({ type: 'get', name: 'blocklist', ...matching }, (request) => requests.get(request));
  module.handleIq({ type: 'set', name: 'block', ...matching }, (request) => requests.block(request));
  module.handleIq({ type: 'set', name: 'unblock', ...matching }, (request) => requests.unblock(request));
}
