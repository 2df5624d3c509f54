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
export interface UserDoor {
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
export function userCommands(door: UserDoor): readonly Command[] {
  return [addCommand(door), listCommand(door), passwdCommand(door), ...switchCommands(door)];
}

function addCommand(door: UserDoor): Command {
  return defineCommand({
    name: 'user add',
    summary: 'Creates an account',
    args: { jid: account, password },
    positional: ['jid'],
    async run(args) {
      const { domain, user } = locate(door, args.jid);
      if (await door.get(domain, user)) {
        throw new CommandError(
          `the account ${args.jid} already exists; "enjamb user passwd ${args.jid}" changes its password`,
        );
      }
      await door.create(domain, user, args.password);
      return { text: `${args.jid} created` };
    },
  });
}

function listCommand(door: UserDoor): Command {
  return defineCommand({
    name: 'user list',
    summary: 'Lists the accounts',
    args: { host: string('List only the accounts of this host', { optional: true }) },
    run: ({ host }) => listUsers(door, host),
  });
}

function passwdCommand(door: UserDoor): Command {
  return defineCommand({
    name: 'user passwd',
    summary: 'Sets a new password',
    args: { jid: account, password },
    positional: ['jid'],
    async run(args, { by }) {
      const { domain, user } = await existing(door, args.jid);
      const ended = await door.setPassword(domain, user, args.password, by);
      return { text: `${args.jid} has a new password${sessionsEnded(ended)}` };
    },
  });
}

function switchCommands(door: UserDoor): readonly Command[] {
  return [
    changeCommand(door, 'disable', 'Prevents an account from logging in', {
      done: 'is disabled: it cannot log in, its data is kept',
      act: (domain, user) => door.setEnabled(domain, user, false),
    }),
    changeCommand(door, 'enable', 'Lets a disabled account log in again', {
      done: 'is enabled',
      act: (domain, user) => door.setEnabled(domain, user, true),
    }),
    changeCommand(door, 'delete', 'Deletes an account and all its data', {
      done: 'is deleted with all its data',
      act: (domain, user) => door.delete(domain, user),
    }),
  ];
}

interface Change {
  /** The end of the sentence that reports success. */
  readonly done: string;
  /** Returns the number of sessions that it ended. */
  act(domain: string, user: string): Promise<number>;
}

function changeCommand(door: UserDoor, name: string, summary: string, { done, act }: Change): Command {
  return defineCommand({
    name: `user ${name}`,
    summary,
    args: { jid: account },
    positional: ['jid'],
    destroys: name === 'delete',
    async run(args) {
      const { domain, user } = await existing(door, args.jid);
      const ended = await act(domain, user);
      return { text: `${args.jid} ${done}${sessionsEnded(ended)}` };
    },
  });
}

function sessionsEnded(count: number): string {
  if (count === 0) return '';
  return count === 1 ? '; 1 session ended' : `; ${count} sessions ended`;
}

async function listUsers(door: UserDoor, only: string | undefined): Promise<CommandResult> {
  if (only !== undefined && !door.domains.includes(only)) throw noSuchHost(door, only);
  const rows: Record<string, unknown>[] = [];
  for (const domain of only === undefined ? door.domains : [only]) {
    const users = [...(await door.list(domain))].sort((a, b) => a.user.localeCompare(b.user));
    for (const { user, enabled, online } of users)
      rows.push({ jid: `${user}@${domain}`, enabled, ...(online === undefined ? {} : { online }) });
  }
  return { rows };
}

async function existing(door: UserDoor, address: string): Promise<{ domain: string; user: string }> {
  const place = locate(door, address);
  if (!(await door.get(place.domain, place.user))) throw new CommandError(`there is no account ${address}`);
  return place;
}

function locate(door: UserDoor, address: string): { domain: string; user: string } {
  const { local, domain } = Jid.parse(address);
  if (local === undefined) throw incomplete(door, domain);
  if (!door.domains.includes(domain)) throw noSuchHost(door, domain);
  return { domain, user: local };
}

/** A word without "@": the name of a host, or that of a user without its host. */
function incomplete(door: UserDoor, word: string): CommandError {
  const isHost = door.domains.includes(word);
  const complete = isHost ? [`user@${word}`] : door.domains.map((domain) => `${word}@${domain}`);
  const fault = isHost ? `"${word}" is a host, not an account` : `"${word}" has no domain`;
  return new CommandError(`${fault}: write it as ${complete.join(' or ') || `${word}@HOST`}`, 'usage');
}

function noSuchHost(door: UserDoor, domain: string): CommandError {
  const known = door.domains.join(', ') || 'none; add one to the configuration';
  return new CommandError(`there is no host "${domain}" with users; the hosts with users are: ${known}`);
}
