// The metrics of the core, and the command that prints all metrics.

import { type Command, type CommandRegistry, type CommandResult, defineCommand } from '../admin/commands.ts';
import type { MetricRegistry, Reading } from '../util/metrics.ts';
import type { ServerContext } from './context.ts';
import type { Router } from './router.ts';

/** Registers the command `metrics` and the metrics of the core until the server stops. */
export function measureCore(
  registry: MetricRegistry,
  commands: CommandRegistry,
  { router, faults }: Pick<ServerContext, 'router' | 'faults'>,
): void {
  const metrics = registry.scope();
  metrics.gauge(
    'c2s_sessions',
    'Bound client sessions; those without a connection may be resumed',
    ['host', 'state'],
    () => sessionsOf(router),
  );
  metrics.counted(
    'stanzas_routed',
    'Stanzas routed to a local host or to another server',
    ['kind', 'to'],
    () => stanzasOf(router),
  );
  metrics.counted(
    'internal_errors',
    'Unexpected exceptions, by the place that caught them; the log has their stacks',
    ['place'],
    () => [...faults.counts].map(([place, count]): Reading => [[place], count]),
  );
  metrics.counted(
    'iq_answers_forged',
    'Answers to requests of this server that came from another address than the one asked',
    [],
    () => [[[], router.pendingIqs.forged]],
  );
  commands.register(metricsCommand(registry));
}

function metricsCommand(registry: MetricRegistry): Command {
  return defineCommand({
    name: 'metrics',
    summary: 'Prints all metrics as OpenMetrics text',
    args: {},
    run: (): CommandResult => ({ text: registry.text().trimEnd(), data: registry.samples() }),
  });
}

function stanzasOf({ routed }: Router): Reading[] {
  return Object.entries(routed).flatMap(([to, kinds]) =>
    Object.entries(kinds).map(([kind, count]): Reading => [[kind, to], count]),
  );
}

function sessionsOf(router: Router): Reading[] {
  return [...router.hosts.values()]
    .filter(({ kind }) => kind === 'local')
    .flatMap(({ domain, sessions }): Reading[] => {
      const connected = [...sessions].filter((session) => session.connected).length;
      return [
        [[domain, 'connected'], connected],
        [[domain, 'asleep'], sessions.size - connected],
      ];
    });
}
