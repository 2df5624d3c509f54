// Rosters and subscription requests, filled by an account or by a foreign server. A roster must be limited in bytes, a small change
// must cost little, and one domain must not take all places for requests.

import { setTimeout as sleep } from 'node:timers/promises';
import { LoadClient } from '../../client.ts';
import type { Attack, Witness } from '../attacker.ts';
import { loginOf } from '../prober.ts';
import { EVIL, HOME, MALLORY, type World } from '../world.ts';
import { settle } from './room.ts';

const ITEMS = 1_000;
const GROUPS = 32;

function rosterSet(item: string): string {
  return `<iq type='set' id='s'><query xmlns='jabber:iq:roster'>${item}</query></iq>`;
}

/** Tries to store 9.5 MiB of names and groups, then makes small changes. */
const rosterFill: Attack = {
  name: 'roster-fill',
  who: 'account',
  seconds: 15,
  async run(attacker) {
    const groups = Array.from({ length: GROUPS }, (_, i) => `<group>${`${i}`.padEnd(256, 'g')}</group>`).join(
      '',
    );
    const name = 'n'.repeat(1_024);
    const small = Buffer.from(rosterSet(`<item jid='c0@x.example' name='s'/>`).repeat(400));
    let isFilled = false;
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (let i = 0; i < ITEMS && !isFilled; i++)
        await wire.send(rosterSet(`<item jid='c${i}@x.example' name='${name}'>${groups}</item>`));
      isFilled = true;
      for (;;) await wire.send(small);
    });
  },
};

/** Small changes of a small roster, as fast as one connection may send. */
const rosterChanges: Attack = {
  name: 'roster-changes',
  who: 'account',
  async run(attacker) {
    const small = Buffer.from(rosterSet(`<item jid='c0@x.example' name='s'/>`).repeat(400));
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (;;) await wire.send(small);
    });
  },
};

const subscriptionRequests: Attack = {
  name: 'subscription-requests',
  who: 'peer',
  async run(attacker) {
    await attacker.forever(async () => {
      const wire = await attacker.peer(EVIL, HOME);
      for (let i = 0; ; i++)
        await wire.send(`<presence type='subscribe' from='x${i}@${EVIL}' to='carl@${HOME}'/>`);
    });
  },
  witness: (world) =>
    askAtTheEnd(world, `<presence type='subscribe' to='carl@${HOME}'/>`, /<presence[^>]*bob@/),
};

/** Fills the offline storage, which keeps 500 messages. */
const offlinePlaces: Attack = {
  name: 'offline-places',
  who: 'peer',
  async run(attacker) {
    await attacker.forever(async () => {
      const wire = await attacker.peer(EVIL, HOME);
      for (let i = 0; ; i++)
        await wire.send(
          `<message type='chat' from='x${i}@${EVIL}' to='carl@${HOME}'><body>b</body></message>`,
        );
    });
  },
  witness: (world) =>
    askAtTheEnd(
      world,
      `<message type='chat' to='carl@${HOME}'><body>b</body></message>`,
      /<message[^>]*bob@/,
    ),
};

/** Bob writes to Carl, who is offline, after the attack. Carl must receive that at his next login. */
async function askAtTheEnd({ home }: World, stanza: string, seen: RegExp): Promise<Witness> {
  const bob = await LoadClient.login(loginOf(home, 'bob', 'desktop'));
  bob.write('<presence/>');
  return async (over) => {
    while (!over.aborted) await sleep(50);
    bob.write(stanza);
    await sleep(500);
    const carl = await LoadClient.login(loginOf(home, 'carl', 'desktop'));
    let heard = '';
    carl.drainTo((chunk) => {
      heard += chunk.toString('latin1');
    });
    carl.write('<presence/>');
    await sleep(1_000);
    const isGood = seen.test(heard);
    return { text: `what Bob sent ${isGood ? 'arrived' : 'was lost'}`, isGood };
  };
}

/** Directed presence to 50,000 addresses, which must all be notified when the session ends; then it ends. */
const directedPresences: Attack = {
  name: 'directed-presences',
  who: 'account',
  async run(attacker) {
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (let i = 0; i < 50_000; i += 500) {
        const one = (_: unknown, j: number) => `<presence to='x${i + j}@${HOME}'/>`;
        await wire.send(Array.from({ length: 500 }, one).join(''));
      }
      await settle(wire);
      attacker.tally.note('rounds');
      wire.close();
    });
  },
};

const CONTACTS = 1_000;

/** 1,000 users of a foreign server see the presence of one account, which comes and goes as fast as it may. */
const presenceFanOut: Attack = {
  name: 'presence-fan-out',
  who: 'account',
  seconds: 10,
  async run(attacker) {
    const owner = await attacker.login(undefined, 'owner');
    const peer = await attacker.peer(EVIL, HOME);
    for (let i = 0; i < CONTACTS; i++) {
      await owner.send(`<presence type='subscribed' to='x${i}@${EVIL}'/>`);
    }
    await settle(owner);
    for (let i = 0; i < CONTACTS; i++) {
      await peer.send(`<presence type='subscribe' from='x${i}@${EVIL}' to='${MALLORY}@${HOME}'/>`);
    }
    const pairs = Buffer.from(`<presence/><presence type='unavailable'/>`.repeat(100));
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (;;) await wire.send(pairs);
    });
  },
};

/** Requests for a contact list of 1,000 contacts whose version the client has, so each answer is empty. */
const rosterRequests: Attack = {
  name: 'roster-requests',
  who: 'account',
  seconds: 10,
  async run(attacker) {
    const owner = await attacker.login(undefined, 'owner');
    for (let i = 0; i < CONTACTS; i++) await owner.send(rosterSet(`<item jid='c${i}@x.example'/>`));
    await settle(owner);
    const requests = Buffer.from(
      `<iq type='get' id='g'><query xmlns='jabber:iq:roster' ver=''/></iq>`.repeat(100),
    );
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (;;) await wire.send(requests);
    });
  },
};

export const ROSTER_ATTACKS = [
  presenceFanOut,
  rosterRequests,
  rosterFill,
  rosterChanges,
  subscriptionRequests,
  offlinePlaces,
  directedPresences,
];
