// Passes an element for a client through the events of modules, in two steps.
//
//   send ──c2s-out──┬──▶ commit ──c2s-commit──┬──▶ written to the stream
//                   │                         ├──▶ kept by a module, and written
//                   └──▶ held by a module     └──▶ queued by a module until the client is back
//
// A module that holds elements back commits them later. Only committed elements are numbered (XEP-0198 §4), so the
// numbers follow the order on the stream.

import type { Answer } from '../api/events.ts';
import type { OutgoingElement } from '../api/stream.ts';
import type { LocalHost } from '../core/host.ts';
import type { Element } from '../xml/element.ts';

/** Runs `c2s-out`. Returns the element to be committed; `'held'` if a module holds it; `'refused'` if a handler failed. */
export function passOut(host: LocalHost, event: OutgoingElement): Element | 'held' | 'refused' {
  return ask(host, 'c2s-out', event) ?? event.element;
}

/** Runs `c2s-commit`. Returns the answer of the module that counts stanzas; `'refused'` if it failed or has no room. */
export function passCommit(
  host: LocalHost,
  event: OutgoingElement,
): 'kept' | 'queued' | 'refused' | undefined {
  const answer = ask(host, 'c2s-commit', event);
  return answer === 'full' ? 'refused' : answer;
}

/** If a handler fails, the element is refused: the handler might have had to stop it. */
function ask<N extends 'c2s-out' | 'c2s-commit'>(
  { hooks, faults }: LocalHost,
  name: N,
  event: OutgoingElement,
): Answer<N> | 'refused' | undefined {
  try {
    return hooks.fire(name, event);
  } catch (error) {
    faults.loggedBy(event.session.log).report('handler', error, { event: name });
    return 'refused';
  }
}
