// Contacts for tests that are about something else than making them.

import type { Table } from 'enjamb/api';
import type { Roster } from '../../modules/roster/roster.ts';
import type { SubscriptionState } from '../../modules/roster/subscription.ts';
import type { ScriptedClient } from './client.ts';
import type { TestServer } from './server.ts';

/** The modules of a server that speaks RFC 6121, as a line of its configuration. */
export const IM_MODULES = 'modules_enabled = ["roster", "presence", "message"]';

/** The rosters of a host, with that of the user in memory until the end of this turn. */
export async function rosters(
  { server }: Pick<TestServer, 'server'>,
  user: string,
  domain: string,
): Promise<Table<Roster>> {
  const { stores } = server.router.hosts.get(domain)!;
  const table = await stores.table<Roster>('roster');
  await stores.ready(user);
  return table;
}

/** Gives an account its roster, whatever it was: the contacts' bare JIDs with the state of each. */
export async function setRoster(
  { server }: TestServer,
  account: string,
  contacts: Readonly<Record<string, SubscriptionState>>,
): Promise<void> {
  const [user = '', domain = ''] = account.split('@');
  const table = await rosters({ server }, user, domain);
  const items = Object.fromEntries(
    Object.entries(contacts).map(([jid, state]) => [
      jid,
      { jid, state, listed: true, groups: [], approved: false, version: 1 },
    ]),
  );
  await table.set(user, { version: 1, since: 1, items, removed: [] });
}

/** Makes two accounts see each other's presence. */
export async function befriend(server: TestServer, one: string, other: string): Promise<void> {
  await server.account(one);
  await server.account(other);
  await setRoster(server, one, { [other]: 'both' });
  await setRoster(server, other, { [one]: 'both' });
}

/** Asks for the roster and takes the answer: the client hears of changes from now on. */
export async function requestRoster(client: ScriptedClient): Promise<void> {
  client.send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
  await client.skipUntil((element) => element.attrs.id === 'roster');
}

/** Becomes available and takes the echo, and whatever comes before it. */
export async function becomeAvailable(client: ScriptedClient, content = ''): Promise<void> {
  const id = `available-${++count}`;
  client.send(`<presence id='${id}'>${content}</presence>`);
  await client.skipUntil((element) => element.attrs.id === id);
}

/** Everything this client has sent so far is done, and nothing has come back. */
export async function settled(...clients: ScriptedClient[]): Promise<void> {
  for (const client of clients) await client.receivesNothing();
}

/** Replaces a running module by its newest text, as an administrator does. */
export async function reloadModule({ server }: TestServer, name: string): Promise<void> {
  await server.commands.run('module reload', { name }, { by: 'test' });
}

let count = 0;
