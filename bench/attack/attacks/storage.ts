// Writes to the disk for one account, or by it for another one. All accounts share one thread and one queue. The attacker is an
// account. Changes of other users must not be lost or delayed.

import type { Attack } from '../attacker.ts';
import { ACCOMPLICES, HOME } from '../world.ts';

/** Private data of 400 KB, replaced repeatedly (XEP-0049). */
const privateData: Attack = {
  name: 'private-data',
  who: 'account',
  async run(attacker) {
    const text = 't'.repeat(400 * 1024);
    await attacker.each(4, async (index) => {
      const wire = await attacker.login(undefined, `r${index}`);
      for (let i = 0; ; i++) {
        const data = `<data xmlns='u:${index}-${i % 10}'>${text}</data>`;
        await wire.send(`<iq type='set' id='p'><query xmlns='jabber:iq:private'>${data}</query></iq>`);
      }
    });
  },
};

/** Messages of 300 KB to offline accounts. */
const offlineMessages: Attack = {
  name: 'offline-messages',
  who: 'account',
  async run(attacker) {
    const body = `<body>${'b'.repeat(300 * 1024)}</body>`;
    await attacker.each(6, async (index) => {
      const wire = await attacker.login(undefined, `r${index}`);
      for (let i = 0; ; i++) {
        const to = ACCOMPLICES[i % ACCOMPLICES.length]!;
        await wire.send(`<message type='chat' to='${to}@${HOME}'>${body}</message>`);
      }
    });
  },
};

export const STORAGE_ATTACKS = [privateData, offlineMessages];
