// What is measured of the links with other servers.

import type { Metrics } from '../util/metrics.ts';
import type { Links } from './links.ts';

export function measureLinks(metrics: Metrics, links: Links): void {
  metrics.gauge(
    's2s_links',
    'Links with other servers: one way, from or to one domain',
    ['direction', 'state'],
    () => {
      const { routes, incoming } = links.list();
      const open = routes.filter(({ session }) => session !== undefined).length;
      const connecting = routes.filter(({ session, isActive }) => session === undefined && isActive).length;
      const received = incoming.reduce((count, { remotes }) => count + remotes.size, 0);
      return [
        [['out', 'open'], open],
        [['out', 'connecting'], connecting],
        [['out', 'failed'], routes.length - open - connecting],
        [['in', 'open'], received],
      ];
    },
  );
  metrics.gauge('s2s_waiting_stanzas', 'Stanzas that wait for a link', () =>
    links.list().routes.reduce((count, { queued }) => count + queued, 0),
  );
}
