// The changes of a member list, for all clients of a room.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Place } from '../../../modules/muc_autorejoin/memory/memory.ts';
import { Rooms } from '../../../modules/muc_autorejoin/memory/rooms.ts';
import { Comparisons } from '../../../modules/muc_autorejoin/takeover/comparisons.ts';
import { xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { HALL } from './stage.ts';

test('500 members for 20 clients do not leave in one turn of the event loop', () => {
  const rooms = new Rooms({ rooms: new Map(), seed: 0, occupants: 0 }, 2_000);
  const tasks: (() => void)[] = [];
  const questions: ((list: string, answer: object) => void)[] = [];
  let sent = 0;
  const session = { jid: 'romeo@montague.lit/orchard', send: () => ++sent };
  const enter = (state: string) =>
    rooms.enter(HALL, 'rooms.capulet.lit', (room) => {
      return { session, room, state, self: {}, view: 'open', seen: 0, join: {} } as unknown as Place;
    });
  const place = enter('catching-up');
  for (let i = 0; i < 20; i++) enter('in');
  place.room.members = { read: new Set(), all: new Map() };
  const context = {
    rooms,
    now: () => 0,
    after: (_: number, task: () => void) => tasks.push(task),
    joins: { domain: () => undefined },
    module: {
      askIq(iq: ReturnType<typeof xml>, { onAnswer }: { onAnswer(answer: object): void }) {
        questions.push((list, answer) => `${iq}`.includes(`'${list}'`) && onAnswer(answer));
        if (!iq.getChild('query', NS.MUC_ADMIN)) onAnswer({ kind: 'timeout' });
      },
    },
  };
  const rejoins = { catchUp: { wait: () => () => {} } };
  const comparisons = new Comparisons(context as never, rejoins as never, { learn() {} } as never);
  comparisons.begin(place, {} as never);
  for (const list of ['owner', 'admin', 'member']) {
    const count = list === 'member' ? 500 : 0;
    const items = Array.from({ length: count }, (_, i) => xml('item', { jid: `${i}@x`, affiliation: list }));
    const stanza = xml('iq', { type: 'result' }, xml('query', NS.MUC_ADMIN, ...items));
    for (const question of questions) question(list, { kind: 'answer', stanza });
  }
  assert.ok(sent > 0 && sent <= 500, `${sent} at once`);
  while (tasks.length > 0) tasks.shift()!();
  assert.equal(sent, 20 * 500);
});
