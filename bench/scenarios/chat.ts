// 200 sessions in 100 pairs, 100-byte bodies; a fixed number under way per pair.

import { counter, type LoadClient } from '../client.ts';
import { loginAll, pause, RUN_MS, type Scenario } from '../scenario.ts';

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
      let delivered = 0;
      let isRunning = true;
      for (let i = 0; i < SESSIONS; i += 2) {
        connectPair(clients[i]!, clients[i + 1]!, (count) => {
          delivered += count;
          return isRunning;
        });
      }
      return {
        async run() {
          for (let i = 0; i < SESSIONS; i += 2) {
            clients[i]!.write(message(clients[i + 1]!.jid).repeat(underWay));
          }
          await pause(RUN_MS);
          isRunning = false;
          await pause(300);
          return { count: delivered };
        },
        close: () =>
          clients.forEach((client) => {
            client.close();
          }),
      };
    },
  };
}

/** Every message that arrives sends the next one. */
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
