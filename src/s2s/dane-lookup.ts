// Whether the DNS vouches for the certificate of a server that has called us, where no authority does (RFC 7712 §5.1).
// Whoever knows the key that a domain has named for its own port is that domain's server, whichever side has called.

import type { ServerContext } from '../core/context.ts';
import { siteKey } from '../net/address.ts';
import { daneEndpoint, verifyDane } from '../net/dane.ts';
import type { Resolver } from '../net/dns.ts';
import { NetError } from '../net/errors.ts';
import { targetsFor } from '../net/srv.ts';
import type { TlsInfo } from '../net/tls.ts';
import { shownChain } from '../net/tls-info.ts';
import type { Clock } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';

/** Nobody waits longer to be told what he may do. */
const PATIENCE_MS = 5_000;
/** Strangers make us look these up: so many at once, for all of them and for one site. */
const MAX_SEARCHES = 100;
const MAX_SEARCHES_PER_SITE = 8;
/** Of a domain with more targets, the first ones count. */
const MAX_TARGETS = 6;

export class DaneLookup {
  readonly #resolver: Resolver;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #isOn: boolean;
  /** Searches under way by site. They go on when nobody waits for them any more. */
  readonly #searches = new Map<string, number>();
  #underWay = 0;

  constructor(
    { config, clock, faults }: Pick<ServerContext, 'config' | 'clock' | 'faults'>,
    resolver: Resolver,
  ) {
    this.#resolver = resolver;
    this.#clock = clock;
    this.#faults = faults;
    this.#isOn = config.core.dane !== 'never';
  }

  /**
   * Whether TLSA records of the domain fit what a caller from `address` has shown; false when that is not known in time.
   * Undefined when nobody can say so, or too many ask. Never rejects.
   */
  ask(domain: string, tls: TlsInfo, address: string): Promise<boolean> | undefined {
    const site = siteKey(address);
    const count = this.#searches.get(site) ?? 0;
    const isTooMuch = this.#underWay >= MAX_SEARCHES || count >= MAX_SEARCHES_PER_SITE;
    if (!this.#isOn || isTooMuch || !this.#resolver.believesAny) return undefined;
    this.#underWay++;
    this.#searches.set(site, count + 1);
    const search = this.#search(domain, tls).catch((error: unknown) => {
      if (!(error instanceof NetError)) this.#faults.report('lookup', error, { domain });
      return false;
    });
    void search.then(() => this.#done(site));
    return this.#inTime(search);
  }

  async #search(domain: string, tls: TlsInfo): Promise<boolean> {
    const targets = await targetsFor(this.#resolver, domain, 'xmpp-server');
    const shown = {
      chain: shownChain(tls.peerCertificate),
      authorized: tls.authorized,
      now: Date.now(),
    };
    const secured = targets.filter(({ authenticated }) => authenticated).slice(0, MAX_TARGETS);
    const isProof = async (target: (typeof secured)[number]): Promise<boolean> => {
      const endpoint = await daneEndpoint(this.#resolver, domain, target);
      return endpoint !== undefined && verifyDane(endpoint, shown) !== undefined;
    };
    const results = await Promise.allSettled(secured.map(isProof));
    return results.some((result) => result.status === 'fulfilled' && result.value);
  }

  #done(site: string): void {
    this.#underWay--;
    const left = (this.#searches.get(site) ?? 1) - 1;
    if (left === 0) this.#searches.delete(site);
    else this.#searches.set(site, left);
  }

  #inTime(search: Promise<boolean>): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(PATIENCE_MS, () => resolve(false));
      void search.then((isProved) => {
        timer.cancel();
        resolve(isProved);
      });
    });
  }
}
