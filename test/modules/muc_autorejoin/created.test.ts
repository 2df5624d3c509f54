// A join of the server has created a room that must not be made anew. All of ours leave it, and are told.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop } from '../../support/fake-rooms/faults.ts';
import { configure } from '../../support/fake-rooms/moderation.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { JULIET, ROMEO, type Stage, stage } from './stage.ts';

const MEMBERS = [ROMEO, JULIET, 'mercutio@montague.lit/street'];

/** A members-only room that is temporary, so that it is not asked whether it exists. Alice keeps it open. */
async function group(t: TestContext): Promise<Stage> {
  const affiliations = { 'alice@capulet.lit': 'owner', 'romeo@montague.lit': 'member' } as const;
  const made = await stage(t, { room: { persistent: false }, people: ['Alice'], affiliations });
  for (const full of MEMBERS) {
    made.room.affiliations.set(full.split('/')[0]!, 'member');
    if (full !== ROMEO) made.client(full, nickOf(full));
  }
  configure(made.room, { membersOnly: true });
  made.passes(10);
  return made;
}

function nickOf(full: string): string {
  const name = full.split('@')[0]!;
  return `${name[0]!.toUpperCase()}${name.slice(1)}`;
}

/** Does something whenever a join arrives, before the service reads it. */
function beforeJoins({ service }: Stage, does: (join: Element) => void): void {
  const { take } = service;
  service.take = (stanza) => {
    if (stanza.getChild('x', NS.MUC)) does(stanza);
    take.call(service, stanza);
  };
}

/** What a client has seen of its own fate. */
function fate(made: Stage, full: string): string[] {
  const client = made.h.host.sessions.get(full) as HarnessClient;
  return made.seen(client).filter((line) => /error|not-found|110/.test(line));
}

describe('the server’s join was answered by 201, though the room must not be made anew', () => {
  for (const [answer, locksNewRooms] of [
    ['refused', true],
    ['let in', false],
  ] as const)
    test(`another client of ours was joining, and is ${answer}: it is told, too, and has left`, async (t) => {
      const made = await group(t);
      made.service.behaviour.locksNewRooms = locksNewRooms;
      made.service.peer.roundTripMs = 500;
      const joining: string[] = [];
      beforeJoins(made, ({ attrs }) => {
        if (joining.push(attrs.from!) === 2) made.service.close(made.room); // The first one is in.
      });
      for (const client of MEMBERS) drop(made.room, client);
      made.passes(60);
      assert.equal(joining.length, 3);
      assert.equal(made.service.rooms.size, 0);
      for (const full of joining.slice(1))
        assert.deepEqual(fate(made, full), [`presence ${nickOf(full)} unavailable 110 333 330`]);
    });

  test('the link breaks before the clients are told: the leave is sent again', async (t) => {
    const made = await group(t);
    const { peer } = made.service;
    beforeJoins(made, () => made.service.close(made.room));
    const { onStanza } = peer;
    peer.onStanza = (stanza) => {
      if (stanza.attrs.type !== 'unavailable') return onStanza(stanza);
      peer.onStanza = onStanza; // This one is lost.
      peer.cut();
    };
    for (const client of MEMBERS) drop(made.room, client, { isTold: false });
    made.cut();
    made.passes(600);
    assert.equal(made.service.rooms.size, 0);
    assert.deepEqual(fate(made, ROMEO), ['presence Romeo unavailable 110 333 330']);
  });
});
