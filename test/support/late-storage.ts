// Storage whose tables hold an owner only as long as it is needed: the rows of an owner are loaded a turn after they were
// asked for, and unloaded a turn after nothing holds the owner any more. Code that reads what an owner has who was not
// loaded throws. ENJAMB_TEST_STORAGE=late runs any test that uses `startServer` on it. `startHarness` binds its clients without
// a negotiation, so it always has whole tables.

import { setImmediate } from 'node:timers/promises';
import type { ServerParts } from '../../src/server.ts';
import { openStorage } from '../../src/storage/index.ts';
import type { OwnerLoader, OwnerRows, StorageDriver } from '../../src/storage/stores.ts';

/** Turns in which a stanza that is written now reaches owners who reach owners who are not in memory. */
const TURNS = 10;

const isLate = (): boolean => process.env.ENJAMB_TEST_STORAGE === 'late';

/** What is under way inside the server is done, although owners are loaded on the way. */
export async function ownersLoaded(): Promise<void> {
  for (let n = 0; isLate() && n < TURNS; n++) await setImmediate();
}

/** What a test server opens its storage with. */
export function storageOfTests(): Pick<ServerParts, 'openStorage'> {
  if (!isLate()) return {};
  return { openStorage: async (options) => late(await openStorage(options)) };
}

/** The same driver, with tables that are not loaded whole. */
export function late(driver: StorageDriver): StorageDriver {
  const hosts = new Map<string, LateOwners>();
  return {
    name: driver.name,
    get queuedBytes() {
      return driver.queuedBytes;
    },
    maxQueuedBytes: driver.maxQueuedBytes,
    keyval: (...store) => driver.keyval(...store),
    map: (...store) => driver.map(...store),
    archive: (...store) => driver.archive(...store),
    ownerLoader(host) {
      const owners = hosts.get(host) ?? new LateOwners();
      hosts.set(host, owners);
      return owners;
    },
    purge: (host, owner) => driver.purge(host, owner),
    batch: (write) => driver.batch(write),
    close: () => driver.close(),
  };
}

interface Owner {
  holds: number;
  isLoaded: boolean;
  loading: Promise<void> | undefined;
}

export class LateOwners implements OwnerLoader {
  readonly #tables: OwnerRows[] = [];
  readonly #owners = new Map<string, Owner>();

  ready(name: string): true | Promise<void> {
    const owner = this.#owner(name);
    if (owner.isLoaded || this.#tables.length === 0) return true;
    owner.loading ??= this.#load(name, owner);
    return owner.loading;
  }

  hold(name: string): () => void {
    const owner = this.#owner(name);
    let isHeld = true;
    owner.holds++;
    return () => {
      if (isHeld) owner.holds--;
      isHeld = false;
      void this.#rest(name, owner);
    };
  }

  async add(rows: OwnerRows): Promise<void> {
    this.#tables.push(rows);
    const loaded = [...this.#owners].filter(([, { isLoaded }]) => isLoaded);
    await Promise.all(loaded.map(([name]) => rows.load(name)));
  }

  #owner(name: string): Owner {
    const owner = this.#owners.get(name) ?? { holds: 0, isLoaded: false, loading: undefined };
    this.#owners.set(name, owner);
    return owner;
  }

  async #load(name: string, owner: Owner): Promise<void> {
    try {
      await setImmediate();
      await Promise.all(this.#tables.map((table) => table.load(name)));
      owner.isLoaded = true;
    } finally {
      owner.loading = undefined;
      void this.#rest(name, owner);
    }
  }

  /** Unloads an owner whom nothing has held for a turn. */
  async #rest(name: string, owner: Owner): Promise<void> {
    await setImmediate();
    if (owner.holds > 0 || owner.loading || this.#owners.get(name) !== owner) return;
    for (const table of this.#tables) table.unload(name);
    this.#owners.delete(name);
  }
}
