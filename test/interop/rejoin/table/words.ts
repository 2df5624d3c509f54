// What a person sees who looks at the program, or what a program made with a library is told: the column that no run can fill.

import type { Mode } from './cells.ts';

const NEWS = 'who came and went, nothing else ¹';
const JOIN = 'that it is out; then a join with everybody in the room';

export const WORDS: Readonly<Record<string, Readonly<Record<Mode, string>>>> = {
  slixmpp: { silent: NEWS, assisted: JOIN },
  aioxmpp: { silent: NEWS, assisted: '`on_exit`; it takes no notice of the join' },
  '@xmpp/client': { silent: NEWS, assisted: JOIN },
  'strophe.js': { silent: NEWS, assisted: JOIN },
  stanza: { silent: NEWS, assisted: '`muc:leave`, then `muc:join`' },
  'go-sendxmpp': { silent: 'what was said', assisted: 'what was said' },
  Converse: {
    silent: `${NEWS}; in a room that was made anew, also that the owner is no longer one`,
    assisted: 'what was said, and newcomers; who has left meanwhile stays in the list',
  },
  Profanity: {
    silent: 'what was said; the message that mentions its user with the time of its arrival',
    assisted:
      'the window closes; later one opens with "You have joined the room as (null)" and an empty list',
  },
  Poezio: {
    silent: NEWS,
    assisted: '"Poezio has left the room due to an error", then "You (Poezio) joined the room"',
  },
  mcabber: {
    silent: NEWS,
    assisted: '"You have left", then "Unexpected groupchat packet!" for each message and each occupant',
  },
  Dino: { silent: 'what was said', assisted: 'what was said; who has left meanwhile stays in the list' },
  Gajim: {
    silent: 'what was said',
    assisted:
      '"You have left due to an error", "You (Gajim) joined the group chat", a button "Join", and an empty list',
  },
};
