// Which stream carries, and the states of our own one: every event in every state.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Call, type CallEvent, step as stepCall } from '../../../src/s2s/call.ts';
import {
  type Carrier,
  type CarrierEffect,
  type CarrierEvent,
  step as stepCarrier,
} from '../../../src/s2s/carrier.ts';

type CarrierRow = readonly [Carrier<string>['is'], CarrierEvent, Carrier<string>['is'], CarrierEffect?];

/** State, event, next state, and what is to be done. */
const CARRIER: readonly CarrierRow[] = [
  ['none', 'chosen', 'starting', 'open'],
  ['none', 'ready', 'none'],
  ['none', 'closed', 'none'],
  ['none', 'ended', 'none'],
  ['starting', 'chosen', 'starting'],
  ['starting', 'ready', 'carrying', 'send'],
  ['starting', 'closed', 'none'],
  ['starting', 'ended', 'none'],
  ['carrying', 'chosen', 'carrying'],
  ['carrying', 'ready', 'carrying'],
  ['carrying', 'closed', 'leaving'],
  ['carrying', 'ended', 'none', 'take-back'],
  ['leaving', 'chosen', 'leaving'],
  ['leaving', 'ready', 'leaving'],
  ['leaving', 'closed', 'leaving'],
  ['leaving', 'ended', 'none', 'take-back'],
];

type CallRow = readonly [Call<string>['is'], CallEvent, Call<string>['is']];

const CALL: readonly CallRow[] = [
  ['none', 'dialled', 'dialling'],
  ['none', 'needed', 'none'],
  ['none', 'spared', 'none'],
  ['none', 'secured', 'none'],
  ['none', 'opened', 'none'],
  ['none', 'over', 'none'],
  ['dialling', 'dialled', 'dialling'],
  ['dialling', 'needed', 'opening'],
  ['dialling', 'spared', 'dialling'],
  ['dialling', 'secured', 'prepared'],
  ['dialling', 'opened', 'open'],
  ['dialling', 'over', 'none'],
  ['opening', 'dialled', 'opening'],
  ['opening', 'needed', 'opening'],
  ['opening', 'spared', 'dialling'],
  ['opening', 'secured', 'authenticating'],
  ['opening', 'opened', 'open'],
  ['opening', 'over', 'none'],
  ['prepared', 'dialled', 'prepared'],
  ['prepared', 'needed', 'authenticating'],
  ['prepared', 'spared', 'prepared'],
  ['prepared', 'secured', 'prepared'],
  ['prepared', 'opened', 'open'],
  ['prepared', 'over', 'none'],
  ['authenticating', 'dialled', 'authenticating'],
  ['authenticating', 'needed', 'authenticating'],
  ['authenticating', 'spared', 'authenticating'],
  ['authenticating', 'secured', 'authenticating'],
  ['authenticating', 'opened', 'open'],
  ['authenticating', 'over', 'none'],
  ['open', 'dialled', 'open'],
  ['open', 'needed', 'open'],
  ['open', 'spared', 'open'],
  ['open', 'secured', 'open'],
  ['open', 'opened', 'open'],
  ['open', 'over', 'none'],
];

const STREAM = 'a stream';
const OTHER = 'another stream';

for (const [is, event, next, effect] of CARRIER) {
  test(`carrier: ${is}, ${event} → ${next}${effect ? `, ${effect}` : ''}`, () => {
    const before: Carrier<string> = is === 'none' ? { is } : { is, stream: STREAM };
    const [after, done] = stepCarrier(before, event, STREAM);
    assert.deepEqual(after, next === 'none' ? { is: next } : { is: next, stream: STREAM });
    assert.equal(done, effect);
    if (is !== 'none') assert.deepEqual(stepCarrier(before, event, OTHER), [before]);
  });
}

for (const [is, event, next] of CALL) {
  test(`call: ${is}, ${event} → ${next}`, () => {
    const before: Call<string> = is === 'none' ? { is } : { is, outgoing: STREAM };
    const after = stepCall(before, event, STREAM);
    assert.deepEqual(after, next === 'none' ? { is: next } : { is: next, outgoing: STREAM });
    if (is !== 'none') assert.deepEqual(stepCall(before, event, OTHER), before);
  });
}

test('the tables have a row for every state and event', () => {
  const pairs = (rows: readonly (readonly unknown[])[]) =>
    new Set(rows.map(([is, event]) => `${is} ${event}`)).size;
  assert.deepEqual([pairs(CARRIER), CARRIER.length], [4 * 4, 4 * 4]);
  assert.deepEqual([pairs(CALL), CALL.length], [6 * 6, 6 * 6]);
});
