// The honest clients: one pings the server every 20 ms, another one logs in every second.

import { LoadClient, type LoginOptions } from '../client.ts';
import { PASSWORD, type Site } from './world.ts';

const PING_EVERY_MS = 20;
const LOGIN_EVERY_MS = 1_000;
/** About 2 MiB of the burst of an account. */
const WARM_UP_MESSAGES = 400;
/** Time after the attack for missing answers. */
const PATIENCE_MS = 3_000;

export interface Figures {
  readonly pings: number;
  /** Milliseconds. An unanswered ping counts with its age. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly unanswered: number;
  readonly logins: number;
  readonly loginP50: number;
  readonly loginMax: number;
  readonly loginsFailed: number;
  /** The number of times that the pinging client was disconnected. */
  readonly cut: number;
  /** Longest delay of this process itself, in ms, which the benchmark adds to the figures. */
  readonly ownDelay: number;
}

export class Prober {
  readonly #site: Site;
  readonly #pings: number[] = [];
  readonly #sentAt = new Map<number, number>();
  readonly #logins: number[] = [];
  readonly #loggingInSince = new Map<number, number>();
  #client: LoadClient;
  #timers: NodeJS.Timeout[] = [];
  #lastTick = 0;
  #ownDelay = 0;
  #number = 0;
  #failed = 0;
  #cut = 0;
  #isConnecting = false;

  private constructor(site: Site, client: LoadClient) {
    this.#site = site;
    this.#client = client;
    this.#listen();
  }

  static async connect(site: Site): Promise<Prober> {
    const client = await LoadClient.login(loginOf(site, 'pinger', 'desktop'));
    client.write('<presence/>');
    return new Prober(site, client);
  }

  begin(): void {
    this.#warmUp();
    this.#lastTick = performance.now();
    const ping = setInterval(() => this.#ping(), PING_EVERY_MS);
    const login = setInterval(() => void this.#login(), LOGIN_EVERY_MS);
    this.#timers = [ping, login];
  }

  /** Drops all figures so far. */
  forget(): void {
    this.#pings.length = 0;
    this.#logins.length = 0;
    this.#ownDelay = 0;
  }

  /** Stops the pings, and waits for the missing answers. */
  async end(): Promise<Figures> {
    for (const timer of this.#timers) clearInterval(timer);
    const end = performance.now() + PATIENCE_MS;
    while (performance.now() < end && this.#sentAt.size + this.#loggingInSince.size > 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const now = performance.now();
    const ages = [...this.#sentAt.values()].map((at) => now - at);
    const pings = Float64Array.from([...this.#pings, ...ages]).sort();
    const logins = [...this.#logins, ...[...this.#loggingInSince.values()].map((at) => now - at)];
    const sorted = Float64Array.from(logins).sort();
    return {
      pings: pings.length,
      p50: at(pings, 0.5),
      p99: at(pings, 0.99),
      max: at(pings, 1),
      unanswered: ages.length,
      logins: sorted.length,
      loginP50: at(sorted, 0.5),
      loginMax: at(sorted, 1),
      loginsFailed: this.#failed,
      cut: this.#cut,
      ownDelay: this.#ownDelay,
    };
  }

  /** Sends messages to itself, so that the server has compiled its code before the attack. */
  #warmUp(): void {
    const { domain } = this.#site;
    const item = "<item jid='friend@other.example' name='Friend'><group>Friends</group></item>";
    const message = `<message to='pinger@${domain}/desktop' type='normal'>${item.repeat(20)}</message>`;
    this.#client.write(message.repeat(WARM_UP_MESSAGES));
  }

  #ping(): void {
    const now = performance.now();
    this.#ownDelay = Math.max(this.#ownDelay, now - this.#lastTick - PING_EVERY_MS);
    this.#lastTick = now;
    if (this.#client.isClosed) return void this.#again();
    const number = this.#number++;
    this.#sentAt.set(number, now);
    this.#client.write(
      `<iq type='get' id='p${number}' to='${this.#site.domain}'><ping xmlns='urn:xmpp:ping'/></iq>`,
    );
  }

  #listen(): void {
    let tail = '';
    this.#client.drainTo((chunk) => {
      const now = performance.now();
      const text = tail + chunk.toString('latin1');
      let end = 0;
      for (const answer of text.matchAll(/\bid=['"]p(\d+)['"]/g)) {
        end = answer.index + answer[0].length;
        const number = Number(answer[1]);
        const sentAt = this.#sentAt.get(number);
        if (sentAt !== undefined) this.#pings.push(now - sentAt);
        this.#sentAt.delete(number);
      }
      tail = text.slice(Math.max(end, text.length - 40));
    });
  }

  /** Reconnects; unanswered pings remain unanswered. */
  async #again(): Promise<void> {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    this.#cut++;
    while (this.#client.isClosed) {
      try {
        this.#client = await LoadClient.login(loginOf(this.#site, 'pinger', 'desktop'));
        this.#listen();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, LOGIN_EVERY_MS));
      }
    }
    this.#isConnecting = false;
  }

  async #login(): Promise<void> {
    const began = performance.now();
    const number = this.#number++;
    this.#loggingInSince.set(number, began);
    try {
      const client = await LoadClient.login(loginOf(this.#site, 'visitor', `r${number}`));
      client.close();
      this.#logins.push(performance.now() - began);
    } catch {
      this.#failed++;
    }
    this.#loggingInSince.delete(number);
  }
}

/** With STARTTLS and SCRAM, as usual clients. */
export function loginOf(site: Site, user: string, resource: string): LoginOptions {
  const { address, domain, c2s: port } = site;
  return { address, port, domain, user, resource, password: PASSWORD, tls: true, mechanism: 'SCRAM-SHA-1' };
}

function at(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
