// Tells a client about members and settings of its room that have changed while the room had lost it.

import { type Element, NS, xml } from 'enjamb/api';
import type { Rejoining } from '../answer/rejoining.ts';
import type { Place, Self } from '../memory/memory.ts';
import { membershipOf, see } from './members.ts';

/** The status codes of a join, and those of the messages that say that this has changed (XEP-0045 §10.2.1). */
const SETTINGS = [
  { at: '100', on: '172', off: '173' },
  { at: '170', on: '170', off: '171' },
];

/** Gives the client the changes, before any message. */
export function giveChanges(place: Place, rejoining: Rejoining): void {
  const { room, session, seen } = place;
  for (const [jid, { seq }] of room.members?.all ?? []) {
    if (seq <= seen) continue;
    see(rejoining, seq);
    session.send(membershipOf(place, jid));
  }
  if (room.settingsSeq <= seen) return;
  see(rejoining, room.settingsSeq);
  session.send(settingsOf(place, rejoining));
}

function settingsOf({ room, session, self }: Place, { codes: before }: Rejoining): Element {
  const now = self?.codes ?? [];
  const changed = SETTINGS.filter(({ at }) => before.includes(at) !== now.includes(at));
  const codes = ['104', ...changed.map(({ at, on, off }) => (now.includes(at) ? on : off))];
  const x = xml('x', NS.MUC_USER, ...codes.map((code) => xml('status', { code })));
  return xml('message', { type: 'groupchat', from: room.jid, to: `${session.jid}` }, x);
}

/** What the client knows of its own presence after such a message of the room. */
export function withSettings(self: Self, codes: readonly string[]): Self {
  const turned = SETTINGS.filter(({ on, off }) => codes.includes(on) || codes.includes(off));
  const others = self.codes.filter((code) => !turned.some(({ at }) => at === code));
  return {
    ...self,
    codes: [...others, ...turned.filter(({ on }) => codes.includes(on)).map(({ at }) => at)],
  };
}
