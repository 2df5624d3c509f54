// Finds links with other servers that are dead but not closed: a firewall forgot the connection, a cable was cut, a machine
// vanished. TCP alone notices after 15 minutes, or never.

import { defineModule, duration, type S2SStream } from 'enjamb/api';
import { pingRequest } from 'enjamb/xep';
import { Link, type LinkContext } from './link.ts';

/**
 * Pings a domain that another module needs (`link-needed`) after a time of silence (XEP-0199), and ends all streams with it
 * if no byte arrives in time. On all other streams it sends a space now and then (RFC 6120 §4.6.1), so that firewalls keep
 * the connection.
 */
export default defineModule({
  name: 's2s_keepalive',
  summary: 'Detects dead links with other servers',
  implements: ['XEP-0199 2.0.1'],
  scope: 'host',
  enabledOn: ['local', 'component', 'external'],
  options: {
    s2s_keepalive_silence: duration('Silence of a needed server after which it is pinged', {
      default: '30 seconds',
      min: '1 second',
    }),
    s2s_keepalive_timeout: duration('Time for the answer; after that the links with the server are closed', {
      default: '30 seconds',
      min: '1 second',
    }),
  },

  load(module) {
    const pings = module.metric.counter('s2s_keepalive_pings', 'Pings to servers that were silent');
    const dead = module.metric.counter('s2s_keepalive_timeouts', 'Servers that gave no sign of life in time');
    const links = new Map<string, Link>();
    const domain = module.host.domain;
    const context: LinkContext = {
      clock: module.clock,
      silenceMs: module.options.s2s_keepalive_silence,
      timeoutMs: module.options.s2s_keepalive_timeout,
      isNeeded: (remote) => module.ask('link-needed', { remote }) === 'needed',
      ping(remote) {
        pings.add();
        const ping = pingRequest({ from: domain, to: remote });
        const timeoutMs = module.options.s2s_keepalive_timeout;
        return module.askIq(ping, { timeoutMs, overhead: true, onAnswer: () => {} }).left;
      },
      onDead: (remote, silentMs) => {
        dead.add();
        module.log.info('s2s link dead', { remote, silentMs });
      },
    };

    // Streams outlive a reload of this module.
    const kept = module.keep('sessions', () => new Map<S2SStream, Set<string>>());
    const watch = (session: S2SStream, remote: string) => {
      const link = links.get(remote) ?? new Link(remote, context);
      links.set(remote, link);
      link.add(session);
    };
    for (const [session, remotes] of kept) for (const remote of remotes) watch(session, remote);

    module.hook('link-open', ({ stream, remote }) => {
      if (!stream) return;
      const remotes = kept.get(stream) ?? new Set();
      kept.set(stream, remotes.add(remote));
      watch(stream, remote);
    });
    module.hook('link-close', ({ stream, remote }) => {
      if (!stream) return;
      kept.delete(stream);
      if (links.get(remote)?.remove(stream) === 0) links.delete(remote);
    });
  },
});
