// Romeo and Juliet, each on a host of one server, and what their archives hold.

import type { TestContext } from 'node:test';
import { ARCHIVE_FLAGS, type ArchiveRow } from '../../../src/storage/archive.ts';
import { parseElement } from '../../../src/xml/copy.ts';
import type { Element } from '../../../src/xml/element.ts';
import { Jid } from '../../../src/xml/jid.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { startServer, type TestServer, type TestServerOptions } from '../../support/server.ts';
import { archiveOf } from '../../support/waiting.ts';

export const ROMEO = 'romeo@montague.lit';
export const ORCHARD = `${ROMEO}/orchard`;
export const JULIET = 'juliet@capulet.lit';
export const BALCONY = `${JULIET}/balcony`;

export const SID = 'urn:xmpp:sid:0';
export const HINTS = 'urn:xmpp:hints';
export const BODY = '<body>Hi</body>';

export interface Stage {
  readonly server: TestServer;
  readonly romeo: ScriptedClient;
  readonly juliet: ScriptedClient;
}

export interface StageOptions extends Omit<TestServerOptions, 'config'> {
  readonly options?: string;
  /** Added to the default ones. */
  readonly modules?: readonly string[];
  /** More hosts. */
  readonly hosts?: string;
}

const MODULES = ['roster', 'presence', 'message', 'offline', 'disco', 'mam', 'smacks', 'saslauth'];

/** Both are connected; nobody has sent presence. */
export async function stage(
  t: TestContext,
  { options = '', modules = [], hosts = '', ...rest }: StageOptions = {},
): Promise<Stage> {
  const server = await startServer(t, {
    ...rest,
    config: `
modules_enabled = ${JSON.stringify([...MODULES, ...modules])}
${options}
[hosts."capulet.lit"]
[hosts."montague.lit"]
${hosts}`,
  });
  return { server, romeo: await server.client(ORCHARD), juliet: await server.client(BALCONY) };
}

/** Everything that these clients have sent is done and on disk. What they have received is taken away. */
export async function done({ server }: Pick<Stage, 'server'>, ...clients: ScriptedClient[]): Promise<void> {
  for (const client of clients) await answered(client);
  await server.server.router.work.idle();
  for (const client of clients) await answered(client); // Errors may have come late.
}

async function answered(client: ScriptedClient): Promise<void> {
  const id = `done-${++count}`;
  const domain = client.jid.split('@')[1]!.split('/')[0];
  client.send(`<iq type='get' id='${id}' to='${domain}'><query xmlns='urn:enjamb:test:done'/></iq>`);
  await client.skipUntil(({ attrs }) => attrs.id === id);
}

/** The visible rows of an account, from the oldest. */
export async function rowsOf(
  { server }: Pick<Stage, 'server'>,
  account: string,
): Promise<readonly ArchiveRow[]> {
  const [user = '', host = ''] = account.split('@');
  return (await archiveOf(server.server, host).page(user, { limit: 1000 })).rows;
}

/** The rows in short: `sent montague.lit body`, with the direction, the peer and the children of the message. */
export async function shortRows(there: Pick<Stage, 'server'>, account: string): Promise<string[]> {
  return (await rowsOf(there, account)).map(({ flags, with: peer, xml }) => {
    const names = parseElement(xml)
      .elements()
      .map(({ name }) => name);
    return [flags & ARCHIVE_FLAGS.sent ? 'sent' : 'received', peer, ...names].join(' ');
  });
}

/** A stanza arrives from another server. */
export async function arrives({ server: { server } }: Pick<Stage, 'server'>, text: string): Promise<void> {
  const stanza = parseElement(text.trim());
  server.router.route(stanza, { kind: 'host', domain: Jid.parse(stanza.attrs.from ?? '').domain });
  await server.router.work.idle();
}

/** The ids in a message that `by` has given. */
export function idsBy(message: Element, by: string): (string | undefined)[] {
  return message
    .getChildren('stanza-id', SID)
    .filter(({ attrs }) => attrs.by === by)
    .map(({ attrs }) => attrs.id);
}

let count = 0;
