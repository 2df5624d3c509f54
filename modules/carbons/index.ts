// XEP-0280 Message Carbons: every client of a user sees both sides of every conversation.
//
//   eligible.ts  which messages are copied (§6)
//   copies.ts    which clients are sent a copy, and its form (§7, §8)
//   sent_ids.ts  messages of our users whose errors are copied

import {
  type C2SState,
  defineModule,
  type IqRequest,
  type Module,
  NS,
  StanzaError,
  type StanzaEvent,
} from 'enjamb/api';
import { Copies } from './copies.ts';
import { KEPT_MS, newSentIds, SentIds } from './sent_ids.ts';

declare module 'enjamb/api' {
  interface C2SState {
    /** The client wants copies of messages. Owned by carbons. */
    carbons?: boolean;
  }
}

/** §6.2: all rules of §6.1 apply. */
const RULES = 'urn:xmpp:carbons:rules:0';

/** Memory for each client: a flag. For users with several clients also the ids of their last messages, see sent_ids.ts. */
export default defineModule({
  name: 'carbons',
  summary: 'Copies messages to the other clients of a user',
  implements: ['XEP-0280 1.0.1', 'XEP-0297 1.0', 'XEP-0334 1.0.0'],
  enabledOn: ['local'],
  depends: ['message'],
  after: ['smacks', 'track_muc_joins'],

  load(module) {
    module.provide('disco-feature', NS.CARBONS);
    module.provide('disco-feature', RULES);
    takeRequests(module);
    module.provide('session-part', {
      name: 'carbons',
      save: ({ state }) => state.carbons || undefined,
      load({ state }) {
        state.carbons = true;
      },
    });
    const data = module.keep('sent-ids', newSentIds);
    const sentIds = new SentIds(data, module.clock);
    module.every(KEPT_MS, () => sentIds.removeOld());
    module.hook('user-delete', ({ user }) => sentIds.forget(user));
    copyMessages(module, new Copies(module, sentIds));
  },
});

/** §4, §5: a client enables and disables carbons for itself, any number of times (§10.1). */
function takeRequests(module: Module): void {
  for (const name of ['enable', 'disable']) {
    const request = { type: 'set', to: ['self'], name, xmlns: NS.CARBONS } as const;
    module.handleIq(request, ({ origin }) => {
      stateOf(origin).carbons = name === 'enable';
    });
  }
  module.hook('iq/bare', refuseOthers, 'guard');
}

/** @throws StanzaError 'not-allowed' for a sender that is no client */
function stateOf(origin: IqRequest['origin']): C2SState {
  if (origin.kind !== 'c2s') throw new StanzaError('not-allowed');
  return origin.state;
}

/** §4.1, §5.1: the same answer whether the account exists or not. @throws StanzaError 'not-allowed' */
function refuseOthers({ stanza, from, to }: StanzaEvent): void {
  if (stanza.attrs.type !== 'set' || from.bare === to.bare) return;
  if (stanza.getChild('enable', NS.CARBONS) ?? stanza.getChild('disable', NS.CARBONS))
    throw new StanzaError('not-allowed');
}

function copyMessages(module: Module, copies: Copies): void {
  const sent = (event: StanzaEvent) => copies.sent(event);
  module.observe('pre-message/bare', sent);
  module.observe('pre-message/full', sent);
  module.observe('pre-message/host', sent);
  module.observe('pre-message/self', sent);
  module.hook('message-delivered', ({ event, sessions }) => copies.received(event, sessions));
  // RFC 6121 §8.5.2.1.1, §8.5.3.2.1: these errors are dropped, so `message-delivered` does not fire for them.
  module.observe('message/bare', (event) => {
    if (event.stanza.attrs.type === 'error') copies.received(event, []);
  });
  module.observe('message/full', (event) => {
    if (event.stanza.attrs.type !== 'error' || module.host.sessions.get(event.to)) return;
    copies.received(event, []);
  });
}
