// Presence and subscriptions (RFC 6121 §3, §4).

import {
  type C2SSession,
  defineModule,
  type Element,
  type Event,
  type Exports,
  integer,
  type Jid,
  type Module,
  NS,
  StanzaError,
  type StanzaEvent,
  size,
  xml,
} from 'enjamb/api';
import { isSubscriptionType } from 'enjamb/xep';
import { Availability } from './availability.ts';
import { Contacts } from './contacts.ts';
import { Delivery } from './delivery.ts';
import type { DirectedAddresses } from './directed.ts';
import { provideSessionParts } from './saved.ts';
import { Subscriptions } from './subscriptions.ts';

declare module 'enjamb/api' {
  interface C2SState {
    /** The client's last broadcast presence; absent while it is not available. Owned by presence. */
    presence?: Element;
    /** When the client sent it, in ms since 1970. Owned by presence. */
    presenceAt?: number;
    /** From -128 to 127; absent while the client is not available. Owned by presence. */
    priority?: number;
    /**
     * Addresses with directed presence that get no broadcasts of the client (§4.6.3), by bare JID. They get unavailable
     * presence when the client goes. Owned by presence.
     */
    directed?: DirectedAddresses;
  }
  interface Exports {
    presence: {
      /** The clients that take messages for the account: available, with a priority that is not negative (§4.7.2.3). */
      recipients(user: string): readonly C2SSession[];
      /**
       * Forgets the client's directed presence to a bare JID, which then gets no unavailable presence (§4.6.3). For
       * rooms that the client has left.
       */
      forget(session: C2SSession, bare: string): void;
      /**
       * For contacts that the user blocks: sends unavailable presence of all clients to the matching ones that see the user,
       * and forgets matching addresses with directed presence. Returns the number of stanzas.
       */
      hide(user: string, matches: (jid: Jid) => boolean): number;
      /**
       * For contacts that the user unblocks: sends the clients' present presence to the matching ones that see the user, and
       * probes to those that the user sees. Returns the number of stanzas.
       */
      show(user: string, matches: (jid: Jid) => boolean): number;
    };
  }
  interface Events {
    /** A client has broadcast available presence. */
    'presence-available': Event<{
      readonly session: C2SSession;
      /** `undefined`: it was not available before. */
      readonly previousPriority: number | undefined;
    }>;
  }
}

/** Keeps one stanza of at most `presence_max_size` and `presence_max_directed` addresses per session. */
export default defineModule({
  name: 'presence',
  summary: 'Sends presence to contacts, and manages subscriptions',
  implements: ['RFC 6121'],
  enabledOn: ['local'],
  depends: ['roster'],
  options: {
    presence_max_directed: integer(
      'Most addresses outside the contact list to which a client may send presence',
      {
        default: 1000,
        min: 1,
      },
    ),
    presence_max_size: size('Largest size of a presence that goes to all contacts', {
      default: '16 KiB',
      min: '1 KiB',
    }),
  },

  load(module): Exports['presence'] {
    const roster = module.use('roster');
    const availability = new Availability(module, roster, {
      maxDirected: module.options.presence_max_directed,
      maxSize: module.options.presence_max_size,
    });
    const subscriptions = new Subscriptions(module, roster, availability);
    const contacts = new Contacts(module, roster, availability);
    const delivery = new Delivery(module, roster, availability, subscriptions);

    const outgoing = (event: StanzaEvent<C2SSession>) => send(event, availability, subscriptions);
    module.hook('pre-presence/self', outgoing);
    module.hook('pre-presence/bare', outgoing);
    module.hook('pre-presence/full', outgoing);
    module.hook('pre-presence/host', outgoing);
    module.hook('presence/bare', (event) => delivery.toAccount(event));
    module.hook('presence/full', (event) => delivery.toResource(event));
    module.hook('resource-unbind', ({ session }) => availability.end(session));
    provideSessionParts(module);
    endSubscriptions(module, roster, subscriptions);
    module.hook('stream-features', ({ features }) => {
      if (features.getChild('bind', NS.BIND)) features.append(xml('sub', NS.PRE_APPROVAL));
    });
    module.provide('disco-account-items', (owner) =>
      availability.sessions(owner).map((session) => ({ jid: session.jid.toString() })),
    );
    return {
      recipients: (user) => module.host.sessions.of(user).filter(takesMessages),
      forget: ({ state }, bare) => void state.directed?.delete(bare),
      hide: (user, matches) => contacts.hide(user, matches),
      show: (user, matches) => contacts.show(user, matches),
    };
  },
});

function takesMessages({ state }: C2SSession): boolean {
  return state.presence !== undefined && (state.priority ?? 0) >= 0;
}

/**
 * Handles presence from a client. @throws StanzaError 'bad-request' for an unknown type, or one that needs an address
 */
function send(
  event: StanzaEvent<C2SSession>,
  availability: Availability,
  subscriptions: Subscriptions,
): 'handled' | undefined {
  const { stanza, origin, to } = event;
  const { type } = stanza.attrs;
  if (isSubscriptionType(type)) {
    subscriptions.outbound(event, type);
    return 'handled';
  }
  const isAddressed = stanza.attrs.to !== undefined;
  if (isAddressed && (type === 'probe' || type === 'error')) return undefined;
  if (type !== undefined && type !== 'unavailable') throw new StanzaError('bad-request');
  if (isAddressed) {
    availability.direct(origin, stanza, to);
    return undefined;
  }
  if (type === undefined) availability.announce(origin, stanza);
  else availability.withdraw(origin, stanza);
  return 'handled';
}

/** §2.5.2: ends the subscriptions of contacts that are removed, and of deleted accounts. */
function endSubscriptions(module: Module, roster: Exports['roster'], subscriptions: Subscriptions): void {
  module.observe('roster-change', ({ user, contact, before, after }) => {
    if (before?.listed && !after) subscriptions.part(user, contact, roster.partings(before));
  });
  module.observe('user-delete', ({ user }) => {
    for (const item of roster.items(user)) subscriptions.part(user, item.jid, roster.partings(item));
  });
}
