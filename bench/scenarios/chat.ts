// 100 pairs of sessions with bodies of 100 bytes, and a fixed number of unanswered messages for each pair.

import { counter, type LoadClient } from '../client.ts';
import { loginAll, type Prepared, pause, RUN_MS, type Scenario } from '../scenario.ts';

const SESSIONS = 200;
const BODY = 'x'.repeat(100);

export function chat(name: string, { underWay, tls }: { underWay: number; tls: boolean }): Scenario {
  return {
    name,
    unit: 'message',
    per: 100_000,
    users: SESSIONS,
    async prepare(server) {
      const clients = await loginAll(server, SESSIONS, { tls });
      for (const client of clients) client.write('<presence/>');
      await pause(1_000);
      const pairs = Array.from(
        { length: SESSIONS / 2 },
        (_, i) => [clients[2 * i]!, clients[2 * i + 1]!] as const,
      );
      return chatting(pairs, underWay);
    },
  };
}

/**
 * The first of each pair writes to the second, with `underWay` unanswered messages. Resolves when one message of each pair
 * has arrived. @throws Error if that takes longer than `firstMs`
 */
export async function chatting(
  pairs: readonly (readonly [LoadClient, LoadClient])[],
  underWay: number,
  { firstMs = 10_000, write = sameMessages }: { firstMs?: number; write?: MessageWriter } = {},
): Promise<Prepared> {
  let delivered = 0;
  let isRunning = false;
  for (const [sender, receiver] of pairs) {
    const onDelivered = (count: number) => {
      delivered += count;
      return isRunning;
    };
    connectPair(sender, receiver, { onDelivered, write });
  }
  for (const [sender, receiver] of pairs) sender.write(write(receiver.jid, 1));
  for (let waited = 0; delivered < pairs.length; waited += 50) {
    if (waited > firstMs) throw new Error(`${delivered} of ${pairs.length} first messages have arrived`);
    await pause(50);
  }
  return {
    async run() {
      delivered = 0;
      isRunning = true;
      for (const [sender, receiver] of pairs) sender.write(write(receiver.jid, underWay));
      await pause(RUN_MS);
      isRunning = false;
      await pause(300);
      return { count: delivered };
    },
    close() {
      for (const client of pairs.flat()) client.close();
    },
  };
}

/** Each arriving message causes the next one. */
function connectPair(
  sender: LoadClient,
  receiver: LoadClient,
  { onDelivered, write }: { onDelivered: (count: number) => boolean; write: MessageWriter },
): void {
  sender.drainTo(() => {});
  receiver.drainTo(
    counter('</message>', (count) => {
      if (onDelivered(count)) sender.write(write(receiver.jid, count));
    }),
  );
}

/** @returns some messages */
export type MessageWriter = (to: string, count: number) => string;

const sameMessages: MessageWriter = (to, count) => message(to, 'm').repeat(count);

let lastId = 0;

/** Servers with an archive may compare ids, to find out whether a message was sent before. */
export const distinctMessages: MessageWriter = (to, count) => {
  let text = '';
  for (let i = 0; i < count; i++) text += message(to, `m${++lastId}`);
  return text;
};

function message(to: string, id: string): string {
  return `<message type='chat' to='${to}' id='${id}'><body>${BODY}</body></message>`;
}
