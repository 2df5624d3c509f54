// Many clients, half of them over TLS. They chat in pairs at a constant rate, and sometimes change their rosters.

import { LoadClient } from '../client.ts';
import { pause } from '../scenario.ts';
import { type BenchServer, PASSWORD } from '../servers/server.ts';

const TICK_MS = 20;
const LOGINS_AT_ONCE = 20;
/** After this many messages, the sender changes its roster. */
const PER_ROSTER_CHANGE = 47;
/** The parts of incoming data that a client reads. */
const TOKENS = /<body>(\d+) ([\d.]+) [^<]*<\/body>|<iq\b[^>]*>|<item\b[^>]*>|<\/iq>|<\/stream:stream>/g;
const LONGEST_TOKEN = 1_000;
const FILLER = 'x'.repeat(80);

export interface CrowdFigures {
  readonly sent: number;
  readonly received: number;
  readonly doubled: number;
  readonly swapped: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Roster changes that the server has acknowledged. */
  readonly written: number;
}

export class Crowd {
  readonly #members: readonly Member[];
  #timer: NodeJS.Timeout | undefined;

  private constructor(members: readonly Member[]) {
    this.#members = members;
  }

  static async login(server: BenchServer, count: number): Promise<Crowd> {
    const members: Member[] = [];
    for (let i = 0; i < count; i += LOGINS_AT_ONCE) {
      const batch = Array.from({ length: Math.min(LOGINS_AT_ONCE, count - i) }, (_, j) => {
        const user = `u${i + j}`;
        // All kinds of pairs: plain to plain, TLS to TLS, and both mixed ones.
        const tls = (i + j) % 4 < 2;
        const login = { ...server.at, user, password: PASSWORD, mechanism: 'SCRAM-SHA-1' as const, tls };
        return LoadClient.login(login).then((client) => new Member(user, client));
      });
      members.push(...(await Promise.all(batch)));
    }
    for (const member of members) member.client.write('<presence/>');
    await pause(1_000);
    return new Crowd(members);
  }

  get size(): number {
    return this.#members.length;
  }

  get streamsClosed(): number {
    return this.#members.filter((member) => member.isStreamClosed).length;
  }

  /** The clients take turns; each writes to the client three places after it. `rate`: messages a second in all. */
  chat(rate: number): void {
    const began = performance.now();
    let sent = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - began) / 1000) * rate);
      for (; sent < due; sent++) {
        const sender = this.#members[sent % this.size]!;
        sender.say(this.#members[(sent + 3) % this.size]!.client.jid);
        if (sent % PER_ROSTER_CHANGE === 0) sender.changeRoster();
      }
    }, TICK_MS);
  }

  /** Stops sending, and waits at most this long until all messages have arrived. */
  async rest(limitMs: number): Promise<void> {
    clearInterval(this.#timer);
    const end = performance.now() + limitMs;
    while (performance.now() < end && this.#sum('received') < this.#sum('sent')) await pause(50);
  }

  figures(): CrowdFigures {
    const latencies = Float64Array.from(this.#members.flatMap((member) => member.latencies)).sort();
    const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
    return {
      sent: this.#sum('sent'),
      received: this.#sum('received'),
      doubled: this.#sum('doubled'),
      swapped: this.#sum('swapped'),
      p50: at(0.5),
      p99: at(0.99),
      written: this.#sum('rosterAcknowledged'),
    };
  }

  #sum(what: 'sent' | 'received' | 'doubled' | 'swapped' | 'rosterAcknowledged'): number {
    return this.#members.reduce((total, member) => total + member[what], 0);
  }

  /** User → the number of the last roster change that the server has acknowledged. */
  acknowledged(): Map<string, number> {
    const changed = this.#members.filter((member) => member.rosterAcknowledged > 0);
    return new Map(changed.map((member) => [member.user, member.rosterAcknowledged]));
  }

  /** The number of rosters that lack an acknowledged change. */
  async missingOf(acknowledged: ReadonlyMap<string, number>): Promise<number> {
    let missing = 0;
    for (const member of this.#members) {
      const least = acknowledged.get(member.user);
      if (least !== undefined && (await member.rosterNumber()) < least) missing++;
    }
    return missing;
  }

  leave(): void {
    clearInterval(this.#timer);
    for (const member of this.#members) member.client.close();
  }
}

class Member {
  readonly user: string;
  readonly client: LoadClient;
  readonly latencies: number[] = [];
  sent = 0;
  received = 0;
  doubled = 0;
  swapped = 0;
  rosterAcknowledged = 0;
  isStreamClosed = false;
  #rosterSent = 0;
  #lastHeard = 0;
  #tail = '';
  #onRoster: ((number: number) => void) | undefined;

  constructor(user: string, client: LoadClient) {
    this.user = user;
    this.client = client;
    client.drainTo((chunk) => this.#hear(chunk.toString('latin1')));
  }

  say(to: string): void {
    const body = `${++this.sent} ${performance.now()} ${FILLER}`;
    this.client.write(`<message type='chat' to='${to}' id='m'><body>${body}</body></message>`);
  }

  changeRoster(): void {
    const number = ++this.#rosterSent;
    this.client.write(
      `<iq type='set' id='roster-${number}'><query xmlns='jabber:iq:roster'><item jid='friend@elsewhere.example' name='n${number}'/></query></iq>`,
    );
  }

  /** The number of the last roster change that the server has now. */
  async rosterNumber(): Promise<number> {
    const answer = new Promise<number>((resolve) => {
      this.#onRoster = resolve;
    });
    this.client.write(`<iq type='get' id='ask'><query xmlns='jabber:iq:roster'/></iq>`);
    return answer;
  }

  #hear(text: string): void {
    const now = performance.now();
    const all = this.#tail + text;
    let end = 0;
    for (const token of all.matchAll(TOKENS)) {
      end = token.index + token[0].length;
      const [tag, number, sentAt] = token;
      if (number !== undefined) this.#count(Number(number), now - Number(sentAt));
      else this.#heardTag(tag);
    }
    this.#tail = all.slice(Math.max(end, all.length - LONGEST_TOKEN));
  }

  #heardTag(tag: string): void {
    if (tag === '</stream:stream>') this.isStreamClosed = true;
    const change = /\bid=['"]roster-(\d+)['"]/.exec(tag);
    if (change && tag.includes('result')) this.rosterAcknowledged = Number(change[1]);
    // The requested roster: its item, or the end of an answer without one.
    const item = /\bname=['"]n(\d+)['"]/.exec(tag);
    if (item || tag === '</iq>') this.#onRoster?.(Number(item?.[1] ?? 0));
  }

  #count(number: number, latencyMs: number): void {
    this.received++;
    this.latencies.push(latencyMs);
    if (number === this.#lastHeard) this.doubled++;
    if (number < this.#lastHeard) this.swapped++;
    this.#lastHeard = number;
  }
}
