// The nick that a client believes it has: it learns a new one by status 303 alone (XEP-0045 §7.6), and the server joins under it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { drop } from '../../support/fake-rooms/faults.ts';
import { HALL, ROMEO, type Stage, stage } from './stage.ts';

const CHANGE = ['presence Romeo unavailable 110 303', 'presence Montague 110'];
const MADE_CHANGE = ['presence Romeo unavailable 303 110', 'presence Montague 110'];

function asksForNick({ romeo }: Stage): void {
  romeo.says(`<presence to='${HALL}/Montague'/>`);
}

/** The link loses what fits, from the room to the client. */
function losesOnTheWay({ service: { peer } }: Stage, fits: (stanza: Element) => boolean): void {
  const says = peer.says.bind(peer);
  peer.says = (stanza) => {
    if (typeof stanza === 'string' || !fits(stanza)) says(stanza);
  };
}

const is303 = (stanza: Element) => `${stanza}`.includes("code='303'");

/** The room has let romeo in, and its archive does not answer: the client waits. */
async function waitsForArchive(made: Stage): Promise<void> {
  made.say('Alice', 'before');
  made.passes(20);
  made.romeo.heard();
  drop(made.room, ROMEO, { isTold: false });
  made.cut();
  made.passes(4);
  assert.equal(made.romeo.state.mucPlaces!.get(HALL)!.state, 'catching-up');
  made.joined();
}

describe('a new nick reaches the client by status 303', () => {
  test('also if the link has lost that presence, and not the one that follows', async (t) => {
    const made = await stage(t);
    losesOnTheWay(made, is303);
    asksForNick(made);
    made.passes(1);
    assert.deepEqual(made.seen(), MADE_CHANGE);
  });

  test('also if it was lost while the archive is read', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'silent' } });
    await waitsForArchive(made);
    losesOnTheWay(made, is303);
    asksForNick(made);
    made.passes(20);
    assert.deepEqual(made.seen(), MADE_CHANGE);
  });

  test('once, if the room marks only the presence under the new nick as the client’s own', async (t) => {
    const made = await stage(t, { room: { nonAnonymous: true } });
    const { peer } = made.service;
    const says = peer.says.bind(peer);
    peer.says = (stanza) =>
      says(is303(stanza as Element) ? `${stanza}`.replace(/<status code='110'\/>/, '') : stanza);
    asksForNick(made);
    made.passes(1);
    assert.deepEqual(made.seen(), ['presence Romeo unavailable 303', 'presence Montague 110']);
  });
});

describe('the link breaks again while the archive is read: the server joins under the nick that the client knows', () => {
  for (const [what, isAnswered] of [
    ['the room has announced another one: the client gets it then', true],
    ['the room has not answered the nick change: it is asked again', false],
  ] as const)
    test(what, async (t) => {
      const made = await stage(t, { behaviour: { archive: 'silent' } });
      await waitsForArchive(made);
      asksForNick(made);
      made.passes(isAnswered ? 1 : 0.01);
      assert.deepEqual(made.seen(), []);
      made.cut();
      made.passes(30);
      assert.deepEqual(
        made.joined().map(({ attrs }) => attrs.to),
        [`${HALL}/Romeo`],
      );
      assert.deepEqual(made.seen(), CHANGE);
      made.assertAlive(made.romeo, 'Montague');
    });
});
