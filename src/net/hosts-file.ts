// The addresses in the hosts file of this machine (hosts(5)).

import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Address } from './dns-answer.ts';

/** Larger than the longest block lists in use. */
const MAX_BYTES = 16 * 1024 * 1024;

export class HostsFile {
  readonly #path: string;
  #version = '';
  #names = new Map<string, Address[]>();

  constructor(path: string) {
    this.#path = path;
  }

  /** The addresses of a name, or none. Reads a changed file again, and treats an unreadable file as empty. */
  async lookup(name: string): Promise<Address[]> {
    await this.#refresh();
    return this.#names.get(name) ?? [];
  }

  async #refresh(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === this.#version) return;
      this.#names = size > MAX_BYTES ? new Map() : parse(await readFile(this.#path, 'utf8'));
      this.#version = version;
    } catch {
      this.#version = '';
      this.#names = new Map();
    }
  }
}

function parse(content: string): Map<string, Address[]> {
  const found = new Map<string, Address[]>();
  for (const line of content.split('\n')) {
    const [address, ...names] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/);
    const family = isIP(address ?? '');
    if (address === undefined || (family !== 4 && family !== 6)) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const addresses = found.get(key) ?? [];
      if (!addresses.some((known) => known.address === address)) addresses.push({ address, family });
      found.set(key, addresses);
    }
  }
  return found;
}
