// What modules see of each element between a client's stream and its session: `c2s-in` and `c2s-out`.

import type { OutgoingElement } from '../api/events.ts';
import type { Receipt } from '../api/session.ts';
import { HandlerError } from '../core/hooks.ts';
import type { Router } from '../core/router.ts';
import { isStanza } from '../core/stanza-rules.ts';
import type { Element } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';
import type { C2SSession } from './session.ts';

/**
 * What `c2s-in` leaves of an element; `undefined` when a handler has taken it, or has failed and so refused it.
 * @throws StreamError a handler's.
 */
export function passIn(session: C2SSession, element: Element, router: Router): Element | undefined {
  const { hooks } = session.host;
  if (!hooks.has('c2s-in')) return element;
  const event = { session, element };
  try {
    return hooks.fire('c2s-in', event) === 'handled' ? undefined : event.element;
  } catch (thrown) {
    const cause = thrown instanceof HandlerError ? thrown.cause : thrown;
    if (cause instanceof StreamError) throw cause;
    refuse(session, element, cause, router);
    return undefined;
  }
}

/** Runs `c2s-out`. Returns the element to be written; true if a handler took it; false if one failed or has no room. */
export function passOut(
  session: C2SSession,
  element: Element,
  receipt: Receipt | undefined,
): OutgoingElement | boolean {
  const { hooks } = session.host;
  const event = { session, element, receipt, kept: false };
  if (!hooks.has('c2s-out')) return event;
  try {
    const answer = hooks.fire('c2s-out', event);
    return answer === undefined ? event : answer === 'handled';
  } catch (error) {
    session.host.faults.loggedBy(session.log).report('handler', error, { event: 'c2s-out' });
    return false;
  }
}

function refuse(session: C2SSession, element: Element, cause: unknown, router: Router): void {
  const isRefusal = cause instanceof StanzaError;
  if (!isRefusal) session.host.faults.loggedBy(session.log).report('handler', cause, { event: 'c2s-in' });
  if (!isStanza(element)) return;
  const error = isRefusal ? cause : new StanzaError('internal-server-error');
  router.bounce(element.with({ from: session.jid.toString() }), error);
}
