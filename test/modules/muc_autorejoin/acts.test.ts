// What a client does in each state of its place, and what is true afterwards: for the room, the server and the client.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { RoomView } from '../../support/fake-rooms/view.ts';
import { parseXml } from '../../support/match.ts';
import { out, place, STATES } from './out.ts';
import { HALL, ROMEO, type Stage, stage } from './stage.ts';

interface Acting {
  readonly made: Stage;
  /** What the client takes to be true. */
  readonly view: RoomView;
  /** Of the client. */
  readonly spoken: string[];
}

interface Act {
  readonly does: string;
  readonly act: (acting: Acting) => void;
  /** The nick under which the client is in afterwards; `undefined`: it is out. */
  readonly nick: string | undefined;
  readonly proves?: (acting: Acting) => void;
}

const SELF_PING = `<iq type='get' id='ping' to='${HALL}/Romeo'><ping xmlns='${NS.PING}'/></iq>`;

const ACTS: readonly Act[] = [
  { does: 'does nothing', act: () => {}, nick: 'Romeo' },
  {
    does: 'joins',
    act: ({ made, view }) => {
      view.joins('Romeo', 'own');
      made.romeo.says(`<presence id='own' to='${HALL}/Romeo'><x xmlns='${NS.MUC}'/></presence>`);
    },
    nick: 'Romeo',
  },
  {
    does: 'joins under another nick',
    act: ({ made, view }) => {
      view.joins('Montague', 'own');
      made.romeo.says(`<presence id='own' to='${HALL}/Montague'><x xmlns='${NS.MUC}'/></presence>`);
    },
    nick: 'Montague',
  },
  {
    does: 'leaves',
    act: ({ made, view }) => {
      made.romeo.says(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
      view.leaves();
    },
    nick: undefined,
  },
  {
    does: 'goes offline',
    act: ({ made, view }) => {
      made.romeo.says(`<presence type='unavailable'/>`);
      view.leaves();
    },
    nick: undefined,
  },
  {
    does: 'changes its nick',
    act: ({ made }) => made.romeo.says(`<presence to='${HALL}/Montague'/>`),
    nick: 'Montague',
  },
  {
    does: 'changes its show',
    act: ({ made }) => made.romeo.says(`<presence to='${HALL}/Romeo'><show>dnd</show></presence>`),
    nick: 'Romeo',
    proves: ({ made, view }) => {
      assert.equal(view.people.get('Romeo')?.show, 'dnd');
      assert.equal(made.people.get('Alice')!.view(HALL).people.get('Romeo')?.show, 'dnd');
    },
  },
  {
    does: 'pings itself',
    act: ({ made }) => made.romeo.says(SELF_PING),
    nick: 'Romeo',
    proves: ({ made }) =>
      assert.deepEqual(
        made.romeo.iqs.map(({ attrs }) => [attrs.id, attrs.type]),
        [['ping', 'result']],
      ),
  },
  {
    does: 'writes',
    act: ({ made }) =>
      made.romeo.says(`<message type='groupchat' id='own' to='${HALL}'><body>mine</body></message>`),
    nick: 'Romeo',
    proves: ({ spoken, view }) => {
      assert.deepEqual(spoken, ['mine']);
      assert.equal(view.messages.filter(({ body }) => body === 'mine').length, 1);
    },
  },
  {
    does: 'ends',
    act: ({ made, view }) => {
      made.romeo.close();
      view.leaves();
    },
    nick: undefined,
  },
  { does: 'sleeps', act: ({ made }) => made.romeo.sleep(), nick: 'Romeo' },
  {
    does: 'sleeps and resumes',
    act: ({ made }) => {
      made.romeo.sleep();
      made.h.clock.advance(100);
      made.romeo.resume();
    },
    nick: 'Romeo',
  },
];

/** What a client knows that is in the hall with Alice and Bob. */
function viewOfRomeo(): RoomView {
  const view = new RoomView();
  view.joins('Romeo', 'before');
  for (const nick of ['Alice', 'Bob', 'Romeo']) {
    const self = nick === 'Romeo' ? `<status code='110'/>` : '';
    const item = `<item affiliation='none' role='participant'/>`;
    view.take(
      parseXml(`<presence from='${HALL}/${nick}'><x xmlns='${NS.MUC_USER}'>${item}${self}</x></presence>`),
    );
  }
  view.take(xml('message', { type: 'groupchat', from: HALL }, xml('subject')));
  return view;
}

async function begin(t: TestContext, state: (typeof STATES)[number] | 'in') {
  if (state === 'in') return { made: await stage(t), ends: () => {} };
  return out(t, state);
}

function assertTrue({ made, view }: Acting, nick: string | undefined, mostTimes: number): void {
  const { romeo, room } = made;
  assert.equal(room.occupants.of(ROMEO)?.nick, nick, 'the room');
  const tracked = romeo.state.mucJoins?.get(HALL)?.state;
  assert.ok(
    nick ? tracked === 'joined' : tracked === undefined || tracked === 'leaving',
    `the tracker: ${tracked}`,
  );
  assert.equal(place(made)?.state, nick && 'in', 'the place');
  assert.equal(view.state, nick ? 'in' : 'out', 'the client');
  if (nick === undefined) return;
  assert.equal(view.nick, nick);
  assert.deepEqual([...view.people.keys()].sort(), [...room.occupants].map((one) => one.nick).sort());
  const heard = [...view.history, ...view.messages].map(({ body }) => body);
  for (const body of ['meanwhile', 'afterwards']) {
    const times = heard.filter((one) => one === body).length;
    assert.ok(times >= 1 && times <= mostTimes, `${body} in ${heard}`);
  }
}

for (const state of ['in', ...STATES] as const) {
  describe(`a client that is ${state}, and`, () => {
    for (const { does, act, nick, proves } of ACTS) {
      test(does, async (t) => {
        const { made, ends } = await begin(t, state);
        const acting: Acting = { made, view: viewOfRomeo(), spoken: [] };
        made.service.onSpoken = (_room, { nick: from, body = '' }) => {
          if (from === 'Romeo' || from === 'Montague') acting.spoken.push(body);
        };
        act(acting);
        made.say('Alice', 'meanwhile');
        ends();
        made.passes(100);
        made.say('Alice', 'afterwards');
        made.passes(10);
        if (!made.romeo.connected && nick) made.romeo.resume();
        made.passes(10);
        for (const stanza of made.romeo.inbox) acting.view.take(stanza);
        assert.equal(made.romeo.notices.length, 0);
        // The room answers the server's join and the client's own.
        assertTrue(acting, nick, state === 'joining' && does.startsWith('joins') ? 2 : 1);
        proves?.(acting);
      });
    }
  });
}
