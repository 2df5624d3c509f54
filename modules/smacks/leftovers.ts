// What becomes of stanzas that a client has not acknowledged when its session is over (§4): the same as of stanzas for
// a client that is gone. The address is free already, so the router knows what to do.

import { type C2SSession, type Module, NS, parseElement, type Stanza, xml } from 'enjamb/api';
import type { Outbound, Sent } from './outbound.ts';

export function giveBack(module: Module, session: C2SSession, { queue }: Outbound): void {
  for (const sent of queue) {
    if (!isElsewhere(sent)) handBack(module, session, sent);
  }
}

/** Whether another client of the account has the message, or may still confirm it. */
function isElsewhere({ delivery }: Sent): boolean {
  if (!delivery) return false;
  delivery.copies--;
  return delivery.isTaken || delivery.copies > 0;
}

function handBack(module: Module, { jid, log }: C2SSession, { text, at }: Sent): void {
  if (text.startsWith('<presence')) return; // Whoever comes next hears of who is there then.
  try {
    const stanza = parseElement(text);
    const { type, from = jid.bare, to = jid.toString() } = stanza.attrs;
    // A result or an error has nobody to go to but the client that asked.
    if (stanza.name === 'iq' && type !== 'get' && type !== 'set') return;
    const addressed = stanza.with({ from, to });
    module.send(stanza.name === 'message' ? delayed(addressed, module.host.domain, at) : addressed);
  } catch (error) {
    log.error('unacknowledged stanza lost', { error });
  }
}

/** XEP-0203: since when it has waited; what was late before keeps its first time. */
function delayed(message: Stanza, domain: string, at: number): Stanza {
  if (message.getChildren('delay', NS.DELAY).some(({ attrs }) => attrs.from === domain)) return message;
  const stamp = new Date(at).toISOString();
  return message.withChildren([...message.children, xml('delay', { xmlns: NS.DELAY, from: domain, stamp })]);
}
