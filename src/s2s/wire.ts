// What modules see of each element between an authenticated stream and its session: `s2s-in` and `s2s-out`.

import type { S2SStream } from '../api/session.ts';
import { unwrap } from '../core/hooks.ts';
import type { LocalHost } from '../core/host.ts';
import type { Router } from '../core/router.ts';
import { isStanza } from '../core/stanza-rules.ts';
import type { Element } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';

/**
 * What `s2s-in` leaves of an element; `undefined` when a handler has taken it, or has failed and so refused it.
 * @throws StreamError a handler's.
 */
export function passIn(
  host: LocalHost,
  session: S2SStream,
  element: Element,
  router: Router,
): Element | undefined {
  return pass('s2s-in', host, session, element, router);
}

/**
 * What `s2s-out` leaves of an element. The stream does not suffer for a handler that fails, and the sender of a stanza
 * hears of it.
 */
export function passOut(
  host: LocalHost,
  session: S2SStream,
  element: Element,
  router: Router,
): Element | undefined {
  try {
    return pass('s2s-out', host, session, element, router);
  } catch (error) {
    session.close(error as StreamError);
    if (isStanza(element)) {
      const text = 'The link was closed because of this stanza';
      router.bounce(element, new StanzaError('remote-server-timeout', { type: 'wait', text }));
    }
    return undefined;
  }
}

function pass(
  name: 's2s-in' | 's2s-out',
  host: LocalHost,
  session: S2SStream,
  element: Element,
  router: Router,
): Element | undefined {
  if (!host.hooks.has(name)) return element;
  const event = { session, element };
  try {
    return host.hooks.fire(name, event) === 'handled' ? undefined : event.element;
  } catch (thrown) {
    const { error, owner } = unwrap(thrown, 's2s');
    if (error instanceof StreamError) throw error;
    const isRefusal = error instanceof StanzaError;
    if (!isRefusal)
      host.faults.loggedBy(session.log).report('handler', error, { event: name, module: owner });
    if (isStanza(element))
      router.bounce(element, isRefusal ? error : new StanzaError('internal-server-error'));
    return undefined;
  }
}
