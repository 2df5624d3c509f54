// Floods within the limits of an account: tiny stanzas on 20 sessions, long ones to a component, addresses that are slow to
// prepare, deep nesting. The sessions must share one rate, and a component that reads must stay connected.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attacker.ts';
import { Tally } from '../tally.ts';
import { Wire } from '../wire.ts';
import { BOT, BOT_SECRET, HOME } from '../world.ts';

const twentySessions: Attack = {
  name: 'twenty-sessions',
  who: 'account',
  seconds: 10,
  async run(attacker) {
    const tiny = Buffer.from('<presence/>'.repeat(1_500));
    await attacker.each(20, async (index) => {
      const wire = await attacker.login(undefined, `r${index}`);
      for (;;) await wire.send(tiny);
    });
  },
};

const oneSession: Attack = {
  name: 'one-session',
  who: 'account',
  async run(attacker) {
    const tiny = Buffer.from('<presence/>'.repeat(1_500));
    await attacker.each(1, async () => {
      const wire = await attacker.login();
      for (;;) await wire.send(tiny);
    });
  },
};

/** Messages of 300 KB to a component that reads everything immediately. It used to be disconnected after 60 s. */
const componentFlood: Attack = {
  name: 'component-flood',
  who: 'account',
  seconds: 64,
  async run(attacker) {
    const message = Buffer.from(`<message to='x@${BOT}'><body>${'b'.repeat(300 * 1024)}</body></message>`);
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (;;) {
        await wire.send(message);
        await sleep(2_000);
      }
    });
  },
  async witness({ home }) {
    const { address, component: port } = home;
    const wire = await Wire.open({ address, port, tally: new Tally() });
    await wire.send(
      `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${BOT}'>`,
    );
    const header = await wire.until(/<stream:stream[^>]*>/);
    const id = /\bid=['"]([^'"]*)/.exec(header)![1]!;
    const proof = createHash('sha1').update(`${id}${BOT_SECRET}`).digest('hex');
    await wire.send(`<handshake>${proof}</handshake>`);
    await wire.until(/<handshake\/>/);
    return async (over) => {
      while (!over.aborted && wire.isOpen) await sleep(100);
      return {
        text: wire.isOpen ? 'the component is still connected' : 'the component was cut off',
        isGood: wire.isOpen,
      };
    };
  },
};

/** `a` and combining marks, whose normalisation takes quadratic time. */
export function slowLocalpart(marks: number): string {
  return `a${'\u0323\u0307\u0302'.repeat(marks / 3)}`;
}

const slowAddresses: Attack = {
  name: 'slow-addresses',
  who: 'account',
  async run(attacker) {
    const message = Buffer.from(`<message to='${slowLocalpart(3_000)}@${HOME}'/>`.repeat(5));
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (;;) await wire.send(message);
    });
  },
};

const nesting: Attack = {
  name: 'nesting',
  who: 'account',
  async run(attacker) {
    const deep = Buffer.from(
      `<message to='x@${HOME}'>${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}</message>`,
    );
    await attacker.each(4, async (index) => {
      const wire = await attacker.login(undefined, `r${index}`);
      await wire.send(deep);
      // A server that accepts the stanza has passed too.
      await sleep(500);
    });
  },
};

export const FLOOD_ATTACKS = [twentySessions, oneSession, componentFlood, slowAddresses, nesting];
