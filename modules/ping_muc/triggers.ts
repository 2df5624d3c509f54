// Triggers: events that put a remote or a single join in doubt. Errors to clients may also prove a join.

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

/** Triggers outages by the links with other servers and by local services. */
export function watchLinks({ context: { module }, outages }: TriggerParts): void {
  module.observe('link-close', ({ stream, remote, cause, error, wasUsed }) => {
    if (!stream) return outages.trigger(remote, 'service-down');
    // The orderly end of an unused stream proves no loss. A question would open the next stream, whose end would
    // trigger the next question.
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

/** Triggers outages, and proves joins, by the errors that clients receive. */
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
    // An error to a client's presence. It is certain if rooms never send its condition to occupants.
    if (certain && !parts.notices.isTaken(join, 'lost')) parts.notices.tell(join, 'lost');
    else if (!certain) parts.outages.of(join.room.domain.name).confirm(join);
  });
}

/** Whether our own side made the error, because it could not deliver a client's stanza. Triggers an outage if so. */
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

/** Ignores the error's type, in which services differ. */
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
