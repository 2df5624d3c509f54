// 100 pairs chat between two servers of the same kind, with STARTTLS and dialback; 20 unanswered messages for each pair.

import type { LoadClient } from '../client.ts';
import { loginAll, pause, type Scenario } from '../scenario.ts';
import { chatting } from './chat.ts';

const PAIRS = 100;
const UNDER_WAY = 20;

export const s2s: Scenario = {
  name: 's2s, both ends, STARTTLS and dialback',
  unit: 'message',
  per: 100_000,
  users: PAIRS,
  needs: 'federation',
  async prepare(server, away) {
    const here = await loginAll(server, PAIRS);
    const there = await loginAll(away!, PAIRS);
    for (const client of [...here, ...there]) client.write('<presence/>');
    await pause(1_000);
    // Half of the pairs chat in each direction; the first message of each direction opens the link.
    const pairs = here.map((client, i): [LoadClient, LoadClient] =>
      i % 2 === 0 ? [client, there[i]!] : [there[i]!, client],
    );
    return chatting(pairs, UNDER_WAY, { firstMs: 10_000 });
  },
};
