// Clients with stream management: the plain data of each (state.ts), and its timers and callbacks, which cannot be saved.
// Both survive a reload of the module.

import { type C2SSession, type Module, NS, type Timer, xml } from 'enjamb/api';
import { type Inbound, inboundOver } from '../inbound.ts';
import type { Sent, StreamManagement } from './state.ts';

export interface Client {
  readonly session: C2SSession;
  readonly state: StreamManagement;
  /** Counts in `state.inbound`. */
  readonly inbound: Inbound;
  /** An acknowledgement has been asked for, and has not come. */
  isRequested: boolean;
  /** Something has come from the client since we asked. */
  isHeard: boolean;
  /** The client has a new stream, and `<resumed/>` has not been sent yet. */
  isResuming: boolean;
  /** Until the request, or until the answer to it is overdue. */
  ackTimer?: Timer | undefined;
  /** Until the session ends. */
  sleepTimer?: Timer | undefined;
  /** Until the client is told without waiting for work. */
  resumeTimer?: Timer | undefined;
}

interface Kept {
  readonly clients: WeakMap<C2SSession, Client>;
  /** What senders that keep a copy gave as `onTaken`. */
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
