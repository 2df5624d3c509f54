// Joins clients again that fell out of a room and do not join by themselves. It learns of losses from ping_muc.
//
//   assisted.ts  who is joined, and when     sleepers.ts  sleeping clients     join_payload.ts  what the joins say

import { boolean, defineModule, type Module, NS, newId, type Stanza, xml } from 'enjamb/api';
import { Rejoins } from './assisted.ts';
import { payloadOf } from './join_payload.ts';

const options = {
  muc_autorejoin: boolean(
    'Whether the server joins for a client that fell out of a room and does not rejoin',
    {
      default: true,
    },
  ),
  muc_autorejoin_passwords: boolean(
    'Whether the server keeps the passwords of rooms in memory for that; otherwise the user must join',
    {
      default: false,
    },
  ),
};

type AutorejoinModule = Module<typeof options>;

/** Joins for clients that ping_muc has told of a loss (docs/adr/0023-auto-rejoin-default.md). */
export default defineModule({
  name: 'muc_autorejoin',
  summary: 'Rejoins rooms on other servers for clients that fell out',
  implements: ['XEP-0045 1.35.5'],
  enabledOn: ['local'],
  enabledWith: ['ping_muc'],
  depends: ['track_muc_joins'],
  after: ['ping_muc'],
  options,

  load(module) {
    if (!module.options.muc_autorejoin) return;
    const rejoins = new Rejoins(module, module.use('track_muc_joins'));
    watchClients(module, rejoins);
    watchNewRooms(module, rejoins);
    module.observe('track-muc-joins-change', ({ join }) => rejoins.changed(join));
    module.hook('ping-muc-lost', ({ join }) => (rejoins.takes(join) ? 'tell' : undefined));
    module.observe('ping-muc-notice', (notice) => rejoins.told(notice));
    module.observe('c2s-resume', ({ session }) => rejoins.resumed(session));
    module.observe('resource-unbind', ({ session }) => rejoins.left(session));
    module.observe('link-open', ({ remote }) => rejoins.reachable(remote));
  },
});

/** What clients do about rooms themselves. */
function watchClients(module: AutorejoinModule, rejoins: Rejoins): void {
  module.observe('pre-presence/full', ({ stanza, to, origin: session }) => {
    const isJoin = stanza.attrs.type === undefined && stanza.getChild('x', NS.MUC) !== undefined;
    if (!isJoin) return rejoins.acted(session, to.bare);
    rejoins.joined(session, to.bare, payloadOf(session, stanza, module.options.muc_autorejoin_passwords));
  });
  module.observe('pre-presence/bare', ({ to, origin: session }) => rejoins.acted(session, to.bare));
  module.observe('pre-presence/self', ({ stanza, origin: session }) => {
    if (stanza.attrs.to === undefined && stanza.attrs.type === 'unavailable') rejoins.left(session);
  });
  module.observe('pre-iq/full', ({ stanza, to, origin: session }) => {
    if (stanza.getChild('ping', NS.PING)) rejoins.asked(session, to.bare);
  });
}

/** Configures rooms that did not exist any more, so that a join of ours has made them again (XEP-0045 §10.1.1). */
function watchNewRooms(module: AutorejoinModule, rejoins: Rejoins): void {
  module.observe('presence/full', ({ stanza, from, to }) => {
    if (stanza.attrs.type !== undefined || !isNewRoom(stanza)) return;
    const session = module.host.sessions.get(to);
    if (session && rejoins.hasMade(session, from.bare)) module.spawn(unlock(module, `${to}`, from.bare));
  });
}

function isNewRoom(presence: Stanza): boolean {
  const codes = presence.getChild('x', NS.MUC_USER)?.getChildren('status') ?? [];
  return codes.some(({ attrs }) => attrs.code === '201');
}

/** §10.1.2: accepts the default configuration. Until then nobody else can enter the room. */
async function unlock(module: AutorejoinModule, from: string, room: string): Promise<void> {
  const form = xml('query', NS.MUC_OWNER, xml('x', { xmlns: NS.DATA_FORMS, type: 'submit' }));
  try {
    await module.sendIq(xml('iq', { type: 'set', id: newId(), from, to: room }, form));
  } catch {
    // The client was told that the room is new, and can accept the configuration itself.
  }
}
