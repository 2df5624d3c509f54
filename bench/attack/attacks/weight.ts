// Stanzas that take far more memory than bytes on the wire: messages of empty elements in rooms and in queues for other servers.
// The attacker is an account or a foreign server. The server must limit the total memory.

import { setTimeout as sleep } from 'node:timers/promises';
import { CLIENT_LIMITS } from '../../../src/xml/limits.ts';
import { LoadClient } from '../../client.ts';
import type { Attack, Attacker } from '../attacker.ts';
import { loginOf } from '../prober.ts';
import { HABITS } from '../stranger.ts';
import { EVIL, ROOMS, SILENT } from '../world.ts';
import { hollow, join, makeRooms, persist, roomJid, unlock } from './room.ts';

/** The number of elements that a stanza of a client may have, minus a few for its other parts. */
const HOLLOW = hollow(CLIENT_LIMITS.nodes - 64);
/** More than the limit. */
const TOO_HOLLOW = hollow(120 * 1024);

const historyWeight: Attack = {
  name: 'history-weight',
  who: 'account',
  run: (attacker) => fillHistories(attacker, 6, 10),
};

const historyWeight400: Attack = {
  name: 'history-weight-400',
  who: 'account',
  seconds: 12,
  run: (attacker) => fillHistories(attacker, 20, 20),
};

/** Sessions of one account, each with its own rooms, repeatedly write to each room. */
async function fillHistories(attacker: Attacker, sessions: number, roomsOfEach: number): Promise<void> {
  await attacker.each(sessions, async (index) => {
    const wire = await attacker.login(undefined, `r${index}`);
    const rooms = Array.from({ length: roomsOfEach }, (_, i) => `heavy-${index}-${i}`);
    await makeRooms(wire, rooms);
    for (;;) {
      for (const room of rooms) {
        const head = `<message type='groupchat' to='${roomJid(room)}'><body>b</body><x xmlns='u:x'>`;
        await wire.send(head, HOLLOW, '</x></message>');
      }
    }
  });
}

const PEER_STREAMS = 3;
const PEER_ROOMS = 30;

const historyWeightByPeer: Attack = {
  name: 'history-weight-by-peer',
  who: 'peer',
  seconds: 12,
  async run(attacker) {
    await attacker.each(PEER_STREAMS, async (index) => {
      const domain = `d${index}.${EVIL}`;
      const from = `x@${domain}/r`;
      const wire = await attacker.peer(domain, ROOMS);
      const rooms = farRooms(index);
      for (const room of rooms) await wire.send(join(room, { from }), unlock(room, from));
      await sleep(500);
      for (;;) {
        for (const room of rooms) {
          const to = roomJid(room);
          const head = `<message type='groupchat' from='${from}' to='${to}'><body>b</body><x xmlns='u:x'>`;
          await wire.send(head, HOLLOW, '</x></message>');
        }
      }
    });
  },
  /** Creates the rooms and leaves them, since users of other servers may not create any. */
  async witness({ home }) {
    const bob = await LoadClient.login(loginOf(home, 'bob', 'desktop'));
    for (let index = 0; index < PEER_STREAMS; index++) {
      for (const room of farRooms(index)) {
        bob.write(`${join(room)}${persist(room)}`);
        bob.write(`<presence type='unavailable' to='${roomJid(room)}/n'/>`);
      }
    }
    bob.drainTo(() => {});
    return async () => ({ text: 'another user made the rooms', isGood: true });
  },
};

function farRooms(index: number): string[] {
  return Array.from({ length: PEER_ROOMS }, (_, i) => `far-${index}-${i}`);
}

/** Rooms keep the presence of each client: 16 Ki characters in each of 500 rooms of each session. */
const presenceWeight: Attack = {
  name: 'presence-weight',
  who: 'account',
  seconds: 10,
  async run(attacker) {
    const payload = `<x xmlns='u:x'>${hollow(3_840)}</x>`;
    await attacker.each(6, async (index) => {
      const wire = await attacker.login(undefined, `r${index}`);
      for (let i = 0; i < 500; i++) await wire.send(join(`seat-${index}-${i}`, { payload }));
      await sleep(60_000);
    });
  },
};

const waitingWeight: Attack = {
  name: 'waiting-weight',
  who: 'account',
  async run(attacker) {
    let domain = 0;
    await attacker.each(4, async (index) => {
      const wire = await attacker.login(undefined, `r${index}`);
      for (;;) {
        const head = `<message to='x@d${domain++}.${SILENT}'><body>b</body><x xmlns='u:x'>`;
        await wire.send(head, domain % 2 === 0 ? TOO_HOLLOW : HOLLOW, '</x></message>');
      }
    });
  },
};

/** Another server accepts all stanzas and acknowledges none, so all of them are kept for the next stream. */
const unacknowledgedWeight: Attack = {
  name: 'unacknowledged-weight',
  who: 'account',
  seconds: 12,
  run: (attacker) => writeTo(attacker, HABITS.forgetful),
};

/** Another server reads nothing, so all output waits in the connection. */
const unreadWeight: Attack = {
  name: 'unread-weight',
  who: 'account',
  seconds: 12,
  run: (attacker) => writeTo(attacker, HABITS.deaf),
};

async function writeTo(attacker: Attacker, habit: string): Promise<void> {
  await attacker.listen();
  await attacker.each(4, async (index) => {
    const wire = await attacker.login(undefined, `r${index}`);
    for (let i = 0; ; i++) {
      const head = `<message to='x@${habit}${index}-${i % 8}.${EVIL}'><body>b</body><x xmlns='u:x'>`;
      await wire.send(head, HOLLOW, '</x></message>');
    }
  });
}

export const WEIGHT_ATTACKS = [
  historyWeight,
  historyWeight400,
  historyWeightByPeer,
  presenceWeight,
  waitingWeight,
  unacknowledgedWeight,
  unreadWeight,
];
