// `enjamb user …`: the same commands whether the server runs them or the command line does, straight on the database.

import { boolean, type Infer, jid, string } from '../config/options.ts';
import { type Command, CommandError, type CommandResult, defineCommand } from './commands.ts';

export interface UserRow {
  /** The localpart. */
  readonly user: string;
  readonly enabled: boolean;
}

export interface UserSessionRow {
  /** Full JID. */
  readonly jid: string;
  readonly address: string;
  readonly secure: boolean;
  readonly connected: boolean;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** What the commands need of the server or the database. Users are localparts; `domain` is one of `domains`. */
export interface UserDoor {
  /** The hosts that have users. */
  readonly domains: readonly string[];
  list(domain: string): Promise<readonly UserRow[]>;
  create(domain: string, user: string, password: string): Promise<void>;
  setPassword(domain: string, user: string, password: string): Promise<void>;
  /** A disabled account's sessions end. */
  setEnabled(domain: string, user: string, enabled: boolean): Promise<void>;
  /** Removes the account and all that any module keeps for it. */
  delete(domain: string, user: string): Promise<void>;
  /** Absent when no server is running. */
  sessions?(domain: string): readonly UserSessionRow[];
}

const account = jid('The account, such as romeo@example.org');
const password = string('The new password', {
  secret: true,
  pattern: /./s,
  expected: 'a password that is not empty',
  maxLength: 1023,
});

/** The commands on one door. */
export function userCommands(door: UserDoor): readonly Command[] {
  const list = defineCommand({
    name: 'user list',
    summary: 'Lists the accounts',
    args: { domain: string('Only those of this host', { optional: true }) },
    positional: ['domain'],
    run: ({ domain }) => listUsers(door, domain),
  });
  const sessions = defineCommand({
    name: 'user sessions',
    summary: 'Lists who is connected',
    args: { jid: jid('Only this account', { optional: true }) },
    positional: ['jid'],
    run: (args) => listSessions(door, args.jid),
  });
  return [addCommand(door), list, passwdCommand(door), ...switchCommands(door), sessions];
}

function addCommand(door: UserDoor): Command {
  return defineCommand({
    name: 'user add',
    summary: 'Creates an account',
    args: {
      jid: account,
      password,
      admin: boolean('Say how to make it an administrator', { default: false }),
    },
    positional: ['jid'],
    async run(args) {
      const { domain, user } = locate(door, args.jid);
      if (await find(door, domain, user))
        throw new CommandError(`${args.jid} exists already; "enjamb user passwd" changes its password`);
      await door.create(domain, user, args.password);
      return { text: `${args.jid} can log in now.${adminNote(args)}` };
    },
  });
}

function adminNote({ admin, jid: who }: { admin: boolean; jid: string }): string {
  return admin
    ? `\nTo make it an administrator, add it to the configuration and reload: admins = ["${who}"]`
    : '';
}

function passwdCommand(door: UserDoor): Command {
  return defineCommand({
    name: 'user passwd',
    summary: 'Sets a new password',
    args: { jid: account, password },
    positional: ['jid'],
    async run(args) {
      const { domain, user } = await existing(door, args.jid);
      await door.setPassword(domain, user, args.password);
      return { text: `${args.jid} has a new password.` };
    },
  });
}

function switchCommands(door: UserDoor): readonly Command[] {
  const change = (
    name: string,
    summary: string,
    done: string,
    act: (domain: string, user: string) => Promise<void>,
  ) =>
    defineCommand({
      name: `user ${name}`,
      summary,
      args: { jid: account },
      positional: ['jid'],
      async run(args: Infer<{ jid: typeof account }>) {
        const { domain, user } = await existing(door, args.jid);
        await act(domain, user);
        return { text: `${args.jid} ${done}.` };
      },
    });
  return [
    change(
      'disable',
      'Keeps an account from logging in',
      'cannot log in any more; its data is kept',
      (domain, user) => door.setEnabled(domain, user, false),
    ),
    change('enable', 'Lets a disabled account log in again', 'can log in again', (domain, user) =>
      door.setEnabled(domain, user, true),
    ),
    change('delete', 'Removes an account and all its data', 'and all its data are removed', (domain, user) =>
      door.delete(domain, user),
    ),
  ];
}

async function listUsers(door: UserDoor, only: string | undefined): Promise<CommandResult> {
  if (only !== undefined && !door.domains.includes(only)) throw noSuchHost(door, only);
  const rows: Record<string, unknown>[] = [];
  for (const domain of only === undefined ? door.domains : [only]) {
    const users = [...(await door.list(domain))].sort((a, b) => a.user.localeCompare(b.user));
    rows.push(...users.map(({ user, enabled }) => ({ jid: `${user}@${domain}`, enabled })));
  }
  return { rows, columns: ['jid', 'enabled'] };
}

function listSessions(door: UserDoor, only: string | undefined): CommandResult {
  const { sessions } = door;
  if (sessions === undefined) throw new CommandError('no server is running here, so nobody is connected');
  const all = door.domains.flatMap((domain) => sessions.call(door, domain));
  const wanted = all.filter(
    (row) => only === undefined || row.jid === only || row.jid.startsWith(`${only}/`),
  );
  const rows = wanted.map((row) => ({ ...row, since: new Date(row.since).toISOString() }));
  return { rows, columns: ['jid', 'address', 'secure', 'connected', 'since'] };
}

async function existing(door: UserDoor, address: string): Promise<{ domain: string; user: string }> {
  const place = locate(door, address);
  if (!(await find(door, place.domain, place.user))) throw new CommandError(`there is no account ${address}`);
  return place;
}

async function find(door: UserDoor, domain: string, user: string): Promise<boolean> {
  return (await door.list(domain)).some((row) => row.user === user);
}

function locate(door: UserDoor, address: string): { domain: string; user: string } {
  const at = address.indexOf('@');
  if (at === -1)
    throw new CommandError(`"${address}" names no account: write it as user@${address}`, 'usage');
  const domain = address.slice(at + 1);
  if (!door.domains.includes(domain)) throw noSuchHost(door, domain);
  return { domain, user: address.slice(0, at) };
}

function noSuchHost(door: UserDoor, domain: string): CommandError {
  return new CommandError(
    `"${domain}" is no host with users here; these are: ${door.domains.join(', ') || 'none'}`,
  );
}
