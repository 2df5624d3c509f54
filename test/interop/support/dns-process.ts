// A DNS server in its own process, so that it can run in another network. Arguments: its address. Standard
// input: one JSON object per line, {"zone": …} or {"mode": …}. It prints a line when it has applied one.

import { createInterface } from 'node:readline';
import { type DnsFixture, dnsFixture, type ZoneEntry } from '../../support/dns-fixture.ts';

export type DnsMode = keyof typeof MODES;

const REFUSED = 5;

/** Its behaviour. */
const MODES = {
  proper: undefined,
  /** RCODE 5. */
  refuses: (response, _question, send) => send({ ...response, flags: REFUSED, answers: [] }),
  silent: () => {},
  /** Sends bytes that are not DNS, and a truncated message. */
  garbage: (response, _question, send) => {
    send(Buffer.from('HTTP/1.0 400 Bad Request\r\n\r\n'));
    send(Buffer.alloc(0));
    send(
      Buffer.from([
        (response.id ?? 0) >> 8,
        (response.id ?? 0) & 0xff,
        0x81,
        0x80,
        0,
        1,
        0,
        9,
        0,
        0,
        0,
        0,
        0xc0,
      ]),
    );
  },
  /** Sends valid answers to other questions. */
  others: (response, { name }, send) => {
    send({ ...response, id: ((response.id ?? 0) + 1) & 0xffff });
    send({ ...response, questions: [{ type: 'A', name: `not-${name}` }] });
  },
} satisfies Record<string, DnsFixture['misbehave']>;

type Order = { readonly zone: Record<string, ZoneEntry> } | { readonly mode: DnsMode };

const after = { after: () => {} };
const fixtures = await Promise.all(
  process.argv.slice(2).map((address) => dnsFixture(after, {}, { address, port: 53 })),
);
console.log('ready');

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Order;
  for (const fixture of fixtures) {
    if ('zone' in order) fixture.zone = order.zone;
    else fixture.misbehave = MODES[order.mode];
  }
  console.log(`done ${line}`);
}
