// The account or service that pays for a stanza to another server. Calls and queued stanzas are bounded in total and for
// each payer. Strangers can use up only a part of the total, so that accounts can always reach other servers.

import type { Holder } from '../util/shared-budget.ts';
import { registeredDomain } from '../xml/domain.ts';
import type { Stanza } from '../xml/element.ts';
import type { Host } from './session.ts';

/** For one account: 20 accounts can take everything. */
const ACCOUNT_SHARE = 1 / 20;
/** For a service, which acts for many users: the rooms of a host, a gateway. */
const SERVICE_SHARE = 1 / 2;
/** The unacknowledged stanzas of a service to one registered domain, with all below it: one that is there and reads them. */
const SERVICE_TO_ONE_SHARE = 1 / 4;
/** Replies of all hosts and their clients: strangers cause them. */
const REPLIES: Holder = { name: 'all replies', share: 1 / 8 };
/** Those to one registered domain. */
const REPLIES_TO_ONE_SHARE = 1 / 32;
/** Calls and queued stanzas that one registered domain causes by claims, by occupants in rooms, or by being wanted. */
const WAITING_FOR_ONE_SHARE = 1 / 32;
/** Streams that modules of all hosts ask for, such as those that verify strangers. */
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
 * Pays while a stanza waits for a link: for its place in the queue, and for the call. The remote domain itself may have
 * caused what a service sends, so two or three of them must not take the whole share of the service.
 */
export function payerOfWaiting(host: Host, stanza: Stanza): Holder {
  const payer = payerOf(host, stanza);
  return host.kind === 'component' ? { ...payer, share: WAITING_FOR_ONE_SHARE } : payer;
}

/** Sent for a user from its bare address (RFC 6121 §3.1.2, §3.3.2, §4.3.1), and never caused by strangers. */
const OF_ACCOUNTS: ReadonlySet<string> = new Set(['subscribe', 'unsubscribe', 'probe']);

/** A user's own stanzas come from a full address, or ask contacts; replies in the name of the account or host do neither. */
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

/** Of an address that is prepared. */
function domainOf(address: string): string {
  const [bare = ''] = address.split('/', 1);
  return bare.slice(bare.indexOf('@') + 1);
}
