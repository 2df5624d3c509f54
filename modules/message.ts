// Delivers messages for users of this host (RFC 6121 §8.5).

import {
  defineModule,
  type Event,
  type Exports,
  type Module,
  type Node,
  type C2SSession as Session,
  StanzaError,
  type StanzaEvent,
} from 'enjamb/api';
import { isStampOf } from 'enjamb/xep';

declare module 'enjamb/api' {
  interface Events {
    /**
     * No client of an existing account takes this chat or normal message. A module that keeps it answers `'handled'`.
     */
    'message-undeliverable': Event<StanzaEvent, 'handled'>;
    /**
     * A message to a user was accepted. `sessions`: the clients that took it; empty for a message that is stored. It
     * may not have been written to disk, or acknowledged by a client, yet.
     */
    'message-delivered': Event<{
      readonly event: StanzaEvent;
      readonly user: string;
      readonly sessions: readonly Session[];
    }>;
  }
}

/** The treatment of a message that no client takes. */
type Fallback = 'keep' | 'refuse' | 'drop';

/**
 * Delivers a message to the account to every available client whose priority is not negative (§8.5.2.1.1). If none
 * takes it, and it is not stored, the sender gets `service-unavailable`.
 */
export default defineModule({
  name: 'message',
  summary: 'Delivers messages to the clients of users',
  implements: ['RFC 6121'],
  enabledOn: ['local'],
  depends: ['presence'],

  load(module) {
    const presence = module.use('presence');
    module.hook('message/bare', (event) => removeForgedDelays(module, event), 'rewrite');
    module.hook('message/full', (event) => removeForgedDelays(module, event), 'rewrite');
    module.hook('message/bare', (event) => {
      const { type } = event.stanza.attrs;
      // §8.5.2: groupchat messages and errors are for one client, not for the account.
      const recipients = type === 'groupchat' || type === 'error' ? [] : deliver(presence, event);
      if (recipients.length > 0) reportDelivery(module, event, recipients);
      else handleUntaken(module, event, fallbackOfAccount(type));
      return 'handled';
    });

    module.hook('message/full', (event) => {
      const { type } = event.stanza.attrs;
      const session = module.host.sessions.get(event.to);
      // §8.5.3.2.1: a chat message to a client that is gone goes to the account.
      const recipients = session?.send(event.stanza)
        ? [session]
        : type === 'chat'
          ? deliver(presence, event)
          : [];
      if (recipients.length > 0) reportDelivery(module, event, recipients);
      else handleUntaken(module, event, fallbackOfResource(type));
      return 'handled';
    });
  },
});

/** XEP-0203 §4: removes a `delay` of this host that another sender has forged. */
function removeForgedDelays({ host: { domain } }: Module, event: StanzaEvent): void {
  const { stanza, origin } = event;
  if (origin.kind === 'host' && origin.domain === domain) return;
  const isForged = (child: Node) =>
    typeof child !== 'string' && child.name === 'delay' && isStampOf(child, domain);
  if (!stanza.children.some(isForged)) return;
  event.stanza = stanza.withChildren(stanza.children.filter((child) => !isForged(child)));
}

/** Sends a message to the clients of an account that want messages. Returns those that took it. */
function deliver(presence: Exports['presence'], { stanza, to }: StanzaEvent): Session[] {
  return presence.recipients(to.local ?? '').filter((session) => session.send(stanza));
}

function reportDelivery(module: Module, event: StanzaEvent, sessions: readonly Session[]): void {
  if (sessions.length > 0) event.notes.taken = true;
  module.notify('message-delivered', { event, user: event.to.local ?? '', sessions });
}

/** §8.5.2.1.1, §8.5.2.2.1. An unknown type counts as `normal` (§5.2.2). */
function fallbackOfAccount(type: string | undefined): Fallback {
  if (type === 'headline' || type === 'error') return 'drop';
  return type === 'groupchat' ? 'refuse' : 'keep';
}

/** §8.5.3.2.1. A room removes the client when its message is refused. */
function fallbackOfResource(type: string | undefined): Fallback {
  if (type === 'headline' || type === 'error') return 'drop';
  return type === 'chat' ? 'keep' : 'refuse';
}

/**
 * Stores, drops or refuses a message. @throws StanzaError 'service-unavailable', also for an unknown account (§8.5.1)
 */
function handleUntaken(module: Module, event: StanzaEvent, fallback: Fallback): void {
  if (fallback === 'drop') return;
  const mayKeep = fallback === 'keep' && module.host.users.has(event.to.local ?? '');
  if (mayKeep && module.fire('message-undeliverable', event) === 'handled')
    return reportDelivery(module, event, []);
  throw new StanzaError('service-unavailable');
}
