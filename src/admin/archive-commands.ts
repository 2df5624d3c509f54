// `enjamb archive …`: what is kept of whom, and for how long; on a running server or a stopped one.

import { account, jid, string } from '../config/options.ts';
import { formatDuration, parseDuration } from '../config/units.ts';
import type { ArchiveStore, ArchiveUsage } from '../storage/archive.ts';
import { type Command, CommandError, type CommandResult, defineCommand } from './commands.ts';
import { existingUser, type UserAdmin } from './user-commands.ts';

/** The archives of the accounts. */
export interface ArchiveAdmin {
  readonly users: UserAdmin;
  /** By domain, one of `users.domains`. */
  archive(domain: string): ArchiveStore;
}

const DAY_MS = 24 * 3_600_000;
const address = account('The account, such as romeo@example.org');

export function archiveCommands(admin: ArchiveAdmin): readonly Command[] {
  return [showCommand(admin), deleteCommand(admin), keepCommand(admin)];
}

function showCommand(admin: ArchiveAdmin): Command {
  return defineCommand({
    name: 'archive show',
    summary: 'Lists the archives of the accounts, with their sizes',
    args: { jid: jid('The account; default: all with an archive', { optional: true }) },
    positional: ['jid'],
    async run(args): Promise<CommandResult> {
      const columns = ['jid', 'messages', 'bytes', 'waiting', 'keeps', 'oldest', 'newest'];
      if (args.jid === undefined) return { rows: await listArchives(admin), columns };
      const { domain, user } = await existingUser(admin.users, args.jid);
      return { rows: [rowOf(args.jid, await admin.archive(domain).usage(user))], columns };
    },
  });
}

async function listArchives(admin: ArchiveAdmin): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for (const domain of admin.users.domains) {
    const archive = admin.archive(domain);
    for await (const user of archive.owners())
      rows.push(rowOf(`${user}@${domain}`, await archive.usage(user)));
  }
  return rows.sort((a, b) => String(a.jid).localeCompare(String(b.jid)));
}

function rowOf(owner: string, { rows, bytes, oldest, newest, waiting, keepMs }: ArchiveUsage) {
  const time = ({ at }: { readonly at: number }) => new Date(at).toISOString().replace(/\.\d+/, '');
  return {
    jid: owner,
    messages: rows,
    bytes,
    ...(oldest === undefined ? {} : { oldest: time(oldest) }),
    ...(newest === undefined ? {} : { newest: time(newest) }),
    waiting,
    keeps: keepMs === undefined ? 'default' : formatDuration(keepMs),
  };
}

function deleteCommand(admin: ArchiveAdmin): Command {
  return defineCommand({
    name: 'archive delete',
    summary: 'Deletes messages from the archive of an account',
    args: {
      jid: address,
      with: jid('Only messages to and from this address', { optional: true }),
      before: string('Only messages from before this time, such as 2026-01-31 or 2026-01-31T12:00Z', {
        optional: true,
      }),
    },
    positional: ['jid'],
    destroys: true,
    async run(args): Promise<CommandResult> {
      const before = args.before === undefined ? undefined : timeOf(args.before);
      const { domain, user } = await existingUser(admin.users, args.jid);
      const count = await admin.archive(domain).prune(user, {
        ...(args.with === undefined ? {} : { with: args.with }),
        ...(before === undefined ? {} : { before }),
      });
      const messages = count === 1 ? '1 message' : `${count} messages`;
      return { text: `${messages} deleted from the archive of ${args.jid}`, data: { deleted: count } };
    },
  });
}

function keepCommand(admin: ArchiveAdmin): Command {
  return defineCommand({
    name: 'archive keep',
    summary: 'Sets how long the messages of an account are kept; never longer than its host keeps them',
    args: { jid: address, time: string('The time, such as "90 days", or "default" for that of the host') },
    positional: ['jid', 'time'],
    async run(args): Promise<CommandResult> {
      const ms = args.time === 'default' ? undefined : keptTime(args.time);
      const { domain, user } = await existingUser(admin.users, args.jid);
      await admin.archive(domain).keep(user, ms);
      const time = ms === undefined ? 'as long as the host says' : `for ${formatDuration(ms)}`;
      return { text: `messages of ${args.jid} are kept ${time}` };
    },
  });
}

/** @throws CommandError */
function keptTime(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= DAY_MS) return ms;
  throw new CommandError(
    `"${text}" is not a time of a day or more: write it like "90 days", or "default"`,
    'usage',
  );
}

/** @throws CommandError */
function timeOf(text: string): number {
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const at = isDate ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new CommandError(`"${text}" is not a time: write it like 2026-01-31 or 2026-01-31T12:00Z`, 'usage');
}
