// Links: domains whose DNS does not answer or is an alias of itself, and a peer that claims 10,000 domains. The attacker is an
// account or a peer. All other users must reach all other servers as before.

import { setTimeout as sleep } from 'node:timers/promises';
import { LoadClient } from '../../client.ts';
import type { Attack, Witness } from '../attacker.ts';
import { loginOf } from '../prober.ts';
import { EVIL, FRESH, HOME, LOOP, ROOMS, SILENT, type World } from '../world.ts';

const LIMIT_MS = 2_000;

const calls: Attack = {
  name: 'calls',
  who: 'account',
  needsAway: true,
  seconds: 8,
  async run(attacker) {
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (let i = 0; ; i++) {
        const texts = Array.from({ length: 100 }, (_, j) => `<message to='x@d${i}-${j}.${SILENT}' id='m'/>`);
        await wire.send(texts.join(''));
        // 1,100 immediately, then 1,100 each second.
        if (i % 11 === 10) await sleep(1_000);
      }
    });
  },
  witness: newDomains,
};

const aliasLoop: Attack = {
  name: 'alias-loop',
  who: 'account',
  needsAway: true,
  async run(attacker) {
    await attacker.forever(async () => {
      const wire = await attacker.login();
      for (let i = 0; ; i++) {
        await wire.send(`<message to='x@d${i}.${LOOP}' id='m'/>`);
        await sleep(5);
      }
    });
  },
  witness: newDomains,
};

/** Each second, Alice sends a request to another domain without a link. */
async function newDomains({ home }: World): Promise<Witness> {
  const alice = await LoadClient.login(loginOf(home, 'alice', 'desktop'));
  return async (over) => {
    const sentAt = new Map<string, number>();
    const delays: number[] = [];
    let returned = 0;
    alice.drainTo((chunk) => {
      for (const [, type, id = ''] of answersIn(chunk.toString('latin1'))) {
        const at = sentAt.get(id);
        if (at === undefined) continue;
        sentAt.delete(id);
        if (type === 'result') delays.push(performance.now() - at);
        else returned++;
      }
    });
    await sleep(500);
    let asked = 0;
    for (const domain of FRESH) {
      if (over.aborted) break;
      sentAt.set(`ask${asked}`, performance.now());
      alice.write(`<iq type='get' id='ask${asked}' to='${domain}'><ping xmlns='urn:xmpp:ping'/></iq>`);
      asked++;
      await Promise.race([sleep(1_000), new Promise((resolve) => over.addEventListener('abort', resolve))]);
    }
    await sleep(LIMIT_MS);
    const slowest = Math.max(0, ...delays);
    const text = `${delays.length} of ${asked} new domains reached, ${returned} questions came back, slowest ${slowest.toFixed(0)} ms`;
    return { text, isGood: delays.length === asked && slowest <= LIMIT_MS };
  };
}

function answersIn(text: string): [string, string, string][] {
  return [...text.matchAll(/<iq\b[^>]*>/g)].map(([tag]) => [
    tag,
    /\btype=['"](\w+)/.exec(tag)?.[1] ?? '',
    /\bid=['"](\w+)/.exec(tag)?.[1] ?? '',
  ]);
}

/** Claims domains on several streams, to users and to rooms. Each claim makes the server connect to that domain. */
const manyDomains: Attack = {
  name: 'ten-thousand-domains',
  who: 'peer',
  async run(attacker) {
    let claimed = 0;
    await attacker.each(4, async (index) => {
      const to = index % 2 === 0 ? HOME : ROOMS;
      const wire = await attacker.peer(EVIL, to);
      while (claimed < 10_000) {
        const one = () => `<db:result from='d${claimed++}.${EVIL}' to='${to}'>key</db:result>`;
        await wire.send(Array.from({ length: 8 }, one).join(''));
        await wire.until(/<db:result /);
      }
      claimed = 0;
    });
  },
};

export const LINK_ATTACKS = [calls, aliasLoop, manyDomains];
