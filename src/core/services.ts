// A service of this server, such as an external component, is a link without streams: every host with users hears when
// it opens and closes.

import type { Router } from './router.ts';

/** Announces that the service `remote` has started or connected. */
export function serviceOpened(remote: string, router: Router): void {
  for (const { kind, hooks } of router.hosts.values()) {
    if (kind === 'local') hooks.notify('link-open', { remote });
  }
}

/** Announces that the service `remote` has stopped or disconnected. */
export function serviceClosed(remote: string, router: Router): void {
  for (const { kind, hooks } of router.hosts.values()) {
    if (kind === 'local')
      hooks.notify('link-close', { remote, cause: 'service', error: undefined, wasUsed: true });
  }
}
