// Looks up TLSA records for the certificate of a server that has called us (RFC 7712 §5.1). A peer that has the key which a
// domain names for its own port is the server of that domain, whichever side has called.

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

/** The peer waits this long for its stream features. */
const PATIENCE_MS = 5_000;
/** Limits of simultaneous searches, in total and for one site: unauthenticated peers trigger them. */
const MAX_SEARCHES = 100;
const MAX_SEARCHES_PER_SITE = 8;
/** The number of targets of a domain that are examined. */
const MAX_TARGETS = 6;

export class DaneLookup {
  readonly #resolver: Resolver;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #isOn: boolean;
  /** Searches under way by site. They continue after the peer's time is over. */
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
   * Whether TLSA records of the domain match the certificate in `tls`; false also when the answer comes too late. Returns
   * `undefined` when there is no validating resolver, or too many searches are under way for all or for the site of
   * `address`. Never rejects.
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
