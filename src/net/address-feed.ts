// The addresses of one name in the order in which they are tried, while they become known (RFC 8305 §3, §4).

import type { Clock } from '../util/clock.ts';
import type { Address, AddressLookups, Answer } from './dns.ts';
import { reasonOf } from './errors.ts';

/** RFC 8305 §3, "Resolution Delay": how long the IPv6 addresses may be later than the others. */
const RESOLUTION_DELAY_MS = 50;
const MAX_ADDRESSES = 8;

type Family = Address['family'];

/** IPv6 first, then in turn; a family that is slow to be known does not keep the other one waiting. */
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

  /** Why there was no address at all; for use after `next` has answered undefined for the first time. */
  get problem(): string | undefined {
    if (this.#given > 0) return undefined;
    return [...new Set(this.#errors)].join('; ') || 'has no address';
  }

  /** Whether the addresses come from this machine (hosts file, `localhost`), not from the DNS. */
  get isLocal(): boolean {
    return this.#isLocal;
  }

  /** The next one to try; undefined when there are no more. */
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

  /** IPv6 addresses are used at once; others only when those are a little late, or there are none. */
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
