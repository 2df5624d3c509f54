// The payloads of all places and waiting joins. Most clients send the same to all rooms, so a client's equal payloads are kept once.

import type { C2SSession } from 'enjamb/api';

declare module 'enjamb/api' {
  interface C2SState {
    /** By text. Owned by muc_autorejoin. */
    mucPayloads?: Map<string, SharedPayload>;
  }
}

/** A place, or a join that waits. */
export interface PayloadHolder {
  readonly session: C2SSession;
  /** Changed by `Payloads.set`. */
  payload: string | undefined;
}

interface SharedPayload {
  readonly text: string;
  /** How many have it. */
  holders: number;
}

/** Plain data, which survives a reload of the code. */
export interface PayloadTotal {
  characters: number;
}

/** Of all clients: 32 MiB at two bytes each. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

export class Payloads {
  readonly #total: PayloadTotal;

  constructor(total: PayloadTotal) {
    this.#total = total;
  }

  /** Replaces a payload. Beyond the bound the holder gets none, and its client has to join by itself. */
  set(holder: PayloadHolder, text: string | undefined): void {
    const { session, payload: before } = holder;
    holder.payload = text === undefined ? undefined : this.#take(session, text);
    if (before !== undefined) this.#give(session, before);
  }

  #take({ state }: C2SSession, text: string): string | undefined {
    state.mucPayloads ??= new Map();
    const known = state.mucPayloads.get(text);
    if (known === undefined && this.#total.characters + text.length > MAX_CHARACTERS) return undefined;
    const shared = known ?? { text: Buffer.from(text).toString(), holders: 0 }; // Flat.
    if (known === undefined) {
      this.#total.characters += text.length;
      state.mucPayloads.set(shared.text, shared);
    }
    shared.holders++;
    return shared.text;
  }

  #give({ state }: C2SSession, text: string): void {
    const shared = state.mucPayloads?.get(text);
    if (shared === undefined || --shared.holders > 0) return;
    state.mucPayloads?.delete(text);
    this.#total.characters -= text.length;
  }
}
