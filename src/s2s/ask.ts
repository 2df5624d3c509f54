// Questions to the modules of a host, where a handler that fails must not upset a link.

import type { Answer, EventName, Payload } from '../api/events.ts';
import { unwrap } from '../core/hooks.ts';
import type { LocalHost } from '../core/host.ts';

/** What the modules answer; one that fails has said nothing. */
export function ask<N extends EventName>(
  host: LocalHost,
  event: N,
  payload: Payload<N>,
): Answer<N> | undefined {
  try {
    return host.hooks.fire(event, payload);
  } catch (thrown) {
    const { owner, error } = unwrap(thrown, 's2s');
    host.faults.report('handler', error, { event, module: owner });
    return undefined;
  }
}
