// What puts domains and single clients in doubt, and what a client's own stanzas prove when they come back.

import {
  type C2SSession,
  isLocalBounce,
  type Module,
  type S2SCloseCause,
  type StanzaEvent,
  StreamError,
} from 'enjamb/api';
import { conditionOf } from './answer.ts';
import type { Context, Join } from './context.ts';
import type { Notices } from './notice.ts';
import type { Watches } from './watches.ts';

/** Said of a groupchat message to somebody who is not in the room … */
const NOT_IN = new Set(['not-acceptable']);
/** … or of a room that is not what it was. */
const ROOM_CHANGED = new Set(['item-not-found', 'gone', 'recipient-unavailable']);
/** Said to occupants who may not do just that. */
const IN_BUT_REFUSED = new Set(['forbidden', 'policy-violation', 'resource-constraint', 'not-allowed']);
/** Nobody is there who could say anything about the room. */
const NOBODY = new Set(['remote-server-not-found', 'remote-server-timeout', 'service-unavailable']);

export interface TriggerParts {
  readonly context: Context;
  readonly watches: Watches;
  readonly notices: Notices;
}

/** Follows the links with other servers. */
export function watchLinks(module: Module, watches: Watches): void {
  module.observe('link-close', ({ stream, remote, cause, error, wasUsed }) => {
    if (!stream) return watches.trigger(remote, 'service-down');
    // If nobody has used the stream, its orderly end says nothing. Asking would open the next one, and so on for ever.
    if (!wasUsed && isOrderly(cause, error)) return;
    watches.trigger(remote, cause === 'timeout' ? 'link-silent' : 'link-lost');
  });
  module.observe('link-fail', ({ remote }) => watches.trigger(remote, 'unreachable'));
  module.observe('link-open', ({ remote }) => watches.get(remote)?.linkUp());
}

/** A peer may end an idle stream by an error (RFC 6120 §4.9.3.4), as ejabberd does. */
function isOrderly(cause: S2SCloseCause, error: Error | undefined): boolean {
  if (cause === 'clean' || cause === 'idle') return true;
  return cause === 'stream-error' && error instanceof StreamError && error.condition === 'connection-timeout';
}

/** Follows what comes back to clients. */
export function watchBounces(module: Module, parts: TriggerParts): void {
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
    // Answers to a client's presence: some of them are given to nobody who is in.
    if (certain) parts.notices.tell(join, 'lost');
    else parts.watches.of(join.room.domain.name).confirm(join);
  });
}

/** Whether our own side gave up on what a client had sent to a domain of rooms. */
function localBounce(event: Readonly<StanzaEvent>, { watches, notices }: TriggerParts): boolean {
  if (!isLocalBounce(event)) return false;
  if (notices.isOne(event.stanza)) return true;
  if (NOBODY.has(conditionOf(event.stanza) ?? '')) watches.trigger(event.from.domain, 'unreachable');
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
  else if (NOT_IN.has(condition)) parts.watches.of(join.room.domain.name).confirm(join);
  // A private message to somebody who has left: the room looks for the sender first.
  else if (condition === 'item-not-found' && byRoom) parts.context.joins.prove(join, event.origin);
}

/** The error's type is no help: services differ in it. */
function groupchatError(
  join: Join,
  condition: string,
  { origin }: Readonly<StanzaEvent>,
  { context, watches }: TriggerParts,
): void {
  const domain = join.room.domain.name;
  if (NOT_IN.has(condition)) watches.of(domain).confirm(join);
  else if (ROOM_CHANGED.has(condition)) watches.of(domain).confirm(join, true);
  else if (IN_BUT_REFUSED.has(condition)) context.joins.prove(join, origin);
  else if (NOBODY.has(condition)) watches.trigger(domain, 'unreachable');
}
