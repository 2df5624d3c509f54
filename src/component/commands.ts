// The administrators' command for external components.

import type { CommandRegistry, CommandResult } from '../admin/commands.ts';
import type { Components } from './components.ts';
import type { Service } from './service.ts';

const COLUMNS = ['domain', 'state', 'since', 'address', 'in', 'out', 'queued', 'error'];

/** Offers `components list` until the server stops. */
export function registerComponentCommands(registry: CommandRegistry, components: Components): void {
  registry.register({
    name: 'components list',
    summary: 'Lists the external components, and why disconnected ones disconnected',
    args: {},
    run: (): CommandResult => ({ rows: components.services.map(rowOf), columns: COLUMNS }),
  });
}

/** `since`: when the present state began, if known; `queued`: bytes. */
function rowOf({ domain, session, lastError }: Service) {
  const since = session?.since ?? lastError?.at;
  return {
    domain,
    state: session ? 'connected' : 'away',
    since: since === undefined ? undefined : new Date(since).toISOString(),
    address: session?.remoteAddress,
    in: session?.stanzasIn,
    out: session?.stanzasOut,
    queued: session?.queuedBytes,
    error: lastError?.message,
  };
}
