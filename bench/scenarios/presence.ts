// One user who repeatedly sends presence to 200 contacts.

import { counter, type LoadClient } from '../client.ts';
import { loginAll, pause, RUN_MS, type Scenario } from '../scenario.ts';
import { DOMAIN } from '../servers/server.ts';

const CONTACTS = 200;
const PORTION = 50;

export const presence: Scenario = {
  name: 'presence to 200 contacts',
  unit: 'delivery',
  per: 100_000,
  users: CONTACTS + 1,
  needs: 'presence',
  async prepare(server) {
    const [user, ...contacts] = await loginAll(server, CONTACTS + 1);
    await befriend(user!, contacts);
    let delivered = 0;
    let isRunning = true;
    let round = 0;
    const next = () => user!.write(`<presence><status>${++round}</status></presence>`);
    user!.drainTo(() => {});
    for (const [i, contact] of contacts.entries()) {
      contact.drainTo(
        counter('</status>', (count) => {
          delivered += count;
          if (i === CONTACTS - 1 && isRunning) for (let k = 0; k < count; k++) next();
        }),
      );
    }
    return {
      async run() {
        for (let i = 0; i < 5; i++) next();
        await pause(RUN_MS);
        isRunning = false;
        await pause(500);
        return { count: delivered };
      },
      close: () =>
        [user!, ...contacts].forEach((client) => {
          client.close();
        }),
    };
  },
};

/** The contacts subscribe to the user's presence, and the user approves. In chunks, since open requests are limited. */
async function befriend(user: LoadClient, contacts: readonly LoadClient[]): Promise<void> {
  user.write(`<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>`);
  await user.until('</iq>');
  user.drainTo(() => {});
  for (let first = 0; first < contacts.length; first += PORTION) {
    const portion = contacts.slice(first, first + PORTION);
    for (const contact of portion) {
      contact.drainTo(() => {});
      contact.write(`<presence/><presence type='subscribe' to='u0@${DOMAIN}'/>`);
    }
    await pause(1_000);
    for (const contact of portion) {
      user.write(`<presence type='subscribed' to='${contact.jid.slice(0, contact.jid.indexOf('/'))}'/>`);
    }
    await pause(1_000);
  }
}
