// What administrators do to a running server itself; modules add their own commands.

import { CommandError, type CommandRegistry, type CommandResult, defineCommand } from '../admin/commands.ts';
import { jid, string } from '../config/options.ts';
import { Jid } from '../xml/jid.ts';
import type { LocalHost } from './host.ts';
import type { ModuleHost } from './module-host.ts';

export interface CommandScope {
  readonly hosts: ReadonlyMap<string, LocalHost>;
  readonly modules: ReadonlyMap<string, ModuleHost>;
  /** Removes all that is stored for an account. */
  purge(host: LocalHost, user: string): Promise<void>;
}

const account = jid('The account, e.g. ann@example.org');
const password = string('The password', { secret: true, maxLength: 1024 });
const anyHost = string('One host; default: all', { optional: true });

/** Offers the commands for accounts and modules until the server stops. */
export function registerCoreCommands(registry: CommandRegistry, scope: CommandScope): void {
  registerUserCommands(registry, scope);
  registerModuleCommands(registry, scope);
}

function registerUserCommands(registry: CommandRegistry, scope: CommandScope): void {
  const find = (text: string) => accountOf(scope, text);
  registry.register(
    defineCommand({
      name: 'user add',
      summary: 'Creates an account',
      args: { jid: account, password },
      positional: ['jid'],
      async run(args) {
        const { host, user } = find(args.jid);
        if (host.users.has(user))
          throw new CommandError(`${args.jid} exists already; \`enjamb user passwd\` sets a new password`);
        await host.createUser(user, args.password);
        return { text: `${user}@${host.domain} created` };
      },
    }),
  );
  registry.register(
    defineCommand({
      name: 'user passwd',
      summary: 'Sets a new password',
      args: { jid: account, password },
      positional: ['jid'],
      async run(args) {
        const { host, user } = find(args.jid);
        await host.accounts.setPassword(user, args.password);
        return { text: `${user}@${host.domain} has a new password` };
      },
    }),
  );
  for (const [name, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    registry.register(
      defineCommand({
        name: `user ${name}`,
        summary: enabled
          ? 'Lets an account log in again'
          : 'Keeps an account from logging in, and ends its sessions',
        args: { jid: account },
        positional: ['jid'],
        async run(args) {
          const { host, user } = find(args.jid);
          await host.accounts.setEnabled(user, enabled);
          if (!enabled) for (const session of host.sessions.of(user)) session.close();
          return { text: `${user}@${host.domain} is ${name}d` };
        },
      }),
    );
  }
  registry.register(
    defineCommand({
      name: 'user delete',
      summary: 'Removes an account with everything it has stored here',
      args: { jid: account },
      positional: ['jid'],
      async run(args) {
        const { host, user } = find(args.jid);
        if (!host.users.has(user)) throw new CommandError(`${args.jid} does not exist`);
        await host.deleteUser(user, () => scope.purge(host, user));
        return { text: `${user}@${host.domain} deleted` };
      },
    }),
  );
  registry.register(
    defineCommand({
      name: 'user list',
      summary: 'Lists accounts',
      args: { host: anyHost },
      async run(args): Promise<CommandResult> {
        const rows = [];
        for (const host of localHosts(scope, args.host)) {
          for await (const { user, enabled } of await host.accounts.list()) {
            rows.push({ jid: `${user}@${host.domain}`, enabled, online: host.sessions.of(user).length });
          }
        }
        return { rows, columns: ['jid', 'enabled', 'online'] };
      },
    }),
  );
  registry.register(
    defineCommand({
      name: 'user sessions',
      summary: 'Lists the sessions of an account, or all',
      args: { jid: jid('The account; default: all', { optional: true }) },
      positional: ['jid'],
      run(args): CommandResult {
        const sessions =
          args.jid === undefined
            ? localHosts(scope).flatMap((host) => [...host.sessions])
            : sessionsOf(find(args.jid));
        const rows = sessions.map(({ jid: full, secure, connected, remoteAddress, boundAt }) => ({
          jid: `${full}`,
          since: new Date(boundAt).toISOString(),
          address: remoteAddress,
          secure,
          connected,
        }));
        return { rows, columns: ['jid', 'since', 'address', 'secure', 'connected'] };
      },
    }),
  );
}

function registerModuleCommands(registry: CommandRegistry, scope: CommandScope): void {
  const name = string('The name of the module');
  registry.register(
    defineCommand({
      name: 'module list',
      summary: 'Lists the loaded modules',
      args: { host: anyHost },
      run: (args): CommandResult => ({
        rows: [...scope.modules]
          .filter(([domain]) => args.host === undefined || domain === args.host)
          .flatMap(([host, modules]) =>
            modules.loaded.map((module) => ({ host, module: module.name, summary: module.summary })),
          ),
        columns: ['host', 'module', 'summary'],
      }),
    }),
  );
  const actions = {
    load: { summary: 'Loads a module on hosts that it is made for', done: 'loaded' },
    unload: { summary: 'Takes a module out of the running server', done: 'unloaded' },
    reload: { summary: 'Replaces a module by the newest text of its file', done: 'reloaded' },
  } as const;
  for (const [action, { summary, done }] of Object.entries(actions) as [
    keyof typeof actions,
    { summary: string; done: string },
  ][]) {
    registry.register(
      defineCommand({
        name: `module ${action}`,
        summary,
        args: { name, host: anyHost },
        positional: ['name'],
        async run(args) {
          const hosts = await concerned(scope, action, args.name, args.host);
          for (const [, modules] of hosts)
            await (action === 'load' ? modules.load([args.name]) : modules[action](args.name));
          return { text: `${args.name} ${done} on ${hosts.map(([domain]) => domain).join(', ')}` };
        },
      }),
    );
  }
}

/** Without `--host`: wherever the module may be loaded and is not, or wherever it is loaded. */
async function concerned(
  scope: CommandScope,
  action: 'load' | 'unload' | 'reload',
  name: string,
  only: string | undefined,
): Promise<[string, ModuleHost][]> {
  if (only !== undefined) {
    const modules = scope.modules.get(only);
    if (!modules)
      throw new CommandError(
        `"${only}" is none of our hosts (${[...scope.modules.keys()].join(', ')})`,
        'usage',
      );
    return [[only, modules]];
  }
  const found: [string, ModuleHost][] = [];
  for (const [domain, modules] of scope.modules) {
    const isLoaded = modules.loaded.some((module) => module.name === name);
    const fits = action === 'load' ? !isLoaded && (await modules.accepts(name)) : isLoaded;
    if (fits) found.push([domain, modules]);
  }
  if (found.length > 0) return found;
  const why = action === 'load' ? 'is loaded already wherever it may be' : 'is not loaded on any host';
  throw new CommandError(`module "${name}" ${why}`);
}

function accountOf(scope: CommandScope, text: string): { host: LocalHost; user: string } {
  const { local, domain } = Jid.parse(text);
  const host = scope.hosts.get(domain);
  if (host?.kind !== 'local') {
    const ours = localHosts(scope).map((local) => local.domain);
    throw new CommandError(`"${domain}" has no accounts here; these hosts have: ${ours.join(', ')}`);
  }
  if (local === undefined)
    throw new CommandError(`"${text}" has no user part; write it as user@${domain}`, 'usage');
  return { host, user: local };
}

function localHosts(scope: CommandScope, only?: string): LocalHost[] {
  return [...scope.hosts.values()].filter(
    (host) => host.kind === 'local' && (only === undefined || host.domain === only),
  );
}

function sessionsOf({ host, user }: { host: LocalHost; user: string }) {
  return [...host.sessions.of(user)];
}
