// Metrics of links with other servers.

import type { Metrics } from '../util/metrics.ts';
import type { LinkPool } from './pool.ts';

export function measureLinks(metrics: Metrics, pool: LinkPool): void {
  metrics.gauge(
    's2s_links',
    'Links with other servers, one for each direction and pair of domains',
    ['direction', 'state'],
    () => {
      const { links, incoming } = pool.list();
      const open = links.filter(({ carrier }) => carrier).length;
      const connecting = links.filter(({ carrier, outgoing }) => !carrier && outgoing).length;
      const received = incoming.reduce((count, { pairs }) => count + pairs.length, 0);
      return [
        [['out', 'open'], open],
        [['out', 'connecting'], connecting],
        [['out', 'failed'], links.length - open - connecting],
        [['in', 'open'], received],
      ];
    },
  );
  metrics.gauge('s2s_waiting_stanzas', 'Stanzas that wait for a link', () =>
    pool.list().links.reduce((count, { queued }) => count + queued, 0),
  );
}
