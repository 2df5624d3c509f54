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
  { firstMs = 10_000 }: { firstMs?: number } = {},
): Promise<Prepared> {
  let delivered = 0;
  let isRunning = false;
  for (const [sender, receiver] of pairs) {
    connectPair(sender, receiver, (count) => {
      delivered += count;
      return isRunning;
    });
  }
  for (const [sender, receiver] of pairs) sender.write(message(receiver.jid));
  for (let waited = 0; delivered < pairs.length; waited += 50) {
    if (waited > firstMs) throw new Error(`${delivered} of ${pairs.length} first messages have arrived`);
    await pause(50);
  }
  return {
    async run() {
      delivered = 0;
      isRunning = true;
      for (const [sender, receiver] of pairs) sender.write(message(receiver.jid).repeat(underWay));
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
  onDelivered: (count: number) => boolean,
): void {
  const next = message(receiver.jid);
  sender.drainTo(() => {});
  receiver.drainTo(
    counter('</message>', (count) => {
      if (onDelivered(count)) sender.write(count === 1 ? next : next.repeat(count));
    }),
  );
}

function message(to: string): string {
  return `<message type='chat' to='${to}' id='m'><body>${BODY}</body></message>`;
}
