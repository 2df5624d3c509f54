// The commands that a user may run, and their nodes.

import { type Command, type CommandResult, type Jid, type Module, oneOf, runCommand } from 'enjamb/api';

export interface Offer {
  readonly node: string;
  readonly title: string;
  /** The command, with the arguments of its form. */
  readonly command: Command;
  /** The values that the form shows at first. */
  values?(): Promise<Readonly<Record<string, unknown>>>;
  run(
    args: Readonly<Record<string, unknown>>,
    context: { readonly by: string; readonly signal: AbortSignal },
  ): Promise<CommandResult>;
}

/** At the address of the host. Sorted by title, to group the commands on one subject. */
export function commandsFor(module: Module, asker: Jid): readonly Offer[] {
  return [...forUsers(module, asker, 'host'), ...administration(module, asker)];
}

/** At the address of the user's own account. */
export function ownCommands(module: Module, asker: Jid): readonly Offer[] {
  return forUsers(module, asker, 'self');
}

function forUsers(module: Module, asker: Jid, place: 'host' | 'self'): Offer[] {
  return module
    .items('adhoc-command')
    .filter(({ at = 'host', mayUse }) => at === place && mayUse(asker))
    .map(({ node, command, values = async () => ({}) }) => ({
      node,
      title: command.summary,
      command,
      values: () => values(asker),
      run: (args, context) => runCommand(command, args, context),
    }));
}

/**
 * On a host with users, administrators of the whole server have all commands of the command line. Administrators of one
 * host have the commands of that host, which then run on that host only.
 */
function administration(module: Module, asker: Jid): Offer[] {
  const rank = module.adminOf(asker);
  if (rank === undefined) return [];
  const { domain, kind } = module.host;
  const offers = module.commands.offers().filter(({ command }) => command.localOnly !== true);
  if (rank === 'server' && kind === 'local') return offers.map((offer) => everywhere(module, offer));
  return offers
    .filter(({ command, hosts }) => hosts?.includes(domain) && !Object.hasOwn(command.args, 'host'))
    .map(({ command }) => named(module, command, { host: domain }));
}

type Registered = ReturnType<Module['commands']['offers']>[number];

/** A command of several hosts gets an argument that selects one of them, like `--host`. */
function everywhere(module: Module, { command, hosts }: Registered): Offer {
  if (hosts === undefined || hosts.length < 2 || Object.hasOwn(command.args, 'host'))
    return named(module, command);
  const host = oneOf('Only this host; default: all hosts', hosts, { optional: true });
  return named(module, { ...command, args: { ...command.args, host } });
}

function named(module: Module, command: Command, fixed: Readonly<Record<string, unknown>> = {}): Offer {
  return {
    node: `enjamb:${command.name.replaceAll(' ', '-')}`,
    title: `${command.name}: ${command.summary}`,
    command,
    run: (args, context) => module.commands.run(command.name, { ...args, ...fixed }, context),
  };
}
