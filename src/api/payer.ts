// Who pays for a stanza to another server: an account, a service, or all replies together. Calls and queued stanzas are
// bounded in total and for each payer. Unauthenticated peers can use up only a part of the total, so that accounts can
// always reach other servers.

import type { Holder } from '../util/shared-budget.ts';
import { registeredDomain } from '../xml/domain.ts';
import type { Stanza } from '../xml/element.ts';
import type { Host } from './session.ts';

// All shares are fractions of the total. "One domain" is a registered domain with all its subdomains.

/** Share of one account. */
const ACCOUNT_SHARE = 1 / 20;
/** Share of a service, which acts for many users: the rooms of a host, a gateway. */
const SERVICE_SHARE = 1 / 2;
/** Share of a service's unacknowledged stanzas to one domain. Large, because that domain is connected and reads them. */
const SERVICE_TO_ONE_SHARE = 1 / 4;
/** Replies of all hosts and their clients. Unauthenticated peers can cause them. */
const REPLIES: Holder = { name: 'all replies', share: 1 / 8 };
/** Share of the replies to one domain. */
const REPLIES_TO_ONE_SHARE = 1 / 32;
/** Share of the calls and queued stanzas that one domain can cause: by claims, by occupants in rooms, or as a wanted link. */
const WAITING_FOR_ONE_SHARE = 1 / 32;
/** Streams that modules of all hosts ask for, such as those that verify a claimed domain. */
const MODULES: Holder = { name: 'all modules', share: 1 / 4 };
/** Links that modules of all hosts want. */
const WANTS: Holder = { name: 'all wants', share: 1 / 4 };

/** Modules that ask for a stream with a remote: a claim by that remote may be the cause. */
export function moduleAsking(remote: string): Holder {
  return { name: `modules to ${registeredDomain(remote)}`, share: WAITING_FOR_ONE_SHARE, group: MODULES };
}

/** Modules that want the link with a remote. */
export function moduleWanting(remote: string): Holder {
  return { name: `wants of ${registeredDomain(remote)}`, share: WAITING_FOR_ONE_SHARE, group: WANTS };
}

/**
 * The payer of a stanza that waits for a link: of its place in the queue, and of the call. A remote domain can cause the
 * stanzas that a service sends to it, so the share of each remote is small: a few must not use up the share of the service.
 */
export function payerOfWaiting(host: Host, stanza: Stanza): Holder {
  const payer = payerOf(host, stanza);
  return host.kind === 'component' ? { ...payer, share: WAITING_FOR_ONE_SHARE } : payer;
}

/** Presence that the server sends from a user's bare address (RFC 6121 §3.1.2, §3.3.2, §4.3.1); no remote can cause it. */
const OF_ACCOUNTS: ReadonlySet<string> = new Set(['subscribe', 'unsubscribe', 'probe']);

/**
 * The payer of a stanza that leaves now. A user pays for stanzas from its full address, and for requests to its contacts.
 * Stanzas from a bare address or a host, results and errors count as replies.
 */
export function payerOf({ domain, kind }: Host, stanza: Stanza): Holder {
  const { from = '', to = '', type = '' } = stanza.attrs;
  if (kind === 'component') {
    const group = { name: domain, share: SERVICE_SHARE };
    return { name: `${domain} to ${registeredDomain(domainOf(to))}`, share: SERVICE_TO_ONE_SHARE, group };
  }
  const end = from.indexOf('/');
  const isAsking = stanza.name === 'presence' && OF_ACCOUNTS.has(type) && from.includes('@');
  const isReply = end < 0 || type === 'error' || type === 'result';
  if (isReply && !isAsking) return repliesTo(to);
  return { name: end < 0 ? from : from.slice(0, end), share: ACCOUNT_SHARE };
}

function repliesTo(address: string): Holder {
  const name = `replies to ${registeredDomain(domainOf(address))}`;
  return { name, share: REPLIES_TO_ONE_SHARE, group: REPLIES };
}

/** The domain of a prepared address. */
function domainOf(address: string): string {
  const [bare = ''] = address.split('/', 1);
  return bare.slice(bare.indexOf('@') + 1);
}
