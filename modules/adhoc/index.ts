// XEP-0050 Ad-Hoc Commands: the administrators' commands of the command line, as forms in any client.

import {
  type Command,
  defineModule,
  type Element,
  type IqRequest,
  type Jid,
  NS,
  StanzaError,
  xml,
} from 'enjamb/api';
import { commandsFor, type Offer } from './offers.ts';
import { perform, type Request } from './perform.ts';
import { Sessions } from './sessions.ts';

declare module 'enjamb/api' {
  interface Items {
    /** A command for users at the host's address, besides those of administrators. */
    'adhoc-command': {
      /** Unique on the host. */
      readonly node: string;
      /** Its arguments become the form; `context.by` is the address of the user. */
      readonly command: Command;
      mayUse(asker: Jid): boolean;
    };
  }
}

/**
 * Offers all commands for administrators, and those of modules for users, at the address of the host. Administrators of
 * only this host see only the commands of this host.
 */
export default defineModule({
  name: 'adhoc',
  summary: 'Offers the commands for administrators in clients',
  implements: ['XEP-0050 1.3.0', 'XEP-0004 2.13.2'],
  scope: 'host',
  enabledOn: ['local', 'component'],
  depends: ['disco'],

  load(module) {
    const sessions = new Sessions(module.clock);
    const find = (asker: Jid, node: string): Offer => {
      const found = commandsFor(module, asker).find((offer) => offer.node === node);
      if (found) return found;
      // §2.2: for other users all nodes are forbidden, so that they learn nothing about existing commands.
      throw new StanzaError(module.adminOf(asker) ? 'item-not-found' : 'forbidden');
    };

    module.provide('disco-feature', NS.COMMANDS);
    module.hook('disco-items-node', ({ request, node }) => {
      if (node !== NS.COMMANDS || !isHost(request)) return undefined;
      const jid = module.host.domain;
      return commandsFor(module, request.from).map((offer) => ({ jid, node: offer.node, name: offer.title }));
    });
    module.hook('disco-info-node', ({ request, node }): readonly Element[] | undefined => {
      if (!isHost(request)) return undefined;
      if (node === NS.COMMANDS) return [identity('command-list', 'Commands')];
      if (!isOurs(module.items('adhoc-command'), node)) return undefined;
      return [
        identity('command-node', find(request.from, node).title),
        xml('feature', { var: NS.COMMANDS }),
        xml('feature', { var: NS.DATA_FORMS }),
      ];
    });
    module.handleIq({ type: 'set', to: ['host'], name: 'command', xmlns: NS.COMMANDS }, (request) => {
      const { node = '', sessionid, action = 'execute' } = request.payload.attrs;
      const offer = find(request.from, node);
      const asked: Request = { offer, asker: request.from, action, sessionid, payload: request.payload };
      return perform(asked, sessions, {
        log: module.log,
        signal: module.signal,
      });
    });
  },
});

function isHost({ to }: IqRequest): boolean {
  return to.local === undefined;
}

/** Whether a node is a command. Other nodes belong to other modules. */
function isOurs(items: readonly { readonly node: string }[], node: string): boolean {
  return node.startsWith('enjamb:') || items.some((item) => item.node === node);
}

function identity(type: string, name: string): Element {
  return xml('identity', { category: 'automation', type, name });
}
