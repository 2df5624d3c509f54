// K5 at random: clients come, acknowledge, fall asleep and end. No message is lost, and no client gets one twice.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { randomFrom } from '../../support/random.ts';
import { asks, drain, JULIET, login, ROMEO, type Scene, SM, scene } from './scene.ts';

const SEEDS = 12;
const STEPS = 60;
const EXPIRY_MS = 600_000;

interface Device {
  readonly client: ScriptedClient;
  /** In the order of their arrival, as messages or as copies. */
  readonly got: string[];
  /** How many of them it has acknowledged. */
  acknowledged: number;
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`K5: no message is lost with its clients, and none comes twice: seed ${seed}`, async (t) => {
    const there = await scene(t);
    const random = randomFrom(seed);
    const pick = (count: number) => Math.floor(random() * count);
    const romeo = await login(there, ROMEO);
    const devices: Device[] = [];
    const former: Device[] = [];
    let sent = 0;

    const steps = [
      async () => {
        if (devices.length < 4)
          devices.push(await comes(there, `${JULIET}/${former.length}-${devices.length}-${sent}`, random));
      },
      async () => {
        const device = devices[pick(devices.length)];
        const to = device && pick(2) === 0 ? device.client.jid : JULIET;
        romeo.send(`<message type='chat' id='m${sent++}' to='${to}'><body>Hi</body></message>`);
        await drain(romeo);
      },
      async () => {
        const device = devices[pick(devices.length)];
        if (device) await acknowledges(there, device);
      },
      async () => {
        const [device] = devices.splice(pick(devices.length), 1);
        if (!device) return;
        await reads(device);
        former.push(device);
        if (pick(2) === 0 && there.session(device.client.jid)?.state.smacks) await there.loses(device.client);
        else device.client.send('</stream:stream>');
        await there.idle();
      },
    ];
    for (let step = 0; step < STEPS; step++) await steps[[0, 1, 1, 1, 2, 3][pick(6)]!]!();
    for (const device of devices) {
      await reads(device);
      device.client.send('</stream:stream>');
    }
    await there.idle();
    await there.clock.advance(EXPIRY_MS);
    await there.idle();
    const last = await comes(there, `${JULIET}/last`, () => 0);
    await there.idle();
    await reads(last);

    const all = [...former, ...devices, last];
    for (const { client, got } of all) assert.deepEqual(got, [...new Set(got)], `twice at ${client.jid}`);
    const safe = new Set([
      ...all.flatMap(({ got, acknowledged }) => got.slice(0, acknowledged)),
      ...last.got,
    ]);
    const lost = Array.from({ length: sent }, (_, i) => `m${i}`).filter((id) => !safe.has(id));
    assert.deepEqual(lost, []);
  });
}

/** One that manages its stream or not, wants copies or not, and takes messages to the account or not. */
async function comes(there: Scene, jid: string, random: () => number): Promise<Device> {
  const isManaged = random() < 0.8;
  const { client } = isManaged ? await there.managed(jid) : { client: await there.test.client(jid) };
  const device = { client, got: [], acknowledged: isManaged ? 0 : Number.POSITIVE_INFINITY };
  if (random() < 0.7) await asks(client, 'enable');
  client.send(`<presence><priority>${random() < 0.7 ? 0 : -1}</priority></presence>`);
  await there.idle();
  return device;
}

async function acknowledges(there: Scene, device: Device): Promise<void> {
  await reads(device);
  if (device.acknowledged === Number.POSITIVE_INFINITY) return;
  device.client.send(`<a ${SM} h='${there.sent(device.client.jid)}'/>`);
  device.acknowledged = device.got.length;
  await there.turns();
}

/** Reads what the client was sent. */
async function reads({ client, got }: Device): Promise<void> {
  client.send(`<iq type='get' id='read' to='capulet.lit'><query xmlns='urn:example:read'/></iq>`);
  for (;;) {
    const element = await client.next();
    if (element.attrs.id === 'read') return;
    if (element.name !== 'message') continue;
    const copied = element
      .getChild('received', 'urn:xmpp:carbons:2')
      ?.getChild('forwarded', 'urn:xmpp:forward:0')
      ?.getChild('message', 'jabber:client');
    got.push((copied ?? element).attrs.id ?? '');
  }
}
