// The archive of the fake rooms, against XEP-0313.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { xml } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import type { Behaviour } from './behaviour.ts';
import { restart } from './faults.ts';
import { HALL, scene } from './scene.ts';

describe('the fake room service: archive (XEP-0313)', () => {
  /** Five messages, then Bob asks. */
  async function archive(t: TestContext, behaviour: Partial<Behaviour> = {}) {
    const made = await scene(t, { archive: 'works', occupantIds: true, ...behaviour });
    const { alice, bob } = made;
    alice.join(HALL, 'Alice');
    for (const body of ['1', '2', '3', '4', '5']) alice.say(HALL, body);
    const ask = (...set: Element[]) => {
      bob.heard();
      const query = xml('query', { xmlns: NS.MAM, queryid: 'q' }, xml('set', NS.RSM, ...set));
      bob.sends(xml('iq', { type: 'set', id: 'm', to: HALL }, query));
      return bob.heard();
    };
    const bodies = (stanzas: Element[]) =>
      stanzas
        .map((stanza) => stanza.getChild('result', NS.MAM)?.getChild('forwarded', NS.FORWARD))
        .map((forwarded) =>
          forwarded
            ?.elements()
            .find(({ name }) => name === 'message')
            ?.getChildText('body'),
        )
        .filter((body) => body !== undefined)
        .join(' ');
    const isComplete = (stanzas: Element[]) =>
      stanzas.at(-1)?.getChild('fin', NS.MAM)?.attrs.complete === 'true';
    const ids = made.room.archive.messages.map(({ stanzaId }) => stanzaId);
    return { ...made, ask, bodies, isComplete, ids };
  }

  test('live messages, history and results have the same ids', async (t) => {
    const { alice, ask, ids } = await archive(t);
    const live = alice.heard().map((stanza) => stanza.getChild('stanza-id', NS.STANZA_ID)?.attrs);
    assert.deepEqual(live.at(-1), { xmlns: NS.STANZA_ID, by: HALL, id: ids[4] });
    assert.equal(ask()[0]?.getChild('result', NS.MAM)?.attrs.id, ids[0]);
  });

  test('pages: all, the first, after an id, the last, before an id', async (t) => {
    const { ask, bodies, isComplete, ids } = await archive(t);
    const pages: [expected: string, complete: boolean, ...set: Element[]][] = [
      ['1 2 3 4 5', true],
      ['1 2', false, xml('max', {}, '2')],
      ['4 5', true, xml('max', {}, '2'), xml('after', {}, ids[2])],
      ['3', false, xml('max', {}, '1'), xml('after', {}, ids[1])],
      ['4 5', false, xml('max', {}, '2'), xml('before')],
      ['1 2', true, xml('max', {}, '9'), xml('before', {}, ids[2])],
      ['', true, xml('after', {}, ids[4])],
    ];
    for (const [expected, complete, ...set] of pages) {
      const answer = ask(...set);
      assert.equal(bodies(answer), expected);
      assert.equal(isComplete(answer), complete, expected);
    }
  });

  test('pages have a limit; ids expire, and are unknown then', async (t) => {
    const { ask, bodies, isComplete, ids } = await archive(t, { archivePageLimit: 2, archiveCapacity: 3 });
    const first = ask(xml('max', {}, '100'));
    assert.equal(bodies(first), '3 4');
    assert.equal(isComplete(first), false);
    const [error] = ask(xml('after', {}, 'id0'));
    assert.equal(StanzaError.from(error!).condition, 'item-not-found');
    assert.equal(ids.length, 3);
  });

  test('fails, is forbidden, is not there, is silent, is slow, has new ids, has no end', async (t) => {
    const { ask, bodies, bob, h, isComplete, room, service, ids } = await archive(t);
    const errors = (['fails', 'forbidden', 'none'] as const).map((state) => {
      service.behaviour.archive = state;
      return StanzaError.from(ask()[0]!).condition;
    });
    assert.deepEqual(errors, ['internal-server-error', 'forbidden', 'service-unavailable']);
    service.behaviour.archive = 'silent';
    assert.deepEqual(ask(), []);
    Object.assign(service.behaviour, { archive: 'works', archiveDelayMs: 5_000 });
    assert.deepEqual(ask(), []);
    h.clock.seconds(5);
    assert.equal(bodies(bob.heard()), '1 2 3 4 5');
    service.behaviour.archiveDelayMs = 0;
    restart(service, { keeps: 'all', renewsStanzaIds: true });
    assert.equal(StanzaError.from(ask(xml('after', {}, ids[0]))[0]!).condition, 'item-not-found');
    assert.equal(bodies(ask()), '1 2 3 4 5');
    room.archive.isEndless = true;
    assert.equal(ask().length, 51);
    assert.equal(isComplete(ask()), false);
  });
});
