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
};
