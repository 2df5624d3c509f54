// The contact list (RFC 6121 §2); subscription.ts handles presence subscriptions (§3).

import {
  type C2SSession,
  defineModule,
  type Element,
  type Event,
  type IqRequest,
  integer,
  NS,
  newId,
  size,
  xml,
} from 'enjamb/api';
import { refuseStrangers } from 'enjamb/xep';
import { parseRosterSet, type RosterItem } from './item.ts';
import { catchUp, pushesSince, type Roster, wholeRoster } from './roster.ts';
import { Rosters } from './rosters.ts';

declare module 'enjamb/api' {
  interface C2SState {
    /** Whether the client has requested the roster and gets pushes. Owned by roster. */
    rosterRequested?: boolean;
  }
  interface Exports {
    roster: Rosters;
  }
  interface Events {
    /** An entry of a user's roster was added, changed or removed. */
    'roster-change': Event<{
      readonly user: string;
      /** Bare JID. */
      readonly contact: string;
      readonly before: RosterItem | undefined;
      readonly after: RosterItem | undefined;
    }>;
    /** Whether a contact (a bare JID) may see the user's presence. Answered by roster. */
    'roster-may-see-presence': Event<{ readonly user: string; readonly contact: string }, boolean>;
  }
}

/**
 * Keeps the contacts of users: for each user at most `roster_max_items`, of at most `roster_max_size` in total. Keeps
 * requests of users who are not contacts: at most `roster_max_requests` and 64 KiB from other servers, and the same
 * from this host.
 */
export default defineModule({
  name: 'roster',
  summary: 'Stores the contact lists of users',
  implements: ['RFC 6121'],
  enabledOn: ['local'],
  options: {
    roster_max_items: integer('Most contacts of a user', { default: 1000, min: 1 }),
    roster_max_groups: integer('Most groups of a contact', { default: 32, min: 1 }),
    roster_max_size: size('Largest size of the contact list of a user', {
      default: '256 KiB',
      min: '1 KiB',
    }),
    roster_max_requests: integer(
      'Most pending subscription requests to a user from other servers, and most from this host, except those of contacts; more are refused',
      { default: 100, min: 1 },
    ),
    roster_max_requests_per_domain: integer('Most of these requests from one other domain', {
      default: 20,
      min: 1,
    }),
  },

  async load(module) {
    const { options } = module;
    const places = options.roster_max_requests;
    const rosters = new Rosters(module, await module.store.table<Roster>('roster'), {
      maxItems: options.roster_max_items,
      maxBytes: options.roster_max_size,
      requests: { places, perDomain: Math.min(options.roster_max_requests_per_domain, places) },
    });
    const matching = { to: ['self'], name: 'query', xmlns: NS.ROSTER } as const;
    // Clients cache the answer, so it contains nothing that a crash may undo.
    module.handleIq({ type: 'get', ...matching }, (request) => {
      const pending = rosters.pending(userOf(request.to));
      return pending ? pending.then(() => giveAll(rosters, request)) : give(rosters, request);
    });
    module.handleIq({ type: 'set', ...matching }, ({ payload, to }) => {
      const { remove, ...item } = parseRosterSet(payload, options.roster_max_groups);
      return remove ? rosters.remove(userOf(to), item.jid) : rosters.edit(userOf(to), item);
    });
    module.hook('iq/bare', (event) => refuseStrangers(event, NS.ROSTER), 'guard');
    module.provide('session-part', {
      name: 'roster',
      save: ({ state }) => state.rosterRequested,
      load: ({ state }, saved) => {
        state.rosterRequested = saved === true;
      },
    });
    module.hook('stream-features', ({ features }) => {
      if (features.getChild('bind', NS.BIND)) features.append(xml('ver', NS.ROSTER_VERSIONING));
    });
    module.hook('roster-may-see-presence', ({ user, contact }) => rosters.hasSubscriber(user, contact));
    module.hook('user-delete', ({ user }) => rosters.forget(user));
    return rosters;
  },
});

/** What a contact costs the account that requests its roster; about its size in the answer. */
const BYTES_PER_ITEM = 100;

/**
 * §2.2, §2.6.3: the complete roster, or an empty result followed by a push for each change since the version that the
 * client has cached.
 */
function give(rosters: Rosters, { payload, to, origin }: IqRequest): Element | undefined {
  const { ver } = payload.attrs;
  const pushes = ver === undefined ? undefined : catchUp(rosters.of(userOf(to)), ver);
  if (origin.kind !== 'c2s' || pushes === undefined) return giveAll(rosters, { to, origin });
  charge(origin, rosters.of(userOf(to)));
  origin.state.rosterRequested = false;
  // The result is sent after this function returns. Pushes that are made before are among those sent here.
  queueMicrotask(() => {
    origin.state.rosterRequested = true;
    for (const push of pushesSince(rosters.of(userOf(to)), ver ?? '') ?? []) {
      origin.send(xml('iq', { type: 'set', id: newId(), to: origin.jid.toString() }, push));
    }
  });
  return undefined;
}

/** The complete roster; the client gets pushes from now on. */
function giveAll(rosters: Rosters, { to, origin }: Pick<IqRequest, 'to' | 'origin'>): Element {
  const roster = rosters.of(userOf(to));
  if (origin.kind === 'c2s') {
    charge(origin, roster);
    origin.state.rosterRequested = true;
  }
  return wholeRoster(roster);
}

function charge(session: C2SSession, { items }: Roster): void {
  session.charge(Object.keys(items).length * BYTES_PER_ITEM);
}

function userOf(account: { local: string | undefined }): string {
  return account.local ?? '';
}
