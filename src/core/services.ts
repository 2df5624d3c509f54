// A service on one of our own domains comes or goes: every host with users is told, as of a link with another server.

import type { Router } from './router.ts';

export function notifyService(event: 'service-down' | 'service-up', domain: string, router: Router): void {
  for (const host of router.hosts.values()) {
    if (host.kind === 'local') host.hooks.notify(event, { domain });
  }
}
