// XEP-0198 Stream Management: stanzas are acknowledged, and a client or a server whose connection breaks goes on with
// another.

import { boolean, defineModule, duration, type Exports, integer, size } from 'enjamb/api';
import { manageClients } from './c2s/manage.ts';
import { countStanzas } from './s2s/index.ts';

/**
 * Keeps what a client has not acknowledged: at most `smacks_max_queue` stanzas and `smacks_max_queue_size` per session,
 * for at most `smacks_max_hibernated_sessions` sleeping sessions per account. When a session ends, its messages go where
 * messages for a client that is gone go (RFC 6121 §8.5.3.2.1), requests are refused, and nothing is lost silently.
 */
export default defineModule({
  name: 'smacks',
  summary: 'Resumes sessions of clients and links with other servers after a broken connection',
  implements: ['XEP-0198 1.6.3'],
  scope: 'host',
  enabledOn: ['local', 'component', 'external'],
  options: {
    smacks_hibernation_time: duration(
      'Time in which a client can resume its session after its connection broke',
      {
        default: '10 minutes',
        min: '1 second',
      },
    ),
    smacks_max_hibernated_sessions: integer('Most sleeping sessions of a user; beyond that the oldest ends', {
      default: 10,
      min: 1,
    }),
    smacks_max_queue: integer('Most unacknowledged stanzas kept for a client', {
      default: 5000,
      min: 1,
    }),
    smacks_max_queue_size: size('Largest size of these stanzas together', {
      default: '2 MiB',
      min: '16 KiB',
    }),
    smacks_max_unacked: integer(
      'Number of unacknowledged stanzas after which the server requests an acknowledgement immediately',
      {
        default: 10,
        min: 1,
      },
    ),
    smacks_ack_timeout: duration(
      'Time for a client to answer a request for acknowledgement; after that its connection counts as dead',
      {
        default: '1 minute',
        min: '1 second',
      },
    ),
    s2s_resumption_time: duration('Time in which a broken stream with another server can be resumed', {
      default: '5 minutes',
      min: '1 second',
    }),
    s2s_max_unconfirmed: integer(
      'Most stanzas that another server may leave unacknowledged; beyond that the link is closed',
      { default: 20_000, min: 1 },
    ),
    s2s_max_unconfirmed_size: size(
      'Largest size of these stanzas, as they were written; all links together have 128 MiB',
      {
        default: '16 MiB',
        min: '16 KiB',
      },
    ),
    s2s_ack_timeout: duration(
      'Time for another server to acknowledge; after that its connection counts as dead',
      {
        default: '15 seconds',
        min: '1 second',
      },
    ),
    s2s_confirm_by_ping: boolean(
      'Whether answers to pings count as acknowledgements of servers without stream management',
      {
        default: true,
      },
    ),
  },

  load(module): Exports['smacks'] | undefined {
    const { options } = module;
    countStanzas(module, {
      maxStanzas: options.s2s_max_unconfirmed,
      maxBytes: options.s2s_max_unconfirmed_size,
      ackTimeoutMs: options.s2s_ack_timeout,
      resumableMs: options.s2s_resumption_time,
      acknowledgesByPing: options.s2s_confirm_by_ping,
    });
    if (module.host.kind !== 'local') return undefined;
    return manageClients(module, {
      queue: { stanzas: options.smacks_max_queue, bytes: options.smacks_max_queue_size },
      acks: { maxUnacked: options.smacks_max_unacked, timeoutMs: options.smacks_ack_timeout },
      sleep: {
        timeMs: options.smacks_hibernation_time,
        maxPerAccount: options.smacks_max_hibernated_sessions,
      },
    });
  },
});
