// Returns the addresses of a name in the order of connection attempts while the DNS answers arrive (RFC 8305 §3, §4).

import type { Clock } from '../util/clock.ts';
import type { Address, AddressLookups, Answer } from './dns.ts';
import { reasonOf } from './errors.ts';

/** RFC 8305 §3, "Resolution Delay": the wait for IPv6 addresses if IPv4 addresses arrive first. */
const RESOLUTION_DELAY_MS = 50;
const MAX_ADDRESSES = 8;

type Family = Address['family'];

/** IPv6 first, then both families in turn. A family with a slow DNS answer does not delay the other one. */
export class AddressFeed {
  readonly #clock: Clock;
  readonly #known: Record<Family, Address[]> = { 6: [], 4: [] };
  readonly #unanswered = new Set<Family>([6, 4]);
  readonly #errors: string[] = [];
  #changed = Promise.withResolvers<void>();
  #given = 0;
  #isLocal = false;
  #turn: Family = 6;

  constructor({ six, four }: AddressLookups, clock: Clock) {
    this.#clock = clock;
    this.#take(6, six);
    this.#take(4, four);
  }

  /** The reason why there is no address; for use after the first call of `next` has returned undefined. */
  get problem(): string | undefined {
    if (this.#given > 0) return undefined;
    return [...new Set(this.#errors)].join('; ') || 'has no address';
  }

  /** Whether the addresses come from this machine (hosts file, `localhost`), not from the DNS. */
  get isLocal(): boolean {
    return this.#isLocal;
  }

  /** The next address to try; undefined if there are no more. */
  async next(): Promise<Address | undefined> {
    if (this.#given >= MAX_ADDRESSES) return undefined;
    if (this.#given === 0) await this.#firstKnown();
    while (this.#known[6].length + this.#known[4].length === 0) {
      if (this.#unanswered.size === 0) return undefined;
      await this.#changed.promise;
    }
    const family = this.#known[this.#turn].length > 0 ? this.#turn : other(this.#turn);
    this.#turn = other(family);
    this.#given++;
    return this.#known[family].shift();
  }

  #take(family: Family, lookup: Promise<Answer<Address>>): void {
    const done = (): void => {
      this.#unanswered.delete(family);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    };
    lookup.then(
      ({ records, isLocal }) => {
        this.#isLocal ||= isLocal === true;
        this.#known[family].push(...records);
        done();
      },
      (error: unknown) => {
        this.#errors.push(reasonOf(error));
        done();
      },
    );
  }

  /** Waits for the first addresses: uses IPv6 immediately, IPv4 only if IPv6 is late or has none. */
  async #firstKnown(): Promise<void> {
    while (this.#unanswered.has(6) && this.#known[4].length === 0) await this.#changed.promise;
    if (!this.#unanswered.has(6)) return;
    const late = Promise.withResolvers<void>();
    const timer = this.#clock.after(RESOLUTION_DELAY_MS, () => late.resolve());
    await Promise.race([late.promise, this.#changed.promise]);
    timer.cancel();
  }
}

function other(family: Family): Family {
  return family === 6 ? 4 : 6;
}
