// The commands that a user may run, and their nodes.

import { type Command, type CommandResult, type Jid, type Module, oneOf, runCommand } from 'enjamb/api';

export interface Offer {
  readonly node: string;
  readonly title: string;
  /** The command, with the arguments of its form. */
  readonly command: Command;
  run(
    args: Readonly<Record<string, unknown>>,
    context: { readonly by: string; readonly signal: AbortSignal },
  ): Promise<CommandResult>;
}

/** Sorted by title, to group the commands on one subject. */
export function commandsFor(module: Module, asker: Jid): readonly Offer[] {
  const forUsers = module
    .items('adhoc-command')
    .filter(({ mayUse }) => mayUse(asker))
    .map(({ node, command }): Offer => {
      const run: Offer['run'] = (args, context) => runCommand(command, args, context);
      return { node, title: command.summary, command, run };
    });
  return [...forUsers, ...administration(module, asker)];
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
