// XEP-0160 Best Practices for Handling Offline Messages.

import { defineModule, integer, NS, type Stanza, type StanzaEvent, size } from 'enjamb/api';
import { KeptMessages, type OfflineState, takesMessages } from './kept-messages.ts';

/**
 * Keeps messages for users of whom no client takes any, until one has taken them. The sender is answered only when the
 * message cannot be stored. In memory stand, for users with messages, how much these take and which were sent to a client.
 */
export default defineModule({
  name: 'offline',
  summary: 'Keeps messages for users who are not there',
  implements: ['XEP-0160 1.0.1', 'XEP-0203 2.0', 'XEP-0334 1.0.0'],
  depends: ['message', 'presence'],
  options: {
    offline_max_messages: integer(
      'How many messages are kept for a user, at most half of one contact or of all strangers',
      {
        default: 500,
        min: 0,
      },
    ),
    offline_max_size: size('How large the messages kept for a user may be together, with the same shares', {
      default: '2 MiB',
    }),
  },

  load(module) {
    const { offline_max_messages, offline_max_size } = module.options;
    const limits = { maxMessages: offline_max_messages, maxBytes: offline_max_size };
    const state = module.keep<OfflineState>('state', () => ({
      current: undefined,
      sent: new Map(),
      unfinished: new Map(),
    }));
    const kept = new KeptMessages(module, limits, state);
    module.provide('disco-feature', 'msgoffline');
    module.hook('message-undeliverable', (event) => keep(kept, event));
    module.hook('presence-available', ({ session, previousPriority }) => {
      const waited = previousPriority === undefined || previousPriority < 0;
      if (waited && takesMessages(session)) module.spawn(kept.deliver(session));
    });
    module.hook('resource-unbind', ({ session }) => kept.ended(session));
    module.hook('user-delete', ({ user }) => kept.forget(user));
  },
});

/** §3: what is worth keeping; the rest is dropped, or left for `message` to refuse. */
function keep(kept: KeptMessages, event: StanzaEvent): 'handled' | undefined {
  // Nobody waits for a message that says that somebody was typing.
  if (saysOnlyChatState(event.stanza)) return 'handled';
  // XEP-0334 §4.2: "not stored in any archive or offline storage"; so its sender must know that it is lost.
  if (event.stanza.getChild('no-store', NS.HINTS)) return undefined;
  event.waitUntil(kept.store(event.to.local ?? '', event.stanza));
  return 'handled';
}

function saysOnlyChatState(message: Stanza): boolean {
  const said = message.elements().filter((element) => element.name !== 'thread');
  const substance = said.filter((element) => element.getNS() !== NS.HINTS);
  return substance.length > 0 && substance.every((element) => element.getNS() === NS.CHAT_STATES);
}
