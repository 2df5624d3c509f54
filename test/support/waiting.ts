// The messages that wait for a user, on the disk.

import type { Server } from '../../src/server.ts';
import type { ArchiveStore } from '../../src/storage/archive.ts';

export function archiveOf(server: Server, host = 'capulet.lit'): ArchiveStore {
  return server.router.hosts.get(host)!.stores.archive('archive');
}

/** The number of messages that wait for a user; `from`: of this sender only. */
export async function waitingFor(archive: ArchiveStore, user: string, from?: string): Promise<number> {
  const rows = (await archive.waiting(user)).filter((row) => from === undefined || row.with === from);
  return rows.reduce((sum, { messages }) => sum + messages, 0);
}
