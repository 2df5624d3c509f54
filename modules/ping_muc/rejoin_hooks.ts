// Joins clients again that do not do so themselves, if `muc_autorejoin` is on: what is watched for that.

import { boolean, type Infer, type Module, NS } from 'enjamb/api';
import type { Context } from './context.ts';
import { Rejoins } from './rejoin.ts';
import { wordsOf } from './rejoin_words.ts';

export const rejoinOptions = {
  muc_autorejoin: boolean('Join clients again that fell out of a room and do nothing about it', {
    default: false,
  }),
  muc_autorejoin_passwords: boolean(
    'Keep the passwords of rooms in memory for that; else the user has to join',
    {
      default: false,
    },
  ),
};

type RejoinModule = Pick<Module, 'hook' | 'observe'> & { readonly options: Infer<typeof rejoinOptions> };

export function assistRejoins(module: RejoinModule, context: Context): void {
  if (!module.options.muc_autorejoin) return;
  const rejoins = new Rejoins(context);
  watchClients(module, rejoins);
  module.observe('track-muc-joins-change', ({ join }) => rejoins.changed(join));
  module.hook('ping-muc-asleep', (notice) => (rejoins.takes(notice) ? 'tell' : undefined));
  module.observe('ping-muc-notice', (notice) => rejoins.told(notice));
  module.observe('c2s-resume', ({ session }) => rejoins.resumed(session));
  module.observe('resource-unbind', ({ session }) => rejoins.left(session));
  module.observe('s2s-open', ({ remote }) => rejoins.reachable(remote));
  module.observe('service-up', ({ domain }) => rejoins.reachable(domain));
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
