// `enjamb user …`, on a running server or a stopped one: only the `UserAdmin` behind the commands differs.

import { jid, string } from '../config/options.ts';
import { Jid } from '../xml/jid.ts';
import { type Command, CommandError, type CommandResult, defineCommand } from './commands.ts';

export interface UserRow {
  /** The localpart. */
  readonly user: string;
  readonly enabled: boolean;
  /** The number of its sessions; `undefined` when no server runs. */
  readonly online?: number;
}

/** The operations on accounts that the commands need. Users are localparts; `domain` is one of `domains`. */
export interface UserAdmin {
  /** The hosts that have users. */
  readonly domains: readonly string[];
  list(domain: string): Promise<readonly UserRow[]>;
  get(domain: string, user: string): Promise<UserRow | undefined>;
  create(domain: string, user: string, password: string): Promise<void>;
  /**
   * Ends the sessions of the account, except that of `by` (a full JID). Returns the number of sessions that it ended.
   */
  setPassword(domain: string, user: string, password: string, by: string): Promise<number>;
  /** Ends the sessions of an account that is disabled. Returns the number of sessions that it ended. */
  setEnabled(domain: string, user: string, enabled: boolean): Promise<number>;
  /** Removes the account and all its data in every module. Returns the number of sessions that it ended. */
  delete(domain: string, user: string): Promise<number>;
}

const account = jid('The account, such as romeo@example.org');
const password = string('The new password', { secret: true });

/** The commands on one `UserAdmin`. */
export function userCommands(admin: UserAdmin): readonly Command[] {
  return [addCommand(admin), listCommand(admin), passwdCommand(admin), ...switchCommands(admin)];
}

function addCommand(admin: UserAdmin): Command {
  return defineCommand({
    name: 'user add',
    summary: 'Creates an account',
    args: { jid: account, password },
    positional: ['jid'],
    async run(args) {
      const { domain, user } = locate(admin, args.jid);
      if (await admin.get(domain, user)) {
        throw new CommandError(
          `the account ${args.jid} already exists; "enjamb user passwd ${args.jid}" changes its password`,
        );
      }
      await admin.create(domain, user, args.password);
      return { text: `${args.jid} created` };
    },
  });
}

function listCommand(admin: UserAdmin): Command {
  return defineCommand({
    name: 'user list',
    summary: 'Lists the accounts',
    args: { host: string('List only the accounts of this host', { optional: true }) },
    run: ({ host }) => listUsers(admin, host),
  });
}

function passwdCommand(admin: UserAdmin): Command {
  return defineCommand({
    name: 'user passwd',
    summary: 'Sets a new password',
    args: { jid: account, password },
    positional: ['jid'],
    async run(args, { by }) {
      const { domain, user } = await existingUser(admin, args.jid);
      const ended = await admin.setPassword(domain, user, args.password, by);
      return { text: `${args.jid} has a new password${sessionsEnded(ended)}` };
    },
  });
}

function switchCommands(admin: UserAdmin): readonly Command[] {
  return [
    changeCommand(admin, 'disable', 'Prevents an account from logging in', {
      done: 'is disabled: it cannot log in, its data is kept',
      act: (domain, user) => admin.setEnabled(domain, user, false),
    }),
    changeCommand(admin, 'enable', 'Lets a disabled account log in again', {
      done: 'is enabled',
      act: (domain, user) => admin.setEnabled(domain, user, true),
    }),
    changeCommand(admin, 'delete', 'Deletes an account and all its data', {
      done: 'is deleted with all its data',
      act: (domain, user) => admin.delete(domain, user),
    }),
  ];
}

interface Change {
  /** The end of the sentence that reports success. */
  readonly done: string;
  /** Returns the number of sessions that it ended. */
  act(domain: string, user: string): Promise<number>;
}

function changeCommand(admin: UserAdmin, name: string, summary: string, { done, act }: Change): Command {
  return defineCommand({
    name: `user ${name}`,
    summary,
    args: { jid: account },
    positional: ['jid'],
    destroys: name === 'delete',
    async run(args) {
      const { domain, user } = await existingUser(admin, args.jid);
      const ended = await act(domain, user);
      return { text: `${args.jid} ${done}${sessionsEnded(ended)}` };
    },
  });
}

function sessionsEnded(count: number): string {
  if (count === 0) return '';
  return count === 1 ? '; 1 session ended' : `; ${count} sessions ended`;
}

async function listUsers(admin: UserAdmin, only: string | undefined): Promise<CommandResult> {
  if (only !== undefined && !admin.domains.includes(only)) throw noSuchHost(admin, only);
  const rows: Record<string, unknown>[] = [];
  for (const domain of only === undefined ? admin.domains : [only]) {
    const users = [...(await admin.list(domain))].sort((a, b) => a.user.localeCompare(b.user));
    for (const { user, enabled, online } of users)
      rows.push({ jid: `${user}@${domain}`, enabled, ...(online === undefined ? {} : { online }) });
  }
  return { rows };
}

/** The place of an account that exists. @throws CommandError */
export async function existingUser(
  admin: UserAdmin,
  address: string,
): Promise<{ domain: string; user: string }> {
  const place = locate(admin, address);
  if (!(await admin.get(place.domain, place.user))) throw new CommandError(`there is no account ${address}`);
  return place;
}

function locate(admin: UserAdmin, address: string): { domain: string; user: string } {
  const { local, domain } = Jid.parse(address);
  if (local === undefined) throw incomplete(admin, domain);
  if (!admin.domains.includes(domain)) throw noSuchHost(admin, domain);
  return { domain, user: local };
}

/** A word without "@": the name of a host, or that of a user without its host. */
function incomplete(admin: UserAdmin, word: string): CommandError {
  const isHost = admin.domains.includes(word);
  const complete = isHost ? [`user@${word}`] : admin.domains.map((domain) => `${word}@${domain}`);
  const fault = isHost ? `"${word}" is a host, not an account` : `"${word}" has no domain`;
  return new CommandError(`${fault}: write it as ${complete.join(' or ') || `${word}@HOST`}`, 'usage');
}

function noSuchHost(admin: UserAdmin, domain: string): CommandError {
  const known = admin.domains.join(', ') || 'none; add one to the configuration';
  return new CommandError(`there is no host "${domain}" with users; the hosts with users are: ${known}`);
}
