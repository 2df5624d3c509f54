// 1,000 messages a second without TLS: the time of a message from write to read.

import { loginAll, pause, RUN_MS, type Scenario } from '../scenario.ts';

const SESSIONS = 200;
const PER_MS = 1;

export const latency: Scenario = {
  name: 'latency at 1,000 messages/s',
  unit: 'message',
  per: 100_000,
  users: SESSIONS,
  async prepare(server) {
    const clients = await loginAll(server, SESSIONS);
    const samples: number[] = [];
    for (const client of clients) {
      client.write('<presence/>');
      let tail = '';
      client.drainTo((chunk) => {
        const now = performance.now();
        const text = tail + chunk.toString('latin1');
        for (const match of text.matchAll(/<body>([\d.]+)<\/body>/g)) samples.push(now - Number(match[1]));
        tail = text.slice(text.lastIndexOf('</body>') + 1).slice(-200);
      });
    }
    await pause(1_000);
    return {
      async run() {
        const began = performance.now();
        let sent = 0;
        while (performance.now() - began < RUN_MS) {
          const due = Math.floor((performance.now() - began) * PER_MS);
          for (; sent < due; sent++) {
            const from = clients[(sent * 2) % SESSIONS]!;
            const to = clients[(sent * 2 + 1) % SESSIONS]!.jid;
            from.write(`<message type='chat' to='${to}' id='m'><body>${performance.now()}</body></message>`);
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
        await pause(500);
        samples.sort((a, b) => a - b);
        const at = (share: number) => samples[Math.floor(samples.length * share)] ?? Number.NaN;
        return { count: samples.length, extra: { 'p50 ms': at(0.5), 'p99 ms': at(0.99) } };
      },
      close: () =>
        clients.forEach((client) => {
          client.close();
        }),
    };
  },
};
