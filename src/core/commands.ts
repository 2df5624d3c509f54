// The administrators' commands of the core; modules add their own.

import { archiveCommands } from '../admin/archive-commands.ts';
import {
  type Command,
  CommandError,
  type CommandRegistry,
  type CommandResult,
  defineCommand,
} from '../admin/commands.ts';
import { userCommands } from '../admin/user-commands.ts';
import type { C2SSession } from '../api/session.ts';
import { jid, string } from '../config/options.ts';
import { Jid } from '../xml/jid.ts';
import type { LocalHost } from './host.ts';
import type { ModuleHost } from './module-host.ts';
import { userAdmin } from './user-admin.ts';

export interface CommandScope {
  readonly hosts: ReadonlyMap<string, LocalHost>;
  readonly modules: ReadonlyMap<string, ModuleHost>;
}

const anyHost = string('Only this host; default: all hosts', { optional: true });

/** Offers the commands for accounts and modules until the server stops. */
export function registerCoreCommands(registry: CommandRegistry, scope: CommandScope): void {
  registerUserCommands(registry, scope);
  registerModuleCommands(registry, scope);
}

function registerUserCommands(registry: CommandRegistry, { hosts }: CommandScope): void {
  const users = userAdmin(hosts);
  const archive = (domain: string) => hosts.get(domain)!.stores.archive('archive');
  for (const command of [...userCommands(users), ...archiveCommands({ users, archive })])
    registry.register(command);
  registry.register({
    name: 'user sessions',
    summary: 'Lists the sessions of an account, or all',
    args: { jid: jid('The account; default: all', { optional: true }) },
    positional: ['jid'],
    run: (args): CommandResult => ({
      rows: sessionsOf(hosts, args.jid).map(sessionRow),
      columns: ['jid', 'since', 'address', 'secure', 'connected'],
    }),
  });
}

function sessionsOf(
  hosts: ReadonlyMap<string, LocalHost>,
  account: string | undefined,
): readonly C2SSession[] {
  if (account === undefined) return [...hosts.values()].flatMap((host) => [...host.sessions]);
  const { local, domain } = Jid.parse(account);
  const host = hosts.get(domain);
  if (local === undefined || host?.kind !== 'local') throw new CommandError(`there is no account ${account}`);
  return host.sessions.of(local);
}

function sessionRow({ jid: full, secure, connected, remoteAddress, boundAt }: C2SSession) {
  return {
    jid: `${full}`,
    since: new Date(boundAt).toISOString(),
    address: remoteAddress,
    secure,
    connected,
  };
}

type ModuleAction = 'load' | 'unload' | 'reload';

function registerModuleCommands(registry: CommandRegistry, scope: CommandScope): void {
  registry.register({
    name: 'module list',
    summary: 'Lists the loaded modules',
    args: { host: anyHost },
    run: (args): CommandResult => ({
      rows: moduleRows(scope, args.host),
      columns: ['host', 'module', 'summary'],
    }),
  });
  for (const command of [
    moduleCommand(scope, 'load', 'Loads a module on the hosts that it supports'),
    moduleCommand(scope, 'unload', 'Removes a module from the running server'),
    moduleCommand(scope, 'reload', 'Loads the current file of a module in place of the running one'),
  ])
    registry.register(command);
}

function moduleRows({ modules }: CommandScope, only: string | undefined): Record<string, unknown>[] {
  const hosts = [...modules].filter(([domain]) => only === undefined || domain === only);
  return hosts.flatMap(([host, { loaded }]) =>
    loaded.map(({ name, summary }) => ({ host, module: name, summary })),
  );
}

function moduleCommand(scope: CommandScope, action: ModuleAction, summary: string): Command {
  return defineCommand({
    name: `module ${action}`,
    summary,
    args: { name: string('The name of the module'), host: anyHost },
    positional: ['name'],
    localOnly: true, // Only administrators of the machine may change the code that runs.
    async run(args) {
      const hosts = await concerned(scope, action, args.name, args.host);
      for (const [, modules] of hosts)
        await (action === 'load' ? modules.load([args.name], true) : modules[action](args.name));
      return { text: `${args.name} ${action}ed on ${hosts.map(([domain]) => domain).join(', ')}` };
    },
  });
}

/** Without `--host`: the hosts where a module can be loaded, or those where it is loaded. */
async function concerned(
  scope: CommandScope,
  action: ModuleAction,
  name: string,
  only: string | undefined,
): Promise<[string, ModuleHost][]> {
  if (only !== undefined) {
    const modules = scope.modules.get(only);
    if (!modules)
      throw new CommandError(
        `there is no host "${only}"; the hosts are: ${[...scope.modules.keys()].join(', ')}`,
        'usage',
      );
    if (action === 'load' && isLoaded(modules, name))
      throw new CommandError(`the module "${name}" is already loaded on ${only}`);
    return [[only, modules]];
  }
  const found: [string, ModuleHost][] = [];
  for (const [domain, modules] of scope.modules) {
    const isThere = isLoaded(modules, name);
    const fits = action === 'load' ? !isThere && (await modules.accepts(name)) : isThere;
    if (fits) found.push([domain, modules]);
  }
  if (found.length > 0) return found;
  const why =
    action === 'load'
      ? 'is already loaded on every host that it supports'
      : 'is not loaded on any host; "enjamb module list" lists the loaded modules';
  throw new CommandError(`the module "${name}" ${why}`);
}

function isLoaded(modules: ModuleHost, name: string): boolean {
  return modules.loaded.some((module) => module.name === name);
}
