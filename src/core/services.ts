// A service of this server, such as an external component, is a link without streams: every host with users hears when
// it opens and closes.

import type { Link } from '../api/link.ts';
import type { ElapsedClock } from '../util/clock.ts';
import type { LocalHost } from './host.ts';
import type { Router } from './router.ts';

/** Announces that the service of a host has started or connected. */
export function serviceOpened(service: LocalHost, router: Router): void {
  service.isServing = true;
  const { domain: remote } = service;
  for (const { kind, hooks } of router.hosts.values()) {
    if (kind === 'local') hooks.notify('link-open', { remote });
  }
}

/** Announces that the service of a host has stopped or disconnected. */
export function serviceClosed(service: LocalHost, router: Router): void {
  service.isServing = false;
  const { domain: remote } = service;
  for (const { kind, hooks } of router.hosts.values()) {
    if (kind === 'local')
      hooks.notify('link-close', { remote, cause: 'service', error: undefined, wasUsed: true });
  }
}

/** The link between two of our own hosts. It needs no attempts: `link-open` tells when the service is back. */
export function serviceLink({ kind, isServing }: LocalHost, clock: ElapsedClock): Link {
  const isUp = kind === 'local' || isServing === true;
  return {
    state: isUp ? 'up' : 'down',
    lastReceivedAt: isUp ? clock.elapsed() : Number.NEGATIVE_INFINITY,
    want: () => () => {},
  };
}
