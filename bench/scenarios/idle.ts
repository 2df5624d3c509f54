// The memory of an idle session with presence.

import { loginAll, pause, type Scenario } from '../scenario.ts';

const SESSIONS = 500;

export function idle(name: string, { tls }: { tls: boolean }): Scenario {
  return {
    name,
    unit: 'session',
    per: 1,
    users: SESSIONS,
    isCpu: false,
    async prepare(server) {
      const warm = await loginAll(server, 50, { tls, resource: 'warm' });
      await pause(2_000);
      const before = server.memory();
      const clients = await loginAll(server, SESSIONS, { tls });
      for (const client of clients) {
        client.drainTo(() => {});
        client.write('<presence/>');
      }
      return {
        async run() {
          await pause(8_000);
          return { count: SESSIONS, extra: { 'KiB Pss': (server.memory() - before) / SESSIONS } };
        },
        close: () =>
          [...warm, ...clients].forEach((client) => {
            client.close();
          }),
      };
    },
  };
}
