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
    /** No client of an existing account takes this chat or normal message. A module that keeps it answers `'handled'`. */
    'message-undeliverable': Event<StanzaEvent, 'handled'>;
    /**
     * A message for a user was not refused. `sessions`: the clients that took it; empty for a message that is kept until one
     * does. The stanza may not have been stored yet, or read by a client.
     */
    'message-delivered': Event<{
      readonly event: StanzaEvent;
      readonly user: string;
      readonly sessions: readonly Session[];
    }>;
  }
}

/** What becomes of a message that no client takes. */
type Leftover = 'keep' | 'refuse' | 'drop';

/**
 * Delivers messages to the clients that should have them. A message for the account goes to every available client
 * whose priority is not negative (§8.5.2.1.1); if none takes it, and it is not kept, the sender gets `service-unavailable`.
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
      // §8.5.2: rooms speak to clients, not to accounts; an error concerns the client that sent what failed.
      const takers = type === 'groupchat' || type === 'error' ? [] : deliver(presence, event);
      if (takers.length > 0) delivered(module, event, takers);
      else leave(module, event, leftoverOfAccount(type));
      return 'handled';
    });

    module.hook('message/full', (event) => {
      const { type } = event.stanza.attrs;
      const session = module.host.sessions.get(event.to);
      // §8.5.3.2.1: a conversation goes on with the account when the client it was held with has gone.
      const takers = session?.send(event.stanza)
        ? [session]
        : type === 'chat'
          ? deliver(presence, event)
          : [];
      if (takers.length > 0) delivered(module, event, takers);
      else leave(module, event, leftoverOfResource(type));
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

function delivered(module: Module, event: StanzaEvent, sessions: readonly Session[]): void {
  if (sessions.length > 0) event.notes.taken = true;
  module.notify('message-delivered', { event, user: event.to.local ?? '', sessions });
}

/** §8.5.2.1.1, §8.5.2.2.1. An unknown type counts as `normal` (§5.2.2). */
function leftoverOfAccount(type: string | undefined): Leftover {
  if (type === 'headline' || type === 'error') return 'drop';
  return type === 'groupchat' ? 'refuse' : 'keep';
}

/** §8.5.3.2.1. A room takes the refusal as the sign that this client is gone. */
function leftoverOfResource(type: string | undefined): Leftover {
  if (type === 'headline' || type === 'error') return 'drop';
  return type === 'chat' ? 'keep' : 'refuse';
}

/** @throws StanzaError 'service-unavailable', also for an account that does not exist (§8.5.1). */
function leave(module: Module, event: StanzaEvent, leftover: Leftover): void {
  if (leftover === 'drop') return;
  const mayKeep = leftover === 'keep' && module.host.users.has(event.to.local ?? '');
  if (mayKeep && module.fire('message-undeliverable', event) === 'handled')
    return delivered(module, event, []);
  throw new StanzaError('service-unavailable');
}
