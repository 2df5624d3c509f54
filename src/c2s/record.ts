// The saved form of a client session: the data of the core, and the parts of modules (item `session-part`).

import type { C2SSession } from '../api/session.ts';
import type { Json } from '../api/stream.ts';
import type { LocalHost } from '../core/host.ts';

/** A saved session. It survives a conversion to JSON and back. */
export interface SessionRecord {
  readonly v: 1;
  readonly id: string;
  /** Full JID. */
  readonly jid: string;
  /** Whether its last stream was encrypted. */
  readonly secure: boolean;
  /** Milliseconds since 1970. */
  readonly boundAt: number;
  /** Stanzas received from the client, and sent to it. */
  readonly in: number;
  readonly out: number;
  /** The parts of modules, by their names. */
  readonly parts: Readonly<Record<string, Json>>;
}

/** Collects the parts of all modules of the host, by name. */
export function saveParts(host: LocalHost, session: C2SSession): Record<string, Json> {
  const parts: Record<string, Json> = {};
  for (const { name, save } of host.items.get('session-part')) {
    const saved = save(session);
    if (saved !== undefined) parts[name] = saved;
  }
  return parts;
}

/**
 * Gives each module its part. A part whose module is not loaded is ignored.
 * @throws TypeError if a module cannot use its part.
 */
export function loadParts(host: LocalHost, session: C2SSession, parts: SessionRecord['parts']): void {
  for (const part of host.items.get('session-part')) {
    const saved = parts[part.name];
    if (saved !== undefined) part.load(session, saved);
  }
}
