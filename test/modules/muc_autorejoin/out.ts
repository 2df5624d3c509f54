// A client that a room has lost, in each state of its place (4.1).

import assert from 'node:assert/strict';
import { HALL, ROMEO, type Stage, stage } from './stage.ts';

export const STATES = ['lost', 'joining', 'catching-up'] as const;
export type State = (typeof STATES)[number];

/** Romeo is out, and the server has come this far. `ends`: the service goes on. */
export async function out(
  t: Parameters<typeof stage>[0],
  state: State,
  config = '',
): Promise<{ made: Stage; ends: () => void; joins: () => number }> {
  const made = await stage(t, { behaviour: { historyLimit: 20 }, config });
  const { service, h } = made;
  made.loses();
  let ends = () => {};
  if (state === 'lost') {
    // Another room of the remote is the canary, and is not answered.
    service.room('garden');
    service.behaviour.joinDelayMs = 1e9;
    made.cut();
    for (let i = 0; i < 100 && place(made)?.state !== 'lost'; i++) h.clock.advance(50);
    ends = () => {
      service.behaviour.joinDelayMs = 0;
    };
  } else if (state === 'joining') {
    made.cut();
    service.onEntered = (_room, full) => full === ROMEO && service.hold();
    for (let i = 0; i < 200 && !service.isHolding; i++) h.clock.advance(50);
    ends = () => {
      service.onEntered = () => {};
      service.release();
    };
  } else {
    made.cut();
    const { deliver } = service;
    const later: Parameters<typeof deliver>[0][] = [];
    service.deliver = (stanza) => {
      const isHistory = stanza.name === 'message' && stanza.attrs.to === ROMEO;
      if (isHistory) later.push(stanza);
      else deliver.call(service, stanza);
    };
    for (let i = 0; i < 200 && place(made)?.state !== 'catching-up'; i++) h.clock.advance(50);
    ends = () => {
      service.deliver = deliver;
      for (const stanza of later) deliver.call(service, stanza);
    };
  }
  assert.equal(place(made)?.state, state);
  const joins = () => made.joins.filter(({ attrs }) => attrs.from === ROMEO).length;
  return { made, ends, joins };
}

export function place({ romeo }: Stage) {
  return romeo.state.mucPlaces?.get(HALL);
}
