// Logins, four simultaneously: TLS handshake, SASL, resource binding.

import { LoadClient } from '../client.ts';
import { RUN_MS, type Scenario } from '../scenario.ts';
import { PASSWORD } from '../servers/server.ts';

const AT_ONCE = 4;

export function login(name: string, mechanism: 'PLAIN' | 'SCRAM-SHA-1'): Scenario {
  return {
    name,
    unit: 'login',
    per: 100,
    users: 20,
    needs: 'accounts',
    async prepare(server) {
      const once = async (user: string) => {
        const client = await LoadClient.login({
          ...server.at,
          user,
          password: PASSWORD,
          tls: true,
          mechanism,
        });
        client.close();
      };
      for (let i = 0; i < 20; i++) await once(`u${i}`);
      return {
        async run() {
          const end = performance.now() + RUN_MS;
          let count = 0;
          const worker = async (offset: number) => {
            for (let i = 0; performance.now() < end; i++) {
              await once(`u${(offset + i * AT_ONCE) % 20}`);
              count++;
            }
          };
          await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => worker(i)));
          return { count };
        },
        close() {},
      };
    },
  };
}
