// Who is in a room: occupants, each with a nick and one or more clients.

import type { Node } from '../../../src/xml/element.ts';

export type Role = 'none' | 'visitor' | 'participant' | 'moderator';
export type Affiliation = 'none' | 'member' | 'admin' | 'owner' | 'outcast';

export interface Occupant {
  nick: string;
  readonly account: string;
  role: Role;
  /** XEP-0421. */
  id: string;
  /** Full JID → children of the client's last presence. The newest is what the room shows. */
  readonly clients: Map<string, readonly Node[]>;
}

export class Occupants implements Iterable<Occupant> {
  readonly #byNick = new Map<string, Occupant>();
  readonly #byClient = new Map<string, Occupant>();

  [Symbol.iterator](): Iterator<Occupant> {
    return this.#byNick.values();
  }

  /** The number of clients. */
  get clients(): number {
    return this.#byClient.size;
  }

  named(nick: string): Occupant | undefined {
    return this.#byNick.get(nick);
  }

  /** The occupant that this client is. */
  of(full: string): Occupant | undefined {
    return this.#byClient.get(full);
  }

  /** All clients, with the occupants that they are. */
  everybody(): IterableIterator<[full: string, occupant: Occupant]> {
    return this.#byClient.entries();
  }

  /** Puts a client's presence last, so that the room shows it. */
  seat(occupant: Occupant, full: string, presence: readonly Node[]): void {
    this.#byNick.set(occupant.nick, occupant);
    this.#byClient.set(full, occupant);
    occupant.clients.delete(full);
    occupant.clients.set(full, presence);
  }

  /** Returns the occupant that the client was. It is gone with its last client. */
  remove(full: string): Occupant | undefined {
    const occupant = this.#byClient.get(full);
    this.#byClient.delete(full);
    occupant?.clients.delete(full);
    if (occupant?.clients.size === 0) this.#byNick.delete(occupant.nick);
    return occupant;
  }

  clear(): void {
    this.#byNick.clear();
    this.#byClient.clear();
  }
}

/** The children of the presence that a room shows. */
export function shownPresence({ clients }: Occupant): readonly Node[] {
  return [...clients.values()].at(-1) ?? [];
}
