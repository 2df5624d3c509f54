// The room service: reasons and nicks in lists, the list of rooms, joins, and a client that does not read. The attacker is one
// account. Lists must be limited in bytes, a request must cost no more than its answer, and a slow reader must be disconnected.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attacker.ts';
import { ROOMS } from '../world.ts';
import { join, makeRooms, persist, roomJid, settle } from './room.ts';

function adminSet(room: string, items: string): string {
  return `<iq type='set' id='s' to='${roomJid(room)}'><query xmlns='http://jabber.org/protocol/muc#admin'>${items}</query></iq>`;
}

/** 28 MiB, a little less than the limit for a room's row. */
const BANS = 60;

/** Bans with reasons of 480 KB, then small changes. Each change writes the whole room. */
const banReasons: Attack = {
  name: 'ban-reasons',
  who: 'account',
  seconds: 10,
  async run(attacker) {
    const sessions = 8;
    const reason = 'r'.repeat(480 * 1024);
    const owner = await attacker.login(undefined, 'owner');
    await owner.send(join('bans'), persist('bans'));
    await settle(owner);
    await attacker.each(sessions, async (index) => {
      const wire = await attacker.login(undefined, `r${index}`);
      for (let i = index; i < BANS; i += sessions) {
        const item = `<item affiliation='outcast' jid='troll${i}@x.example'><reason>${reason}</reason></item>`;
        await wire.send(adminSet('bans', item));
      }
      for (let i = 0; ; i++) {
        await wire.send(
          adminSet('bans', `<item affiliation='outcast' jid='small${index}-${i % 200}@x.example'/>`),
        );
        await sleep(50);
      }
    });
  },
};

/** With the owner, less than the limit of 5,000 affiliations. */
const RESERVED = 4_990;

const reserveNicks: Attack = {
  name: 'reserve-nicks',
  who: 'account',
  async run(attacker) {
    const requests = [0, 1].map((round) => {
      const one = (_: unknown, i: number) =>
        `<item affiliation='member' jid='m${i}@x.example' nick='n${(i + round) % RESERVED}-${round}'/>`;
      return Buffer.from(adminSet('nicks', Array.from({ length: RESERVED }, one).join('')));
    });
    await attacker.forever(async () => {
      const wire = await attacker.login();
      await makeRooms(wire, ['nicks']);
      for (;;) for (const request of requests) await wire.send(request);
    });
  },
};

const MAKERS = 20;
const ROOMS_OF_EACH = 487;

/** 9,740 rooms, then 200 requests a second for the length of the room list. */
const discoItems: Attack = {
  name: 'disco-items',
  who: 'account',
  seconds: 12,
  async run(attacker) {
    const wires = await attacker.sessions(MAKERS);
    await Promise.all(
      wires.map(async (wire, index) => {
        const names = Array.from({ length: ROOMS_OF_EACH }, (_, i) => `list-${index}-${i}`);
        await makeRooms(wire, names);
      }),
    );
    attacker.tally.note('rooms asked for', MAKERS * ROOMS_OF_EACH);
    const question = `<iq type='get' id='q' to='${ROOMS}'><query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><max>0</max></set></query></iq>`;
    await attacker.rate(200, () => {
      attacker.tally.note('questions');
      return wires[0]!.send(question);
    });
  },
};

/** 20 sessions repeatedly make 5,000 joins and leave. */
const manyJoins: Attack = {
  name: 'five-thousand-joins',
  who: 'account',
  async run(attacker) {
    const names = Array.from({ length: 250 }, (_, i) => `many-${i}`);
    await attacker.each(20, async (index) => {
      const wire = await attacker.login(undefined, `r${index}`);
      for (;;) {
        const nick = `n${index}`;
        await wire.send(names.map((name) => join(name, { nick })).join(''));
        await settle(wire);
        await wire.send(
          names.map((name) => `<presence type='unavailable' to='${roomJid(name)}/${nick}'/>`).join(''),
        );
        await settle(wire);
        attacker.tally.note('rounds of 250 joins');
      }
    });
  },
};

/** Ten sessions write to a room as fast as they may; an eleventh occupant reads nothing. */
const slowReader: Attack = {
  name: 'slow-reader',
  who: 'account',
  async run(attacker) {
    const owner = await attacker.login(undefined, 'owner');
    await makeRooms(owner, ['busy']);
    await Promise.all([
      attacker.forever(async () => {
        const wire = await attacker.login(undefined, 'slow');
        await wire.send(join('busy', { nick: 'slow' }));
        wire.stopReading();
        await sleep(60_000);
      }),
      attacker.each(10, async (index) => {
        const wire = await attacker.login(undefined, `r${index}`);
        await wire.send(join('busy', { nick: `n${index}` }));
        const text = Buffer.from(
          `<message type='groupchat' to='${roomJid('busy')}'><body>${'b'.repeat(1_000)}</body></message>`,
        );
        for (;;) {
          await wire.send(text);
          await sleep(10);
        }
      }),
    ]);
  },
};

/** 20 occupants receive each message of one session, so 1 MiB/s of each session becomes 400 MiB/s. */
const amplification: Attack = {
  name: 'room-amplification',
  who: 'account',
  async run(attacker) {
    const owner = await attacker.login(undefined, 'owner');
    await makeRooms(owner, ['loud']);
    const text = Buffer.from(
      `<message type='groupchat' to='${roomJid('loud')}'><body>${'b'.repeat(10_000)}</body></message>`,
    );
    await attacker.each(20, async (index) => {
      const wire = await attacker.login(undefined, `r${index}`);
      await wire.send(join('loud', { nick: `n${index}` }));
      for (;;) await wire.send(text);
    });
  },
};

export const ROOM_ATTACKS = [amplification, banReasons, reserveNicks, discoItems, manyJoins, slowReader];
