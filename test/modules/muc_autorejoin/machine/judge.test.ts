// The judge of the random machine: it says nothing where nothing is wrong, and sees each fault that is put into the double.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Element, xml } from '../../../../src/xml/element.ts';
import { NS } from '../../../../src/xml/namespaces.ts';
import { randomFrom } from '../../../support/random.ts';
import type { Ignored } from './judge.ts';
import { type Mode, run } from './machine.ts';
import { type Kind, plan, type Step } from './steps.ts';
import type { World } from './world.ts';

const STEPS = 100;
const RUNS = 40;
/** Without silent rejoin. */
const LENIENT: readonly Ignored[] = ['notices', 'own messages'];

/** What is wrong in the first of these runs in which anything is. */
async function firstFault(
  mode: Mode,
  ignores: readonly Ignored[],
  spoil?: (world: World) => void,
): Promise<string | undefined> {
  for (let seed = 1; seed <= RUNS; seed++) {
    const options = { mode, ignores, ...(spoil ? { spoil } : {}) };
    const { wrong } = await run(plan(seed, STEPS, randomFrom(seed)), options);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** Changes what the double sends to our clients: one of `every` stanzas that fit. */
function spoiled(fits: (stanza: Element) => boolean, change: (stanza: Element) => Element[], every = 3) {
  return ({ service }: World) => {
    const says = service.peer.says.bind(service.peer);
    let count = 0;
    service.peer.says = (stanza) => {
      const isMeant = typeof stanza !== 'string' && fits(stanza) && ++count % every === 0;
      for (const changed of isMeant ? change(stanza) : [stanza]) says(changed);
    };
  };
}

const isMessage = ({ name, attrs }: Element) => name === 'message' && attrs.type === 'groupchat';
const isLive = (stanza: Element) =>
  isMessage(stanza) &&
  stanza.getChild('body') !== undefined &&
  stanza.getChild('delay', NS.DELAY) === undefined;
const isOthers = ({ name, attrs }: Element) => name === 'presence' && attrs.type !== 'error' && !attrs.id;

describe('the judge of the random machine', () => {
  test('finds nothing wrong without rejoin, but for the notices', async () => {
    assert.equal(await firstFault('off', LENIENT), undefined);
  });

  test('blames notices for rooms that take the client', async () => {
    assert.match((await firstFault('off', [])) ?? '', /^told of a loss, and the room takes/);
    assert.match((await firstFault('assisted', [])) ?? '', /^(told of a loss, and the room takes|N1: joins)/);
  });

  test('blames joins for clients that believe they are out', async () => {
    const spoil = ({ service }: World) => {
      const judged = service.onSpoken;
      service.onSpoken = (room, spoken) => {
        judged(room, spoken);
        const x = xml('x', NS.MUC);
        service.peer.accept(
          xml('presence', { id: 'ours', from: 'romeo@montague.lit/desk', to: `${room.jid}/x` }, x),
          false,
        );
      };
    };
    assert.match((await firstFault('off', LENIENT, spoil)) ?? '', /^N1: joins/);
  });

  const faults: [what: string, spoil: (world: World) => void, blame: RegExp][] = [
    [
      'a message that comes twice',
      spoiled(isLive, (stanza) => [stanza, stanza]),
      /twice, out of order or never said/,
    ],
    ['a message that does not come', spoiled(isLive, () => []), /has not got message/],
    [
      'presence that does not come',
      spoiled(isOthers, () => []),
      /other people|does not have it|a join without/,
    ],
    [
      'a show that is wrong',
      spoiled(isOthers, (stanza) => [stanza.plus(xml('show', {}, 'xa'))]),
      /other people/,
    ],
    [
      'a subject that is wrong',
      spoiled(
        (stanza) => isMessage(stanza) && stanza.getChild('subject') !== undefined,
        (stanza) => [stanza.withChildren([xml('subject', {}, 'wrong')])],
        2,
      ),
      /other subject/,
    ],
  ];
  for (const [what, spoil, blame] of faults)
    test(`sees ${what}`, async () => {
      assert.match((await firstFault('off', LENIENT, spoil)) ?? 'nothing', blame);
    });
});

test('a service that restarts sends nothing on new streams about occupants from before', async () => {
  const setting = {
    behaviour: { errorRemoval: [] },
    rooms: { hall: {}, garden: {}, crypt: {} },
    queueMs: 90_000,
    roundTripMs: 50,
    keepsHistory: false,
    renewsIds: false,
    isFast: false,
  };
  const [desk, phone, juliet, hall, ownNick] = [0, 0.4, 0, 0, 0.9];
  const step = (kind: Kind, ...dice: number[]): Step => ({ kind, dice, waitMs: 5_000 });
  const steps = [
    step('join', phone, hall, ownNick),
    step('join', desk, hall, ownNick),
    step('come', juliet, hall, 0),
    step('hold'),
    step('talk', juliet, hall),
    // When the link breaks, the room gets the desk's message back, but not the answer to the phone.
    step('ping', phone, hall),
    step('restartKeepingRooms'),
  ];
  // With this seed, Juliet does not come back: if she did, the room would be found silent for the phone only.
  const { wrong, joins } = await run({ seed: 3, setting, steps }, { mode: 'silent' });
  assert.equal(wrong, undefined);
  assert.equal(joins, 2);
});
