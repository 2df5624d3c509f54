// XEP-0160 Best Practices for Handling Offline Messages.

import { defineModule, integer, NS, type Stanza, type StanzaEvent, size } from 'enjamb/api';
import { hasHint, isHint } from 'enjamb/xep';
import { Delivered } from './delivered.ts';
import { type OfflineState, WaitingMessages } from './waiting_messages.ts';

/**
 * Keeps messages for users without a client that takes messages, until a client has them. The sender gets an answer only
 * if the message is neither archived nor stored. Memory per user with messages: the ids of those that were sent.
 */
export default defineModule({
  name: 'offline',
  summary: 'Stores messages for offline users',
  implements: ['XEP-0160 1.0.1', 'XEP-0203 2.0', 'XEP-0334 1.0.0'],
  enabledOn: ['local'],
  depends: ['message', 'presence'],
  after: ['mam'],
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

  async load(module) {
    const { offline_max_messages, offline_max_size } = module.options;
    const limits = { maxMessages: offline_max_messages, maxBytes: offline_max_size };
    const state = module.keep<OfflineState>('state', () => ({
      current: undefined,
      sent: new Map(),
      copies: new WeakMap(),
      unfinished: new Map(),
    }));
    const { recipients } = module.use('presence');
    const archive = module.store.archive('archive');
    const delivered = new Delivered(module, archive);
    await delivered.recover();
    const waiting = new WaitingMessages(module, { archive, recipients, limits, delivered }, state);
    module.provide('disco-feature', 'msgoffline');
    module.hook('message-undeliverable', (event) => keep(waiting, event));
    module.hook('message-delivered', ({ event, user, sessions }) => {
      if (sessions.length > 0 && event.notes.archive?.received) delivered.note(user);
    });
    module.hook('presence-available', ({ session, previousPriority }) => {
      const waited = previousPriority === undefined || previousPriority < 0;
      if (waited && recipients(session.jid.local ?? '').includes(session))
        module.spawn(waiting.deliver(session));
    });
    module.hook('resource-unbind', ({ session }) => waiting.ended(session));
    module.hook('archive-retracted', ({ user }) => waiting.retracted(user));
    module.hook('smacks-return', ({ onTaken, text }) => waiting.returned(onTaken, text));
    module.hook('user-delete', ({ user }) => {
      waiting.forget(user);
      delivered.forget(user);
    });
  },
});

/** §3: keeps a message, drops it, or leaves it to `message`, which refuses it. */
function keep(waiting: WaitingMessages, event: StanzaEvent): 'handled' | undefined {
  const row = event.notes.archive?.received;
  // A message that is archived is never refused: its recipient will find it there.
  if (row) {
    waiting.flag(event.to.local ?? '', row, event.stanza);
    return 'handled';
  }
  // A notice that someone was typing is worth nothing later, and what a node says is worth nothing when it is old.
  if (saysOnlyChatState(event.stanza) || isOfNode(event.stanza)) return 'handled';
  // XEP-0334 §4.2: "not stored in any archive or offline storage"; so its sender must know that it is lost.
  if (hasHint(event.stanza, 'no-store')) return undefined;
  event.waitUntil(waiting.store(event.to.local ?? '', event.stanza));
  return 'handled';
}

function saysOnlyChatState(message: Stanza): boolean {
  const said = message.elements().filter((element) => element.name !== 'thread');
  const substance = said.filter((element) => !isHint(element));
  return substance.length > 0 && substance.every((element) => element.getNS() === NS.CHAT_STATES);
}

function isOfNode(message: Stanza): boolean {
  return message.getChild('event', NS.PUBSUB_EVENT) !== undefined;
}
