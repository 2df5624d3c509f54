// What of a link's traffic is nobody's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnTraffic } from '../../../modules/ping_muc/own_traffic.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { parseXml } from '../../support/match.ts';
import { HarnessLink } from '../../support/module-harness.ts';

const PING = `<ping xmlns='urn:xmpp:ping'/>`;

for (const [text, is] of [
  [`<iq type='get' id='1' from='a.lit' to='b.lit'>${PING}</iq>`, true],
  [`<iq type='result' id='1' from='a.lit' to='b.lit'/>`, true],
  [`<iq type='error' id='1' from='a.lit' to='b.lit'>${PING}<error type='cancel'/></iq>`, true],
  [`<iq type='get' id='1' from='romeo@a.lit/x' to='b.lit'>${PING}</iq>`, false],
  [`<iq type='get' id='1' from='a.lit' to='romeo@b.lit/x'>${PING}</iq>`, false],
  [`<iq type='get' id='1' from='a.lit' to='b.lit'><query xmlns='jabber:iq:version'/></iq>`, false],
  [`<iq type='get' id='1' from='a.lit' to='b.lit'/>`, false],
  [`<iq type='set' id='1' from='a.lit' to='b.lit'>${PING}</iq>`, false],
  [`<iq type='result' id='1' from='a.lit' to='b.lit'><query xmlns='jabber:iq:version'/></iq>`, false],
  [`<message from='a.lit' to='b.lit' type='get'>${PING}</message>`, false],
] as const) {
  test(`a sign of life ${is ? 'is' : 'is not'}: ${text}`, () => {
    assert.equal(new OwnTraffic().isSignOfLife(parseXml(text)), is);
  });
}

test('a stream that ends is nobody’s only if nobody else has used it, and it ended in order or for lack of traffic', () => {
  const traffic = new OwnTraffic();
  const link = (stanzasIn: number, stanzasOut: number) =>
    Object.assign(new HarnessLink('a.lit', 'out', 0), { stanzasIn, stanzasOut });
  const idle = new StreamError('connection-timeout');
  const used = link(2, 3);
  traffic.received(used);
  traffic.sent(used);
  used.state.keepalive = { asked: 2, answered: 1 };
  assert.equal(traffic.isIrrelevant(used, 'clean', undefined), true);
  assert.equal(traffic.isIrrelevant(used, 'idle', undefined), true);
  assert.equal(traffic.isIrrelevant(used, 'stream-error', idle), true);
  assert.equal(traffic.isIrrelevant(used, 'stream-error', new StreamError('reset')), false);
  assert.equal(traffic.isIrrelevant(used, 'stream-error', new Error('connection-timeout')), false);
  assert.equal(traffic.isIrrelevant(used, 'reset', idle), false);
  assert.equal(traffic.isIrrelevant(used, 'timeout', undefined), false);
  assert.equal(traffic.isIrrelevant(used, 'local', undefined), false);
  for (const [more, what] of [
    [[1, 0], 'in'],
    [[0, 1], 'out'],
  ] as const) {
    const other = link(2 + more[0], 3 + more[1]);
    other.state.pingMuc = { in: 1, out: 1 };
    other.state.keepalive = { asked: 2, answered: 1 };
    assert.equal(traffic.isIrrelevant(other, 'clean', undefined), false, what);
  }
});
