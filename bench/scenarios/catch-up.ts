// A client that was away for long fetches 10,000 messages from its archive, in pages of 250.

import { LoadClient } from '../client.ts';
import { RUN_MS, type Scenario } from '../scenario.ts';
import { type BenchServer, PASSWORD } from '../servers/server.ts';

const MESSAGES = 10_000;
const PAGE = 250;
const BODY = 'x'.repeat(100);
const RSM = 'http://jabber.org/protocol/rsm';

export const catchUp: Scenario = {
  name: 'catch-up of 10,000 messages',
  unit: 'message',
  per: MESSAGES,
  users: 2,
  needs: 'archive',
  async prepare(server) {
    await fill(server);
    const client = await login(server, 'u0');
    await fetchAll(client); // Compiled, and in the cache of the disk.
    return {
      async run() {
        const end = performance.now() + RUN_MS;
        let count = 0;
        while (performance.now() < end) count += await fetchAll(client);
        return { count };
      },
      close: () => client.close(),
    };
  },
};

/** One user writes to the other, who is not there. */
async function fill(server: BenchServer): Promise<void> {
  const sender = await login(server, 'u1');
  const to = `u0@${server.at.domain}`;
  const message = (id: number) =>
    `<message type='chat' to='${to}' id='m${id}'><body>${BODY}</body></message>`;
  for (let n = 0; n < MESSAGES; n += PAGE) {
    sender.write(Array.from({ length: PAGE }, (_, i) => message(n + i)).join(''));
    await page(sender, '<max>0</max>'); // Answered when they are on disk.
  }
  sender.close();
}

function login({ at }: BenchServer, user: string): Promise<LoadClient> {
  return LoadClient.login({ ...at, user, password: PASSWORD });
}

/** @returns the number of messages */
async function fetchAll(client: LoadClient): Promise<number> {
  let count = 0;
  for (let after = ''; ; ) {
    const text = await page(client, `<max>${PAGE}</max><after>${after}</after>`);
    count += text.split('</result>').length - 1;
    if (/complete=['"]true['"]/.test(text)) break;
    after = /<last>([^<]*)</.exec(text)?.[1] ?? '';
  }
  if (count < MESSAGES) throw new Error(`${count} of ${MESSAGES} messages`);
  return count;
}

async function page(client: LoadClient, set: string): Promise<string> {
  client.write(
    `<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'><set xmlns='${RSM}'>${set}</set></query></iq>`,
  );
  return client.until('</fin></iq>');
}
