// XEP-0050 Ad-Hoc Commands: the administrators' commands of the command line, as forms in any client.

import {
  type Command,
  defineModule,
  type Element,
  type IqRequest,
  type Jid,
  type Module,
  NS,
  StanzaError,
  xml,
} from 'enjamb/api';
import { commandsFor, type Offer, ownCommands } from './offers.ts';
import { perform, type Request } from './perform.ts';
import { Sessions } from './sessions.ts';

declare module 'enjamb/api' {
  interface Items {
    /** A command for users, besides those of administrators. */
    'adhoc-command': {
      /** Unique on the host. */
      readonly node: string;
      /** `self`: at the address of the user's own account. Default: at that of the host. */
      readonly at?: 'host' | 'self';
      /** Its arguments become the form; `context.by` is the address of the user. */
      readonly command: Command;
      /** The values that the form shows at first; default: those of the arguments. */
      values?(asker: Jid): Promise<Readonly<Record<string, unknown>>>;
      mayUse(asker: Jid): boolean;
    };
  }
}

/**
 * Offers all commands for administrators, and those of modules for users, at the address of the host or of the user's own
 * account. Administrators of only this host see only the commands of this host.
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
    module.provide('disco-feature', NS.COMMANDS);
    if (module.host.kind === 'local') module.provide('disco-account-feature', NS.COMMANDS);
    module.hook('disco-items-node', ({ request, node }) => {
      if (node !== NS.COMMANDS || !isForCommands(request)) return undefined;
      const jid = request.to.bare;
      return offersIn(module, request).map((offer) => ({ jid, node: offer.node, name: offer.title }));
    });
    module.hook('disco-info-node', ({ request, node }): readonly Element[] | undefined => {
      if (!isForCommands(request)) return undefined;
      if (node === NS.COMMANDS) return [identity('command-list', 'Commands')];
      if (!isOurs(module.items('adhoc-command'), node)) return undefined;
      return [
        identity('command-node', find(module, request, node).title),
        xml('feature', { var: NS.COMMANDS }),
        xml('feature', { var: NS.DATA_FORMS }),
      ];
    });
    const to = module.host.kind === 'local' ? (['host', 'self'] as const) : (['host'] as const);
    module.handleIq({ type: 'set', to, name: 'command', xmlns: NS.COMMANDS }, (request) => {
      const { node = '', sessionid, action = 'execute' } = request.payload.attrs;
      const offer = find(module, request, node);
      const asked: Request = { offer, asker: request.from, action, sessionid, payload: request.payload };
      return perform(asked, sessions, {
        log: module.log,
        signal: module.signal,
      });
    });
  },
});

type Addressed = Pick<IqRequest, 'from' | 'to'>;

/** The address of the host, or of the user's own account. */
function isForCommands({ from, to }: Addressed): boolean {
  return isHost(to) || from.bare === to.bare;
}

function isHost(to: Jid): boolean {
  return to.local === undefined;
}

function offersIn(module: Module, { from, to }: Addressed): readonly Offer[] {
  return isHost(to) ? commandsFor(module, from) : ownCommands(module, from);
}

/** @throws StanzaError 'item-not-found', 'forbidden' */
function find(module: Module, request: Addressed, node: string): Offer {
  const found = offersIn(module, request).find((offer) => offer.node === node);
  if (found) return found;
  // §2.2: at the host, other users learn nothing about existing commands.
  const isSecret = isHost(request.to) && !module.adminOf(request.from);
  throw new StanzaError(isSecret ? 'forbidden' : 'item-not-found');
}

/** Whether a node is a command. Other nodes belong to other modules. */
function isOurs(items: readonly { readonly node: string }[], node: string): boolean {
  return node.startsWith('enjamb:') || items.some((item) => item.node === node);
}

function identity(type: string, name: string): Element {
  return xml('identity', { category: 'automation', type, name });
}
