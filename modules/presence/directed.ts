// The addresses to which one session has sent directed presence (RFC 6121 §4.6.3), with their total size.

export class DirectedAddresses {
  /** Full and bare JIDs, by bare JID. */
  readonly #addresses = new Map<string, Set<string>>();
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is an address with this bare JID. */
  has(bare: string): boolean {
    return this.#addresses.has(bare);
  }

  includes(bare: string, address: string): boolean {
    return this.#addresses.get(bare)?.has(address) ?? false;
  }

  add(bare: string, address: string): void {
    if (this.includes(bare, address)) return;
    const addresses = this.#addresses.get(bare) ?? new Set();
    this.#addresses.set(bare, addresses.add(address));
    this.#count++;
    this.#bytes += Buffer.byteLength(address);
  }

  /** Removes one address. */
  remove(bare: string, address: string): void {
    const addresses = this.#addresses.get(bare);
    if (!addresses?.delete(address)) return;
    this.#count--;
    this.#bytes -= Buffer.byteLength(address);
    if (addresses.size === 0) this.#addresses.delete(bare);
  }

  /** Removes all addresses with this bare JID. */
  delete(bare: string): void {
    for (const address of this.#addresses.get(bare) ?? []) this.remove(bare, address);
  }

  keys(): Iterable<string> {
    return this.#addresses.keys();
  }

  [Symbol.iterator](): Iterator<[bare: string, addresses: ReadonlySet<string>]> {
    return this.#addresses[Symbol.iterator]();
  }
}
