// The commands `enjamb s2s list`, `close` and `ping`.

import { CommandError, type CommandRegistry, type CommandResult } from '../admin/commands.ts';
import { string } from '../config/options.ts';
import type { ServerContext } from '../core/context.ts';
import { pingRequest } from '../xep/ping.ts';
import { StanzaError } from '../xml/errors.ts';
import { prepareDomain } from '../xml/jid.ts';
import { COLUMNS, listLinks } from './list.ts';
import { refusalOf } from './policy.ts';
import type { LinkPool } from './pool.ts';

const PING_MS = 30_000;
/** Conditions that this server itself returns for a remote that cannot be reached. */
const UNREACHED: ReadonlySet<string> = new Set(['remote-server-not-found', 'remote-server-timeout']);

const domain = string('The domain of the other server');

/** Registers the commands until the server stops. */
export function registerS2SCommands(registry: CommandRegistry, pool: LinkPool, context: ServerContext): void {
  registry.register({
    name: 's2s list',
    summary: 'Lists the links with other servers, and why those that failed did',
    args: { domain: string('Only this domain', { optional: true }) },
    positional: ['domain'],
    run: (args) => list(pool, args.domain === undefined ? undefined : domainOf(args.domain)),
  });
  registry.register({
    name: 's2s close',
    summary: 'Closes the links with another server; the next stanza opens them again',
    args: { domain },
    positional: ['domain'],
    run: (args) => close(pool, args.domain),
  });
  registry.register({
    name: 's2s ping',
    summary: 'Checks that another server answers (XEP-0199)',
    args: { domain },
    positional: ['domain'],
    run: (args, { signal }) => ping(context, pool, domainOf(args.domain), signal),
  });
}

function list(pool: LinkPool, only: string | undefined): CommandResult {
  const rows = listLinks(pool).filter(({ remote }) => only === undefined || remote === only);
  return { rows, columns: COLUMNS };
}

function close(pool: LinkPool, name: string): CommandResult {
  const closed = pool.closeDomain(domainOf(name));
  if (closed === 0) throw new CommandError(`there is no link with ${name}; "enjamb s2s list" shows all`);
  return { text: `${closed} ${closed === 1 ? 'link' : 'links'} with ${name} closed`, data: { closed } };
}

function domainOf(text: string): string {
  try {
    return prepareDomain(text);
  } catch {
    throw new CommandError(`"${text}" is not a domain`, 'usage');
  }
}

async function ping(
  context: ServerContext,
  pool: LinkPool,
  remote: string,
  signal?: AbortSignal,
): Promise<CommandResult> {
  const hosts = [...context.router.hosts.values()];
  const host = hosts.find(({ kind }) => kind === 'local') ?? hosts[0];
  if (!host) throw new CommandError('there is no host to ping from: add one to the configuration');
  const refusal = refusalOf(host, remote);
  if (refusal) throw new CommandError(`${remote} is not pinged: ${refusal.text}`);
  const began = performance.now();
  const request = pingRequest({ from: host.domain, to: remote });
  const send = (iq: typeof request) => context.router.route(iq, host.origin);
  let note = '';
  try {
    await context.router.pendingIqs.request(
      { name: 's2s' },
      request,
      { timeoutMs: PING_MS },
      send,
      signal ?? new AbortController().signal,
    );
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    if (UNREACHED.has(error.condition)) {
      const why = pool.lastError(host.domain, remote) ?? error.text ?? error.condition;
      throw new CommandError(`${remote} does not answer: ${why}`);
    }
    note = ` (with ${error.condition})`; // A server that refuses a ping is reachable (XEP-0199 §4.3).
  }
  const ms = Math.round(performance.now() - began);
  return { text: `${remote} answered in ${ms} ms${note}`, data: { domain: remote, ms } };
}
