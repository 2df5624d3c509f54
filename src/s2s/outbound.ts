// Passes each element to the event `s2s-out` and to the ledger before it is written to an authenticated stream.

import type { S2SStream } from '../api/session.ts';
import { unwrap } from '../core/hooks.ts';
import type { LocalHost } from '../core/host.ts';
import type { Router } from '../core/router.ts';
import { isStanza } from '../core/stanza-rules.ts';
import type { Element } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';
import type { HostLedger } from './ledger.ts';

export interface OutboundContext {
  readonly host: LocalHost;
  readonly ledger: HostLedger;
  readonly router: Router;
}

/**
 * Returns the element to write, possibly changed by handlers of `s2s-out`; the ledger has counted it if it is a stanza.
 * `undefined`: write nothing. If a handler or the ledger refuses a stanza, its sender gets the error.
 */
export function passOut(context: OutboundContext, stream: S2SStream, element: Element): Element | undefined {
  const { host, ledger, router } = context;
  const event = { session: stream, element };
  try {
    if (host.hooks.has('s2s-out') && host.hooks.fire('s2s-out', event) === 'handled') return undefined;
    const isRefused = isStanza(event.element) && ledger.sent(stream, event.element) === 'refused';
    return isRefused ? undefined : event.element;
  } catch (thrown) {
    const refusal = refusalFor(context, stream, thrown);
    if (isStanza(element)) router.bounce(element, refusal);
    return undefined;
  }
}

/** The error for the sender. A StreamError also ends the stream. */
function refusalFor({ host }: OutboundContext, stream: S2SStream, thrown: unknown): StanzaError {
  const { error, owner } = unwrap(thrown, 's2s');
  if (error instanceof StanzaError) return error;
  if (error instanceof StreamError) {
    stream.close(error);
    const text = 'The link was closed because of this stanza';
    return new StanzaError('remote-server-timeout', { type: 'wait', text });
  }
  host.faults.loggedBy(stream.log).report('handler', error, { event: 's2s-out', module: owner });
  return new StanzaError('internal-server-error');
}
