// Chat with the archive on: each message is a row in the archive of its sender and one in that of its recipient. The senders
// use stream management, which tells when a message is stored if the server waits for that (enjamb does).

import { counter, type LoadClient } from '../client.ts';
import { threadSeconds } from '../process.ts';
import { loginAll, type Measurement, pause, RUN_MS, type Scenario } from '../scenario.ts';
import type { BenchServer } from '../servers/server.ts';
import { countSyncs } from '../syncs.ts';
import { chatting, distinctMessages } from './chat.ts';

const SESSIONS = 200;
const UNDER_WAY = 20;
/** enjamb compares the first 200 messages of a session with the archive, since its client may send them a second time. */
const FIRST_MESSAGES = 201;
const PER_MS = 1;
/** The name that enjamb gives to the thread. */
const WRITING_THREAD = 'enjamb-writing';
const PER = 100_000;

type Pair = readonly [sender: LoadClient, receiver: LoadClient];

/** As much as the server can do. The time ends when the last message is acknowledged. */
export const archiveChat: Scenario = {
  name: 'chat with the archive on, 20 under way',
  unit: 'message',
  per: PER,
  users: SESSIONS,
  needs: 'archive',
  async prepare(server) {
    const pairs = await loginPairs(server);
    const chat = await chatting(pairs, UNDER_WAY, { write: distinctMessages });
    const synced = countSyncs(server.pid); // Before the pause, since perf takes a moment.
    return {
      async run() {
        const before = threadSeconds(server.pid, WRITING_THREAD);
        const { count } = await chat.run();
        await Promise.all(pairs.map(([sender]) => acknowledged(sender)));
        const writing = ((threadSeconds(server.pid, WRITING_THREAD) - before) / count) * PER;
        const syncs = await synced();
        const extra = {
          ...(writing === 0 ? {} : { 'writing thread': writing }),
          ...(syncs === undefined ? {} : { 'syncs per 1,000': (syncs / count) * 1_000 }),
        };
        return { count, extra };
      },
      close: chat.close,
    };
  },
};

/** 1,000 messages a second: the time from a message until its recipient has it, and until its sender has `<a/>` for it. */
export const archivePaced: Scenario = {
  name: 'latency with the archive on, 1,000 messages/s',
  unit: 'message',
  per: PER,
  users: SESSIONS,
  needs: 'archive',
  async prepare(server) {
    const pairs = await loginPairs(server);
    const delivered: number[] = [];
    const acknowledgements: number[] = [];
    const senders = pairs.map(([sender, receiver]) => {
      timeDeliveries(receiver, delivered);
      return new PacedSender(sender, receiver.jid, acknowledgements);
    });
    return {
      async run(): Promise<Measurement> {
        await sendAtPace(senders);
        await pause(1_000);
        const extra = {
          ...percentiles('delivery', delivered),
          ...percentiles('<a/>', acknowledgements),
        };
        return { count: delivered.length, extra };
      },
      close: () => {
        for (const client of pairs.flat()) client.close();
      },
    };
  },
};

async function loginPairs(server: BenchServer): Promise<Pair[]> {
  const clients = await loginAll(server, SESSIONS);
  const pairs = Array.from({ length: SESSIONS / 2 }, (_, i): Pair => [clients[2 * i]!, clients[2 * i + 1]!]);
  for (const [sender] of pairs) {
    sender.write(`<enable xmlns='urn:xmpp:sm:3'/>`);
    await sender.until('<enabled');
  }
  for (const client of clients) client.write('<presence/>');
  await pause(1_000);
  if (server.name === 'enjamb') await writeFirst(pairs);
  return pairs;
}

async function writeFirst(pairs: readonly Pair[]): Promise<void> {
  for (const [sender, { jid }] of pairs) sender.write(distinctMessages(jid, FIRST_MESSAGES));
  await Promise.all(pairs.map(([sender]) => acknowledged(sender)));
}

/** Resolves when the server has acknowledged all that the client has sent. */
function acknowledged(client: LoadClient): Promise<void> {
  return new Promise((resolve) => {
    client.drainTo(counter('<a ', () => resolve()));
    client.write(`<r xmlns='urn:xmpp:sm:3'/>`);
  });
}

function timeDeliveries(receiver: LoadClient, samples: number[]): void {
  eachMatch(receiver, /<body>([\d.]+)<\/body>/g, ([, sent]) => {
    samples.push(performance.now() - Number(sent));
  });
}

/** Sends messages and requests for their acknowledgement. */
class PacedSender {
  readonly #client: LoadClient;
  readonly #to: string;
  /** When the messages were sent that are not acknowledged. */
  readonly #sent: number[] = [];
  #acknowledged: number | undefined;

  constructor(client: LoadClient, to: string, samples: number[]) {
    this.#client = client;
    this.#to = to;
    eachMatch(client, /<a [^>]*h=['"](\d+)['"]/g, ([, h]) => {
      const now = performance.now();
      const handled = Number(h);
      const count = handled - (this.#acknowledged ?? handled);
      for (const sent of this.#sent.splice(0, count)) samples.push(now - sent);
      this.#acknowledged = handled;
    });
    client.write(`<r xmlns='urn:xmpp:sm:3'/>`); // Tells how many stanzas were sent before.
  }

  send(): void {
    const now = performance.now();
    this.#sent.push(now);
    this.#client.write(
      `<message type='chat' to='${this.#to}' id='p${now}'><body>${now}</body></message><r xmlns='urn:xmpp:sm:3'/>`,
    );
  }
}

async function sendAtPace(senders: readonly PacedSender[]): Promise<void> {
  await pause(500); // The first acknowledgements arrive.
  const began = performance.now();
  for (let sent = 0; performance.now() - began < RUN_MS; ) {
    const due = Math.floor((performance.now() - began) * PER_MS);
    for (; sent < due; sent++) senders[sent % senders.length]!.send();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function eachMatch(client: LoadClient, mark: RegExp, found: (match: RegExpExecArray) => void): void {
  let tail = '';
  client.drainTo((chunk) => {
    const text = tail + chunk.toString('latin1');
    let end = 0;
    for (const match of text.matchAll(mark)) {
      found(match);
      end = match.index + match[0].length;
    }
    tail = text.slice(Math.max(end, text.length - 200));
  });
}

function percentiles(of: string, samples: number[]): Record<string, number> {
  samples.sort((a, b) => a - b);
  const at = (share: number) => samples[Math.floor(samples.length * share)] ?? Number.NaN;
  return { [`${of} p50 ms`]: at(0.5), [`${of} p99 ms`]: at(0.99) };
}
