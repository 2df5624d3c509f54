// The addresses on one block list, prepared for look-ups (XEP-0191 §6).

import { Jid } from 'enjamb/api';

export class BlockedJids {
  /** Accounts, and addresses with a resource. */
  readonly #addresses = new Set<string>();
  readonly #domains = new Set<string>();

  /** @param items prepared addresses */
  constructor(items: readonly string[]) {
    for (const item of items) {
      const isDomain = Jid.tryParse(item)?.isDomain === true;
      (isDomain ? this.#domains : this.#addresses).add(item);
    }
  }

  /** Whether the list has the address, its bare JID, its domain, or a domain above that. */
  has(jid: Jid): boolean {
    if (this.#addresses.has(jid.toString()) || this.#addresses.has(jid.bare)) return true;
    return this.#domains.size > 0 && this.#hasDomain(jid.domain);
  }

  /** §6 lists only the domain itself; docs/adr/0045 says why this includes the domains below it. */
  #hasDomain(domain: string): boolean {
    for (let rest = domain; ; ) {
      if (this.#domains.has(rest)) return true;
      const dot = rest.indexOf('.');
      if (dot < 0) return false;
      rest = rest.slice(dot + 1);
    }
  }
}
