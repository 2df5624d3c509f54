// The table of verdicts, row by row (XEP-0410 §3.2, docs/adr/0011).

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Answer,
  type Evidence,
  judgePing,
  judgePresence,
  judgeRoom,
  judgeService,
  type Relay,
  type Row,
  type Verdict,
} from '../../../modules/ping_muc/verdict.ts';

type ErrorAnswer = Extract<Answer, { kind: 'error' }>;

const RESULT: Answer = { kind: 'result' };
const TIMEOUT: Answer = { kind: 'timeout' };

function error(condition: string | undefined, more: Partial<ErrorAnswer> = {}): ErrorAnswer {
  return { kind: 'error', condition, type: 'cancel', byRoom: false, local: false, ...more };
}

function evidence(more: Partial<Evidence> = {}): Evidence {
  return {
    pings: 1,
    seen: [],
    room: undefined,
    irc: undefined,
    gateway: undefined,
    entering: undefined,
    isUnanswered: false,
    mayProbe: true,
    ...more,
  };
}

const EXISTS = { optimised: false, irc: false, gateway: false };
const OPTIMISED = { optimised: true, irc: false, gateway: false };

interface Case {
  readonly of: string;
  readonly answer: Answer;
  readonly relay?: Relay;
  readonly after?: Partial<Evidence>;
  readonly is: Verdict;
}

const joined = { conclude: 'joined' } as const;
const lost = { conclude: 'lost' } as const;
const busy = { conclude: 'busy' } as const;
const down = { conclude: 'down' } as const;
const unproven = { conclude: 'unproven' } as const;
const desync = { conclude: 'desync' } as const;

const PINGS: Case[] = [
  { of: 'a result', answer: RESULT, is: joined },
  { of: 'a result relayed to this very session', answer: RESULT, relay: 'own', is: joined },
  { of: 'a result relayed to one sibling', answer: RESULT, relay: 'sibling', is: joined },
  { of: 'a result relayed to several siblings', answer: RESULT, relay: 'siblings', is: unproven },

  { of: 'not-acceptable', answer: error('not-acceptable'), is: lost },
  { of: 'not-acceptable, modify', answer: error('not-acceptable', { type: 'modify' }), is: lost },
  { of: 'not-acceptable, wait', answer: error('not-acceptable', { type: 'wait' }), is: busy },
  { of: 'gone', answer: error('gone'), is: lost },
  { of: 'forbidden', answer: error('forbidden', { type: 'auth' }), is: lost },
  { of: 'registration-required', answer: error('registration-required', { type: 'auth' }), is: lost },
  { of: 'not-authorized', answer: error('not-authorized', { type: 'auth' }), is: lost },
  { of: 'payment-required', answer: error('payment-required', { type: 'auth' }), is: lost },
  { of: 'subscription-required', answer: error('subscription-required', { type: 'auth' }), is: lost },

  {
    of: 'item-not-found by the room',
    answer: error('item-not-found', { byRoom: true }),
    is: { again: 'later' },
  },
  {
    of: 'item-not-found by the room, again',
    answer: error('item-not-found', { byRoom: true }),
    after: { pings: 2, seen: ['nick-unknown'] },
    is: desync,
  },
  { of: 'item-not-found by whomever', answer: error('item-not-found'), is: { ask: 'room' } },
  {
    of: 'item-not-found by whomever, of a room that exists',
    answer: error('item-not-found'),
    after: { pings: 2, seen: ['nick-unknown'], room: EXISTS },
    is: desync,
  },
  { of: 'item-not-found, wait', answer: error('item-not-found', { type: 'wait' }), is: busy },

  { of: 'recipient-unavailable', answer: error('recipient-unavailable'), is: { ask: 'service' } },
  {
    of: 'recipient-unavailable of an IRC gateway',
    answer: error('recipient-unavailable'),
    after: { irc: true },
    is: lost,
  },
  {
    of: 'recipient-unavailable, wait (its default type), of no IRC gateway',
    answer: error('recipient-unavailable', { type: 'wait' }),
    after: { irc: false },
    is: { again: 'soon' },
  },
  {
    of: 'recipient-unavailable, again',
    answer: error('recipient-unavailable'),
    after: { pings: 2, seen: ['unreachable'], irc: false },
    is: desync,
  },

  { of: 'not-allowed', answer: error('not-allowed'), is: { ask: 'presence' } },
  { of: 'not-allowed, probed today', answer: error('not-allowed'), after: { mayProbe: false }, is: unproven },

  ...['bad-request', 'jid-malformed', 'redirect', 'undefined-condition', 'conflict', 'made-up'].flatMap(
    (condition): Case[] => [
      { of: condition, answer: error(condition, { type: 'modify' }), is: { again: 'soon' } },
      {
        of: `${condition}, again`,
        answer: error(condition),
        after: { pings: 2, seen: ['refused'] },
        is: lost,
      },
      { of: `${condition}, wait`, answer: error(condition, { type: 'wait' }), is: busy },
    ],
  ),

  ...['service-unavailable', 'feature-not-implemented'].flatMap((condition): Case[] => [
    { of: `${condition}, relayed`, answer: error(condition), relay: 'sibling', is: joined },
    { of: `${condition}, not relayed`, answer: error(condition), is: { ask: 'room' } },
    {
      of: `${condition} of a room that exists`,
      answer: error(condition),
      after: { room: EXISTS },
      is: unproven,
    },
    {
      of: `${condition} of a room that answers pings itself`,
      answer: error(condition),
      after: { room: OPTIMISED },
      is: busy,
    },
    { of: `${condition}, wait`, answer: error(condition, { type: 'wait' }), relay: 'sibling', is: busy },
  ]),

  { of: 'resource-constraint', answer: error('resource-constraint', { type: 'wait' }), is: busy },
  { of: 'resource-constraint, cancel', answer: error('resource-constraint'), is: busy },
  { of: 'policy-violation', answer: error('policy-violation', { type: 'modify' }), is: busy },
  { of: 'internal-server-error', answer: error('internal-server-error'), is: busy },

  { of: 'remote-server-not-found', answer: error('remote-server-not-found'), is: down },
  { of: 'remote-server-timeout', answer: error('remote-server-timeout', { type: 'wait' }), is: down },
  { of: 'our own not-acceptable', answer: error('not-acceptable', { local: true }), is: down },
  { of: 'our own remote-server-timeout', answer: error('remote-server-timeout', { local: true }), is: down },
  { of: 'nothing', answer: TIMEOUT, is: { conclude: 'silent' } },
  { of: 'an error without a condition', answer: error(undefined), is: busy },
];

describe('XEP-0410 §3.2: the verdict for each answer to a self-ping', () => {
  for (const { of, answer, relay = 'none', after = {}, is } of PINGS) {
    test(of, () => assert.deepEqual(judgePing(answer, relay, evidence(after)), is));
  }

  test('the third ping gets the final verdict of its row', () => {
    const changing: Row[] = ['refused', 'unreachable'];
    const third = { pings: 3, seen: changing, irc: false };
    assert.deepEqual(judgePing(error('item-not-found', { byRoom: true }), 'none', evidence(third)), desync);
    const other = { pings: 3, seen: ['nick-unknown', 'unreachable'] as Row[], irc: false };
    assert.deepEqual(judgePing(error('bad-request'), 'none', evidence(other)), lost);
  });
});

describe("XEP-0030: the room's disco information decides if the ping did not", () => {
  const absent = { seen: ['nick-unknown'] as Row[] };
  const mute = { seen: ['cannot-answer'] as Row[] };
  const cases: Case[] = [
    { of: 'no such room', answer: error('item-not-found'), after: absent, is: { conclude: 'room-gone' } },
    { of: 'a tombstone', answer: error('gone'), after: absent, is: { conclude: 'room-gone' } },
    { of: 'no such room, wait', answer: error('item-not-found', { type: 'wait' }), after: absent, is: busy },
    {
      of: 'our own item-not-found',
      answer: error('item-not-found', { local: true }),
      after: absent,
      is: down,
    },
    { of: 'a room, where the nick was not found', answer: RESULT, after: absent, is: { again: 'later' } },
    { of: 'forbidden', answer: error('forbidden'), after: absent, is: busy },
    { of: 'remote-server-timeout', answer: error('remote-server-timeout'), after: absent, is: down },
    { of: 'nothing', answer: TIMEOUT, after: absent, is: { conclude: 'silent' } },
    { of: 'a room, where the service was mute', answer: RESULT, after: mute, is: unproven },
    {
      of: 'a room that answers pings itself, and was mute',
      answer: { kind: 'result', facts: OPTIMISED },
      after: mute,
      is: busy,
    },
    {
      of: 'the same, and the client’s own join is unanswered',
      answer: { kind: 'result', facts: OPTIMISED },
      after: { ...mute, isUnanswered: true },
      is: desync,
    },
    {
      of: 'no such room, where the service was mute',
      answer: error('item-not-found'),
      after: mute,
      is: busy,
    },
  ];
  for (const { of, answer, after = {}, is } of cases) {
    test(of, () => assert.deepEqual(judgeRoom(answer, evidence(after)), is));
  }
});

describe('XEP-0030: the verdict for each kind of service that cannot reach an occupant', () => {
  const irc: Answer = { kind: 'result', facts: { optimised: false, irc: true, gateway: true } };
  const cases: Case[] = [
    { of: 'a gateway to IRC', answer: irc, is: lost },
    { of: 'another', answer: RESULT, is: { again: 'soon' } },
    { of: 'one that does not say', answer: error('service-unavailable'), is: { again: 'soon' } },
    { of: 'one that does not answer', answer: TIMEOUT, is: { again: 'soon' } },
    { of: 'one that cannot be reached', answer: error('remote-server-timeout', { local: true }), is: down },
  ];
  for (const { of, answer, is } of cases) {
    test(of, () => assert.deepEqual(judgeService(answer, evidence()), is));
  }
});

describe('XEP-0045 §17.3: the verdict for each answer to a presence probe', () => {
  const cases: Case[] = [
    { of: 'the own presence', answer: RESULT, is: joined },
    { of: 'not-acceptable', answer: error('not-acceptable'), is: lost },
    { of: 'not-acceptable, wait', answer: error('not-acceptable', { type: 'wait' }), is: unproven },
    { of: 'our own not-acceptable', answer: error('not-acceptable', { local: true }), is: unproven },
    { of: 'another error', answer: error('not-allowed'), is: unproven },
    { of: 'nothing', answer: TIMEOUT, is: unproven },
  ];
  for (const { of, answer, is } of cases) {
    test(of, () => assert.deepEqual(judgePresence(answer), is));
  }
});
