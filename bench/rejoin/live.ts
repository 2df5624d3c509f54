// The cost of watching rooms while nothing is lost: compared with a server on which `muc_autorejoin` is off.

import { randomUUID } from 'node:crypto';
import { parseElement } from '../../src/xml/copy.ts';
import { type Element, xml } from '../../src/xml/element.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { FastClock, threadMs } from '../fast-clock.ts';
import type { Table } from '../limits-table.ts';
import { Crowd } from './crowd.ts';

const SIZE = { rooms: 1, users: 1, people: 50 };
/** Stanzas of one round: few enough for the processor's cache, where a stanza is that has just been parsed. */
const STANZAS = 100;
/** Rounds on each server, alternately. The cheapest one counts. */
const ROUNDS = 10_000;

interface Kind {
  readonly name: string;
  /** In µs. */
  readonly most: number;
  make(crowd: Crowd<FastClock>, number: number): Element;
}

const KINDS: readonly Kind[] = [
  {
    name: 'CPU per presence of a room',
    most: 1,
    make: ({ service, clients: [client] }, i) =>
      service.person(`room0@${service.domain}`, i % SIZE.people, `${client!.jid}`),
  },
  {
    name: 'CPU per message of a room',
    most: 0.5,
    make({ service, clients: [client] }) {
      const room = `room0@${service.domain}`;
      return xml(
        'message',
        { type: 'groupchat', id: randomUUID(), from: `${room}/Person 1 of many`, to: `${client!.jid}` },
        xml('body', {}, 'x'.repeat(100)),
        xml('stanza-id', { xmlns: NS.STANZA_ID, by: room, id: randomUUID() }),
      );
    },
  },
  {
    name: 'CPU per other stanza',
    most: 0.05,
    make: ({ clients: [client] }, i) =>
      xml(
        'message',
        { type: 'chat', id: `${i}`, from: 'tybalt@capulet.lit/x', to: `${client!.jid}` },
        xml('body', {}, 'x'.repeat(100)),
      ),
  },
];

export async function measureLive(table: Table): Promise<void> {
  const silent = await Crowd.in(new FastClock(1), SIZE);
  const off = await Crowd.in(new FastClock(1), SIZE, 'off');
  for (const { name, most, make } of KINDS) {
    const stanzas = (crowd: Crowd<FastClock>) =>
      Array.from({ length: STANZAS }, (_, i) => parseElement(`${make(crowd, i)}`));
    const [ofSilent, ofOff] = [stanzas(silent), stanzas(off)];
    let [own, without] = [Infinity, Infinity];
    for (let round = 0; round < ROUNDS; round++) {
      own = Math.min(own, costOf(silent, ofSilent));
      without = Math.min(without, costOf(off, ofOff));
    }
    table.add(name, own - without, 'µs', { most });
  }
  await Promise.all([silent, off].map(({ harness }) => harness.server.stop()));
}

/** In µs for each stanza. */
function costOf({ harness, service }: Crowd<FastClock>, stanzas: readonly Element[]): number {
  const link = service.peer.openIn();
  const start = threadMs();
  for (const stanza of stanzas) harness.server.router.route(stanza, link);
  return ((threadMs() - start) / stanzas.length) * 1_000;
}
