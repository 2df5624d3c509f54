// Joins clients again that do not do so themselves, if `muc_autorejoin` is on: what is watched for that.

import { boolean, type Infer, type Module, NS, newId, type Stanza, xml } from 'enjamb/api';
import type { Context } from './context.ts';
import { Rejoins } from './rejoin.ts';
import { wordsOf } from './rejoin_words.ts';

export const rejoinOptions = {
  muc_autorejoin: boolean('Join clients again that fell out of a room and do nothing about it', {
    default: true,
  }),
  muc_autorejoin_passwords: boolean(
    'Keep the passwords of rooms in memory for that; else the user has to join',
    {
      default: false,
    },
  ),
};

type RejoinModule = Pick<Module, 'hook' | 'observe' | 'host' | 'sendIq' | 'spawn'> & {
  readonly options: Infer<typeof rejoinOptions>;
};

export function assistRejoins(module: RejoinModule, context: Context): void {
  if (!module.options.muc_autorejoin) return;
  const rejoins = new Rejoins(context);
  watchClients(module, rejoins);
  module.observe('presence/full', ({ stanza, from, to }) => {
    if (stanza.attrs.type !== undefined || !isNewRoom(stanza)) return;
    const session = module.host.sessions.get(to);
    if (session && rejoins.hasMade(session, from.bare)) module.spawn(unlock(module, `${to}`, from.bare));
  });
  module.observe('track-muc-joins-change', ({ join }) => rejoins.changed(join));
  module.hook('ping-muc-asleep', (notice) => (rejoins.takes(notice) ? 'tell' : undefined));
  module.observe('ping-muc-notice', (notice) => rejoins.told(notice));
  module.observe('c2s-resume', ({ session }) => rejoins.resumed(session));
  module.observe('resource-unbind', ({ session }) => rejoins.left(session));
  module.observe('link-open', ({ remote }) => rejoins.reachable(remote));
}

/** What clients do about rooms themselves. */
function watchClients(module: RejoinModule, rejoins: Rejoins): void {
  module.observe('pre-presence/full', ({ stanza, to, origin: session }) => {
    const isJoin = stanza.attrs.type === undefined && stanza.getChild('x', NS.MUC) !== undefined;
    if (!isJoin) rejoins.acted(session, to.bare);
    else rejoins.joined(session, to.bare, wordsOf(session, stanza, module.options.muc_autorejoin_passwords));
  });
  module.observe('pre-presence/bare', ({ to, origin: session }) => rejoins.acted(session, to.bare));
  module.observe('pre-presence/self', ({ stanza, origin: session }) => {
    if (stanza.attrs.to === undefined && stanza.attrs.type === 'unavailable') rejoins.left(session);
  });
  module.observe('pre-iq/full', ({ stanza, to, origin: session }) => {
    if (stanza.getChild('ping', NS.PING)) rejoins.asked(session, to.bare);
  });
}

/** The room was gone; the join has made it again (XEP-0045 §10.1.1). */
function isNewRoom(presence: Stanza): boolean {
  const codes = presence.getChild('x', NS.MUC_USER)?.getChildren('status') ?? [];
  return codes.some(({ attrs }) => attrs.code === '201');
}

/** §10.1.2: the room as it is by default. Until somebody asks for that, nobody else can come back into it. */
async function unlock(module: RejoinModule, from: string, room: string): Promise<void> {
  const form = xml('query', NS.MUC_OWNER, xml('x', { xmlns: NS.DATA_FORMS, type: 'submit' }));
  try {
    await module.sendIq(xml('iq', { type: 'set', id: newId(), from, to: room }, form));
  } catch {
    // It is the client's room: it has been told that it is new, and can do the same.
  }
}
