// What modules make of an element that is about to be written to a client: `c2s-out`.

import type { OutgoingElement } from '../api/events.ts';
import type { C2SSession, Receipt } from '../api/session.ts';
import type { LocalHost } from '../core/host.ts';
import type { Element } from '../xml/element.ts';

/** Runs `c2s-out`. Returns the element to be written; true if a handler took it; false if one failed or has no room. */
export function passOut(
  host: LocalHost,
  session: C2SSession,
  element: Element,
  receipt: Receipt | undefined,
): OutgoingElement | boolean {
  const event = { session, element, receipt, kept: false };
  if (!host.hooks.has('c2s-out')) return event;
  try {
    const answer = host.hooks.fire('c2s-out', event);
    return answer === undefined ? event : answer === 'handled';
  } catch (error) {
    host.faults.loggedBy(session.log).report('handler', error, { event: 'c2s-out' });
    return false;
  }
}
