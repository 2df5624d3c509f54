// The reasons to doubt a remote or a single join, and what the errors that clients receive prove.

import {
  type C2SSession,
  isLocalBounce,
  type S2SCloseCause,
  type StanzaEvent,
  StreamError,
} from 'enjamb/api';
import type { Context, Join } from './context.ts';
import type { Notices } from './notices.ts';
import type { Outages } from './outages.ts';
import { conditionOf } from './questions.ts';

/** The answer to a groupchat message of a client that is not in the room. */
const NOT_IN = new Set(['not-acceptable']);
/** The room has ended or changed. */
const ROOM_CHANGED = new Set(['item-not-found', 'gone', 'recipient-unavailable']);
/** The answer to an occupant that may not do this. */
const IN_BUT_REFUSED = new Set(['forbidden', 'policy-violation', 'resource-constraint', 'not-allowed']);
/** The room was not reached. */
const UNREACHABLE = new Set(['remote-server-not-found', 'remote-server-timeout', 'service-unavailable']);

export interface TriggerParts {
  readonly context: Context;
  readonly outages: Outages;
  readonly notices: Notices;
}

/** Follows the links with other servers, and the services of this one. */
export function watchLinks({ context: { module }, outages }: TriggerParts): void {
  module.observe('link-close', ({ stream, remote, cause, error, wasUsed }) => {
    if (!stream) return outages.trigger(remote, 'service-down');
    // The orderly end of an unused stream says nothing. Asking would open the next one, and so on for ever.
    if (!wasUsed && isOrderly(cause, error)) return;
    outages.trigger(remote, cause === 'timeout' ? 'link-silent' : 'link-lost');
  });
  module.observe('link-fail', ({ remote }) => outages.trigger(remote, 'unreachable'));
  module.observe('link-open', ({ remote }) => outages.get(remote)?.linkUp());
}

/** A peer may end an idle stream by an error (RFC 6120 §4.9.3.4), as ejabberd does. */
function isOrderly(cause: S2SCloseCause, error: Error | undefined): boolean {
  if (cause === 'clean' || cause === 'idle') return true;
  return cause === 'stream-error' && error instanceof StreamError && error.condition === 'connection-timeout';
}

/** Follows the errors that clients receive. */
export function watchBounces(parts: TriggerParts): void {
  const { module } = parts.context;
  module.observe('message/full', (event) => {
    if (event.stanza.attrs.type === 'error') messageError(event, parts, module.host.sessions.get(event.to));
  });
  module.observe('presence/full', (event) => {
    if (event.stanza.attrs.type === 'error') localBounce(event, parts);
  });
  module.observe('iq/full', (event) => {
    if (event.stanza.attrs.type === 'error') localBounce(event, parts);
  });
  module.observe('track-muc-joins-doubt', ({ join, certain }) => {
    // The answer to a client's presence. Some conditions are certain, as no occupant is sent them.
    if (certain && !parts.notices.isTaken(join, 'lost')) parts.notices.tell(join, 'lost');
    else if (!certain) parts.outages.of(join.room.domain.name).confirm(join);
  });
}

/** Whether our own side could not deliver what a client had sent. */
function localBounce(event: Readonly<StanzaEvent>, { outages, notices }: TriggerParts): boolean {
  if (!isLocalBounce(event)) return false;
  if (notices.isNotice(event.stanza)) return true;
  if (UNREACHABLE.has(conditionOf(event.stanza) ?? '')) outages.trigger(event.from.domain, 'unreachable');
  return true;
}

function messageError(
  event: Readonly<StanzaEvent>,
  parts: TriggerParts,
  session: C2SSession | undefined,
): void {
  const join = session && parts.context.joins.get(session, event.from.bare);
  if (localBounce(event, parts) || join?.state !== 'joined') return;
  const condition = conditionOf(event.stanza) ?? '';
  const byRoom = event.stanza.getChild('error')?.attrs.by === join.room.jid;
  if (event.from.resource === undefined) groupchatError(join, condition, event, parts);
  else if (NOT_IN.has(condition)) parts.outages.of(join.room.domain.name).confirm(join);
  // A private message to an occupant that has left: the room checks the sender first.
  else if (condition === 'item-not-found' && byRoom) parts.context.joins.prove(join, event.origin);
}

/** The error's type does not count, because services differ in it. */
function groupchatError(
  join: Join,
  condition: string,
  { origin }: Readonly<StanzaEvent>,
  { context, outages }: TriggerParts,
): void {
  const domain = join.room.domain.name;
  if (NOT_IN.has(condition)) outages.of(domain).confirm(join);
  else if (ROOM_CHANGED.has(condition)) outages.of(domain).confirm(join, true);
  else if (IN_BUT_REFUSED.has(condition)) context.joins.prove(join, origin);
  else if (UNREACHABLE.has(condition)) outages.trigger(domain, 'unreachable');
}
