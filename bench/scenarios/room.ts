// A room with 200 occupants, of which ten write. Every message is delivered to all.

import { counter } from '../client.ts';
import { loginAll, pause, RUN_MS, type Scenario } from '../scenario.ts';
import { ROOMS } from '../servers/server.ts';

const OCCUPANTS = 200;
const SPEAKERS = 10;
const ROOM = `bench@${ROOMS}`;
const SAY = `<message type='groupchat' to='${ROOM}' id='m'><body>${'x'.repeat(100)}</body></message>`;

export function room(name: string, { tls }: { tls: boolean }): Scenario {
  return {
    name,
    unit: 'delivery',
    per: 100_000,
    users: OCCUPANTS,
    needs: 'rooms',
    async prepare(server) {
      const clients = await loginAll(server, OCCUPANTS, { tls });
      let joined = 0;
      for (const [i, client] of clients.entries()) {
        client.drainTo(
          counter('<subject', (count) => {
            joined += count;
          }),
        );
        client.write(`<presence to='${ROOM}/n${i}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
        if (i === 0) while (joined < 1) await pause(20);
      }
      for (let waited = 0; joined < OCCUPANTS; waited += 50) {
        if (waited > 30_000) throw new Error(`only ${joined} have joined`);
        await pause(50);
      }
      await pause(500);
      let delivered = 0;
      let isRunning = true;
      for (const [i, client] of clients.entries()) {
        client.drainTo(
          counter('</message>', (count) => {
            delivered += count;
            // The last occupant to join receives each message last, after all others.
            if (i === OCCUPANTS - 1 && isRunning)
              for (let k = 0; k < count; k++) clients[k % SPEAKERS]!.write(SAY);
          }),
        );
      }
      return {
        async run() {
          for (let i = 0; i < SPEAKERS; i++) clients[i]!.write(SAY);
          await pause(RUN_MS);
          isRunning = false;
          await pause(500);
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
