// XEP-0160 Best Practices for Handling Offline Messages.

import { defineModule, integer, NS, type Stanza, type StanzaEvent, size } from 'enjamb/api';
import { hasHint, isHint } from 'enjamb/xep';
import { KeptMessages, type OfflineState } from './kept-messages.ts';

/**
 * Keeps messages for users without a client that takes messages, until a client has them. The sender gets an answer only
 * if the message cannot be stored. Memory per user with messages: their sizes, and the ids of those that were sent.
 */
export default defineModule({
  name: 'offline',
  summary: 'Stores messages for offline users',
  implements: ['XEP-0160 1.0.1', 'XEP-0203 2.0', 'XEP-0334 1.0.0'],
  enabledOn: ['local'],
  depends: ['message', 'presence'],
  options: {
    offline_max_messages: integer(
      'Most stored messages of a user; one contact, or all senders outside the contact list together, may use half of it',
      {
        default: 500,
        min: 0,
      },
    ),
    offline_max_size: size('Largest size of all stored messages of a user, with the same shares', {
      default: '2 MiB',
    }),
  },

  load(module) {
    const { offline_max_messages, offline_max_size } = module.options;
    const limits = { maxMessages: offline_max_messages, maxBytes: offline_max_size };
    const state = module.keep<OfflineState>('state', () => ({
      current: undefined,
      sent: new Map(),
      copies: new WeakMap(),
      unfinished: new Map(),
    }));
    const { recipients } = module.use('presence');
    const kept = new KeptMessages(module, recipients, limits, state);
    module.provide('disco-feature', 'msgoffline');
    module.hook('message-undeliverable', (event) => keep(kept, event));
    module.hook('presence-available', ({ session, previousPriority }) => {
      const waited = previousPriority === undefined || previousPriority < 0;
      if (waited && recipients(session.jid.local ?? '').includes(session))
        module.spawn(kept.deliver(session));
    });
    module.hook('resource-unbind', ({ session }) => kept.ended(session));
    module.hook('smacks-return', ({ onTaken, text }) => kept.returned(onTaken, text));
    module.hook('user-delete', ({ user }) => kept.forget(user));
  },
});

/** §3: keeps a message, drops it, or leaves it to `message`, which refuses it. */
function keep(kept: KeptMessages, event: StanzaEvent): 'handled' | undefined {
  // A notice that someone was typing is worth nothing later.
  if (saysOnlyChatState(event.stanza)) return 'handled';
  // XEP-0334 §4.2: "not stored in any archive or offline storage"; so its sender must know that it is lost.
  if (hasHint(event.stanza, 'no-store')) return undefined;
  event.waitUntil(kept.store(event.to.local ?? '', event.stanza));
  return 'handled';
}

function saysOnlyChatState(message: Stanza): boolean {
  const said = message.elements().filter((element) => element.name !== 'thread');
  const substance = said.filter((element) => !isHint(element));
  return substance.length > 0 && substance.every((element) => element.getNS() === NS.CHAT_STATES);
}
