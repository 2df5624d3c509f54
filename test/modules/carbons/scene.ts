// A server with carbons, and clients that want copies.

import type { TestContext } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { MODULES, type Scene, scene as smacksScene } from '../smacks/scene.ts';

export { BALCONY, CHAMBER, chat, JULIET, NURSE, ROMEO, type Scene, SM } from '../smacks/scene.ts';

export const HALL = 'juliet@capulet.lit/hall';
export const TOMB = 'juliet@capulet.lit/tomb';
export const CARBONS = `xmlns='urn:xmpp:carbons:2'`;

export function scene(t: TestContext, options = '', modules: readonly string[] = []): Promise<Scene> {
  return smacksScene(t, options, [...MODULES, 'disco', 'blocklist', 'carbons', ...modules]);
}

export interface ClientOptions {
  /** Default: it enables carbons. */
  readonly carbons?: boolean;
  /** Default 0; `'silent'`: the client is not available. */
  readonly priority?: number | 'silent';
}

/** A client without stream management. */
export async function login(there: Scene, jid: string, options: ClientOptions = {}): Promise<ScriptedClient> {
  const { carbons = true, priority = 0 } = options;
  const client = await there.test.client(jid);
  if (carbons) await asks(client, 'enable');
  if (priority !== 'silent') await becomeAvailable(client, `<priority>${priority}</priority>`);
  return client;
}

/** Several clients; each has read the presence of the others. */
export async function loginAll(
  there: Scene,
  all: Readonly<Record<string, ClientOptions>>,
): Promise<ScriptedClient[]> {
  const clients: ScriptedClient[] = [];
  for (const [jid, options] of Object.entries(all)) clients.push(await login(there, jid, options));
  for (const client of clients) await drain(client);
  return clients;
}

/** §4, §5. */
export async function asks(client: ScriptedClient, what: 'enable' | 'disable'): Promise<void> {
  client.send(`<iq type='set' id='${what}'><${what} ${CARBONS}/></iq>`);
  await client.skipUntil((element) => element.attrs.id === what && element.attrs.type === 'result');
}

/** Reads all that the client was sent. */
export async function drain(client: ScriptedClient): Promise<void> {
  client.send(`<iq type='get' id='drain' to='capulet.lit'><query xmlns='urn:example:drain'/></iq>`);
  await client.skipUntil((element) => element.attrs.id === 'drain');
}

/** A copy as it arrives. `inner`: the message without the declaration of its namespace. */
export function copy(direction: 'received' | 'sent', to: string, inner: string): string {
  const type = /^<message[^>]* (type='[\w-]+')/.exec(inner)?.[1] ?? '';
  const account = to.split('/')[0];
  const message = inner.replace('<message', `<message xmlns='jabber:client'`);
  return `<message ${type} from='${account}' to='${to}'><${direction} ${CARBONS}><forwarded xmlns='urn:xmpp:forward:0'>${message}</forwarded></${direction}></message>`;
}
