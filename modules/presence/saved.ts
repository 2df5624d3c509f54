// The saved part of a client's session: its last presence, and the addresses with directed presence.

import { type C2SSession, type Module, parseElement, share } from 'enjamb/api';
import { DirectedAddresses } from './directed.ts';

/** JSON. */
interface SavedPresence {
  readonly stanza: string;
  readonly priority: number;
  /** Absent in data of older versions. */
  readonly at?: number;
}

export function provideSessionParts(module: Module): void {
  module.provide('session-part', {
    name: 'presence',
    save: ({ boundAt, state: { presence, presenceAt = boundAt, priority = 0 } }) =>
      presence && { stanza: `${presence}`, priority, at: presenceAt },
    load(session, saved) {
      const { stanza, priority, at = session.boundAt } = saved as unknown as SavedPresence;
      session.state.presence = share(parseElement(stanza));
      session.state.presenceAt = at;
      session.state.priority = priority;
    },
  });
  module.provide('session-part', { name: 'directed', save: savedAddresses, load: loadAddresses });
}

/** The addresses by bare JID. */
function savedAddresses({ state: { directed } }: C2SSession): Record<string, string[]> | undefined {
  if (directed === undefined) return undefined;
  return Object.fromEntries([...directed].map(([bare, addresses]) => [bare, [...addresses]]));
}

function loadAddresses({ state }: C2SSession, saved: unknown): void {
  const entries = Object.entries(saved as Record<string, string[]>);
  state.directed = new DirectedAddresses();
  for (const [bare, addresses] of entries) for (const address of addresses) state.directed.add(bare, address);
}
