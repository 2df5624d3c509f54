// What follows when a room refuses a join of the server.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type StanzaCondition, StanzaError, type StanzaErrorDetails } from '../../../src/xml/errors.ts';
import { affiliate, configure } from '../../support/fake-rooms/moderation.ts';
import { HALL, ROMEO, type Stage, stage } from './stage.ts';

const NOTICE = 'presence Romeo unavailable 110 333 330';
const HOUR = 3_600;

interface Refused {
  readonly made: Stage;
  /** The seconds between the joins of the server, in order. */
  pauses(): number[];
}

/** The room has lost Romeo, and refuses his joins with these errors, one after the other; the last one again and again. */
async function refused(t: TestContext, errors: readonly (StanzaError | undefined)[]): Promise<Refused> {
  const made = await stage(t);
  const at: number[] = [];
  made.loses();
  made.service.behaviour.refuseJoin = ({ attrs }) => {
    if (attrs.from !== ROMEO) return undefined;
    at.push(made.h.clock.elapsed());
    return errors[Math.min(at.length, errors.length) - 1];
  };
  made.cut();
  return { made, pauses: () => at.slice(1).map((ms, i) => (ms - at[i]!) / 1_000) };
}

/** A join is sent within this many seconds when its time has come. */
const SLACK_S = 0.5;

function assertPauses(pauses: readonly number[], expected: readonly number[], tolerance = 0): void {
  assert.equal(pauses.length, expected.length, `${pauses}`);
  for (const [i, pause] of pauses.entries()) {
    const [least, most] = [expected[i]! * (1 - tolerance), expected[i]! * (1 + tolerance) + SLACK_S];
    assert.ok(pause >= least && pause <= most, `${pause} s, not ${expected[i]}`);
  }
}

describe('the room refuses', () => {
  const error = (condition: StanzaCondition, details: StanzaErrorDetails = {}) =>
    new StanzaError(condition, details);

  const rows: [StanzaCondition, pauses: number[]][] = [
    ['conflict', [5, 15, 45]],
    ['item-not-found', [10, 10, 10]],
  ];
  for (const [condition, expected] of rows) {
    test(`${condition}: again after ${expected.join(', ')} s, then one notice`, async (t) => {
      const { made, pauses } = await refused(t, [error(condition)]);
      made.passes(HOUR);
      assertPauses(pauses(), expected);
      assert.deepEqual(made.seen(), [NOTICE]);
    });

    test(`${condition}: the client sees nothing if the last of these joins succeeds`, async (t) => {
      const { made, pauses } = await refused(t, [...expected.map(() => error(condition)), undefined]);
      made.passes(120);
      assertPauses(pauses(), expected);
      assert.deepEqual(made.seen(), []);
      made.assertAlive();
    });
  }

  test('conflict after item-not-found: each is counted anew', async (t) => {
    const { made, pauses } = await refused(t, [
      error('item-not-found'),
      error('item-not-found'),
      error('item-not-found'),
      error('conflict'),
    ]);
    made.passes(HOUR);
    assertPauses(pauses(), [10, 10, 10, 5, 15, 45]);
    assert.deepEqual(made.seen(), [NOTICE]);
  });

  const waits: [StanzaCondition, StanzaErrorDetails][] = [
    ['remote-server-timeout', { type: 'wait' }],
    ['remote-server-not-found', { type: 'cancel' }],
    ['resource-constraint', { type: 'wait' }],
    ['policy-violation', { type: 'modify' }],
    ['internal-server-error', { type: 'cancel' }],
    ['service-unavailable', { type: 'wait' }],
    ['recipient-unavailable', { type: 'wait' }],
  ];
  for (const [condition, details] of waits) {
    test(`${condition}, ${details.type}: again after 10, 20, 40, … s, at most 300; after an hour one notice`, async (t) => {
      const { made, pauses } = await refused(t, [error(condition, details)]);
      made.passes(HOUR - 200);
      assert.deepEqual(made.seen(), []);
      const seen = pauses();
      const expected = [10, 20, 40, 80, 160, ...Array.from({ length: seen.length - 5 }, () => 300)];
      assertPauses(seen, expected, 0.2);
      made.passes(400);
      assert.deepEqual(made.seen(), [NOTICE]);
    });

    test(`${condition}, ${details.type}: the client sees nothing if the room has recovered`, async (t) => {
      const { made } = await refused(t, [error(condition, details), error(condition, details), undefined]);
      made.passes(60);
      assert.deepEqual(made.seen(), []);
      made.assertAlive();
    });
  }

  const finals: [StanzaCondition, StanzaErrorDetails][] = [
    ['not-authorized', { type: 'auth' }],
    ['forbidden', { type: 'auth' }],
    ['registration-required', { type: 'auth' }],
    ['not-acceptable', { type: 'cancel' }],
    ['not-allowed', { type: 'cancel' }],
    ['gone', { type: 'cancel' }],
    ['redirect', { type: 'modify' }],
    ['jid-malformed', { type: 'modify' }],
    ['service-unavailable', { type: 'cancel' }],
    ['bad-request', { type: 'modify' }],
  ];
  for (const [condition, details] of finals) {
    test(`${condition}, ${details.type}: one notice, no error, no other join; the client's own join gets the truth`, async (t) => {
      const { made, pauses } = await refused(t, [error(condition, details)]);
      made.passes(HOUR);
      assert.deepEqual(made.seen(), [NOTICE]);
      assert.deepEqual(pauses(), []);
      assert.equal(made.joined().length, 1);
      made.romeo.joins(`${HALL}/Romeo`);
      made.passes(1);
      assert.deepEqual(made.seen(), [`presence Romeo error ${condition}`]);
    });
  }
});

test('a link that breaks while the notice waits for `ping_muc_delay`: still one notice, and no error', async (t) => {
  const { made } = await refused(t, [new StanzaError('forbidden')]);
  made.passes(10);
  made.cut();
  made.passes(HOUR);
  assert.deepEqual(made.seen(), [NOTICE]);
});

describe('XEP-0158: a room asks for a captcha', () => {
  test('the message is swallowed, the room gets a leave, and the client one notice', async (t) => {
    const { made } = await refused(t, [undefined]);
    made.service.behaviour.captcha = true;
    made.passes(HOUR);
    assert.deepEqual(made.seen(), [NOTICE]);
    const sent = made.service.peer.received.filter(({ name }) => name === 'presence');
    assert.deepEqual(
      sent.map(({ attrs }) => [attrs.from, attrs.to, attrs.type]),
      [
        [ROMEO, `${HALL}/Romeo`, undefined],
        [ROMEO, `${HALL}/Romeo`, 'unavailable'],
      ],
    );
  });

  test("the client's own join gets it", async (t) => {
    const { made } = await refused(t, [undefined]);
    made.service.behaviour.captcha = true;
    made.passes(120);
    made.romeo.heard();
    made.romeo.joins(`${HALL}/Romeo`);
    made.passes(1);
    assert.deepEqual(made.seen(), ['message room Solve the riddle to enter this room']);
  });
});

describe('the client may not enter any more', () => {
  const causes: [what: string, happens: (made: Stage) => void, joins: number, error: string][] = [
    ['banned', ({ room }) => affiliate(room, 'romeo@montague.lit', 'outcast'), 1, 'forbidden'],
    ['not a member', ({ room }) => configure(room, { membersOnly: true }), 1, 'registration-required'],
    ['another password', ({ room }) => configure(room, { password: 'new' }), 1, 'not-authorized'],
    [
      'destroyed, with a venue',
      ({ room, service }) => service.close(room, 'garden@rooms.capulet.lit'),
      0,
      'gone',
    ],
  ];
  for (const [what, happens, joins, error] of causes) {
    test(`${what}: one notice, no error, no join elsewhere`, async (t) => {
      const made = await stage(t, { people: [] });
      made.loses();
      happens(made);
      made.cut();
      made.passes(HOUR);
      assert.deepEqual(made.seen(), [NOTICE]);
      const sent = made.joined();
      assert.equal(sent.length, joins);
      assert.ok(sent.every(({ attrs }) => attrs.to === `${HALL}/Romeo`));
      made.romeo.joins(`${HALL}/Romeo`);
      made.passes(1);
      assert.deepEqual(made.seen(), [`presence Romeo error ${error}`]);
    });
  }
});
