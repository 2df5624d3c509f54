// Juliet, who blocks, and Romeo and the Nurse, whom she may block: users of two hosts of one server.

import type { TestContext } from 'node:test';
import type { Stanza } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { becomeAvailable, befriend } from '../../support/contacts.ts';
import { parseXml } from '../../support/match.ts';
import { startServer, type TestServer } from '../../support/server.ts';

export const JULIET = 'juliet@capulet.lit';
export const BALCONY = `${JULIET}/balcony`;
export const CHAMBER = `${JULIET}/chamber`;
export const ROMEO = 'romeo@montague.lit';
export const ORCHARD = `${ROMEO}/orchard`;
export const NURSE = 'nurse@capulet.lit';
/** A user of another server. */
export const TYBALT = 'tybalt@verona.lit';
export const ROOM = 'hall@rooms.montague.lit';
export const MODULES = [
  'roster',
  'presence',
  'message',
  'offline',
  'disco',
  'ping',
  'version',
  'track_muc_joins',
  'smacks',
  'blocklist',
];

const NS = `xmlns='urn:xmpp:blocking'`;
const STANZAS = `xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'`;

export interface Scene {
  readonly server: TestServer;
  readonly juliet: ScriptedClient;
  readonly romeo: ScriptedClient;
}

export function configWith(options = '', modules: readonly string[] = MODULES): string {
  return `
modules_enabled = ${JSON.stringify(modules)}
${options}
[hosts."capulet.lit"]
[hosts."montague.lit"]
[hosts."rooms.montague.lit"]
component = "muc"`;
}

/** Juliet and Romeo are bound, and not available. */
export async function scene(t: TestContext, options = '', modules = MODULES): Promise<Scene> {
  const server = await startServer(t, { config: configWith(options, modules) });
  await server.account(NURSE);
  return { server, juliet: await server.client(BALCONY), romeo: await server.client(ORCHARD) };
}

/** Juliet and Romeo see each other's presence. */
export async function friends(t: TestContext, options = ''): Promise<Scene> {
  const made = await scene(t, options);
  const { server, juliet, romeo } = made;
  await befriend(server, JULIET, ROMEO);
  await becomeAvailable(juliet);
  await becomeAvailable(romeo);
  await takeAll(juliet);
  await takeAll(romeo);
  return made;
}

/** Takes away what has come. */
export async function takeAll(client: ScriptedClient): Promise<Stanza[]> {
  const domain = client.jid.split('@')[1]?.split('/')[0];
  const taken: Stanza[] = [];
  client.send(`<iq type='get' id='all' to='${domain}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await client.skipUntil((element) => {
    if (element.attrs.id !== 'all') taken.push(element);
    return element.attrs.id === 'all';
  });
  return taken;
}

/** A client enters the room. The one who makes it opens it for others. */
export async function enters(client: ScriptedClient, nick: string): Promise<void> {
  client.send(`<presence to='${ROOM}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  const self = await client.skipUntil((element) => hasCode(element, '110'));
  if (hasCode(self, '201')) {
    client.send(`<iq type='set' id='open' to='${ROOM}'><query xmlns='http://jabber.org/protocol/muc#owner'>
      <x xmlns='jabber:x:data' type='submit'/></query></iq>`);
  }
  await takeAll(client);
}

export function hasCode(element: Stanza, code: string): boolean {
  const x = element.getChild('x', 'http://jabber.org/protocol/muc#user');
  return x?.getChildren('status').some(({ attrs }) => attrs.code === code) === true;
}

/** Everything that leaves for other servers from now on. */
export function departures({ server }: TestServer): Stanza[] {
  const sent: Stanza[] = [];
  server.router.remote = {
    send: (_local, _remote, stanza) => void sent.push(stanza),
    connect: () => Promise.reject(new Error('not in this test')),
    link: () => ({
      state: 'up',
      lastReceivedAt: 0,
      want: () => () => {},
    }),
    forget: () => {},
  };
  return sent;
}

/** A stanza that another server has sent. */
export function arrives({ server }: TestServer, xml: string): void {
  server.router.route(parseXml(xml), { kind: 'host', domain: 'verona.lit' });
}

export function items(...jids: string[]): string {
  return jids.map((jid) => `<item jid='${jid}'/>`).join('');
}

export async function block(client: ScriptedClient, ...jids: string[]): Promise<void> {
  client.send(`<iq type='set' id='block'><block ${NS}>${items(...jids)}</block></iq>`);
  await client.receives(result(client, 'block'));
}

/** Without addresses: all. */
export async function unblock(client: ScriptedClient, ...jids: string[]): Promise<void> {
  client.send(`<iq type='set' id='unblock'><unblock ${NS}>${items(...jids)}</unblock></iq>`);
  await client.receives(result(client, 'unblock'));
}

/** Reads the list, which must have these addresses. */
export async function lists(client: ScriptedClient, ...jids: string[]): Promise<void> {
  client.send(`<iq type='get' id='list'><blocklist ${NS}/></iq>`);
  await client.receives(result(client, 'list', `<blocklist ${NS}>${items(...jids)}</blocklist>`));
}

export function result({ jid }: ScriptedClient, id: string, content = ''): string {
  return `<iq type='result' id='${id}' from='${jid.split('/')[0]}' to='${jid}'>${content}</iq>`;
}

export function push({ jid }: ScriptedClient, name: 'block' | 'unblock', ...jids: string[]): string {
  return `<iq type='set' id='{any}' to='${jid}'><${name} ${NS}>${items(...jids)}</${name}></iq>`;
}

/** The error for a stanza from a blocked address. */
export function unavailable(kind: 'message' | 'iq', id: string, from: string, to: string): string {
  return `<${kind} type='error' id='${id}' from='${from}' to='${to}'>
    <error type='cancel'><service-unavailable ${STANZAS}/></error></${kind}>`;
}

/** The error for a stanza to a blocked address. */
export function blocked(kind: string, id: string, from: string, to: string): string {
  return `<${kind} type='error' id='${id}' from='${from}' to='${to}'><error type='cancel'>
    <not-acceptable ${STANZAS}/><text ${STANZAS} xml:lang='en'>You have blocked this JID</text>
    <blocked xmlns='urn:xmpp:blocking:errors'/></error></${kind}>`;
}

/** The error for a request about the list. */
export function refused({ jid }: ScriptedClient, condition: string, type: string, text?: string): string {
  const words = text === undefined ? '' : `<text ${STANZAS} xml:lang='en'>${text}</text>`;
  return `<iq type='error' id='{any}' from='${jid.split('/')[0]}' to='${jid}'>
    <error type='${type}'><${condition} ${STANZAS}/>${words}</error></iq>`;
}
