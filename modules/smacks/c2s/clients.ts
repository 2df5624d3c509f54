// Clients with stream management: the plain data of each client (state.ts), with its timers and callbacks, which cannot be
// saved. Both survive a reload of the module.

import { type C2SSession, type Module, NS, type Timer, xml } from 'enjamb/api';
import { type Inbound, inboundOver } from '../inbound.ts';
import type { Sent, StreamManagement } from './state.ts';

export interface Client {
  readonly session: C2SSession;
  readonly state: StreamManagement;
  /** Updates `state.inbound`. */
  readonly inbound: Inbound;
  /** We have sent `<r/>`, and no `<a/>` has arrived. */
  isRequested: boolean;
  /** The client has sent something since our `<r/>`. */
  isHeard: boolean;
  /** The client has a new stream, and `<resumed/>` has not been sent yet. */
  isResuming: boolean;
  /** Fires when `<r/>` is due, or when the answer to it is overdue. */
  ackTimer?: Timer | undefined;
  /** Ends the sleeping session when it fires. */
  sleepTimer?: Timer | undefined;
  /** Sends `<resumed/>` when it fires, though earlier stanzas of the client are still being handled. */
  resumeTimer?: Timer | undefined;
}

interface Kept {
  readonly clients: WeakMap<C2SSession, Client>;
  /** The callbacks of senders that keep a copy until the client has the stanza. */
  readonly onTaken: WeakMap<Sent, () => void>;
}

export class Clients {
  readonly #kept: Kept;

  constructor(module: Module) {
    this.#kept = module.keep('clients', () => ({ clients: new WeakMap(), onTaken: new WeakMap() }));
  }

  get onTaken(): Kept['onTaken'] {
    return this.#kept.onTaken;
  }

  /** `undefined` for a session without stream management. */
  get(session: C2SSession): Client | undefined {
    const { smacks: state } = session.state;
    if (state === undefined) return undefined;
    const known = this.#kept.clients.get(session);
    return known?.state === state ? known : this.#add(session, state);
  }

  #add(session: C2SSession, state: StreamManagement): Client {
    const tell = () => session.write(xml('a', { xmlns: NS.SM, h: `${state.inbound.h}` }));
    const inbound = inboundOver(state.inbound, () => void tell());
    const client = { session, state, inbound, isRequested: false, isHeard: false, isResuming: false };
    this.#kept.clients.set(session, client);
    return client;
  }
}
