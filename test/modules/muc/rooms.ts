// Common parts of the tests of rooms.

import type { TestContext } from 'node:test';
import { OPTIONS } from '../../../modules/muc/model/options.ts';
import type { Room } from '../../../modules/muc/model/room.ts';
import { initialConfig } from '../../../modules/muc/model/settings.ts';
import { parseOptions } from '../../../src/config/options.ts';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { startServer, type TestServer, type TestServerOptions } from '../../support/server.ts';

export const MUC = 'http://jabber.org/protocol/muc';
export const USER = `${MUC}#user`;
export const ADMIN = `${MUC}#admin`;
export const OWNER = `${MUC}#owner`;
export const HALL = 'hall@rooms.localhost';

/** A new room without a service. */
export function emptyRoom(options: Record<string, unknown> = {}): Room {
  return {
    name: 'hall',
    jid: HALL,
    config: initialConfig(parseOptions(OPTIONS, options)),
    creator: undefined,
    affiliations: new Map(),
    reserved: new Map(),
    affiliationBytes: 0,
    occupants: new Map(),
    seats: new Map(),
    presenceBytes: 0,
    history: [],
    historyBytes: 0,
    subject: undefined,
    secret: 'secret',
    lockedSince: undefined,
    configuring: false,
    invitations: new Map(),
    turn: 0,
  };
}

/**
 * Two hosts: users on `localhost`, rooms on `rooms.localhost`; `options` are the room service's, `top` the server's,
 * as TOML.
 */
export function roomServer(
  t: TestContext,
  options = '',
  {
    top = '',
    modules = ['message', 'presence'],
    ...more
  }: Partial<TestServerOptions> & { top?: string; modules?: string[] } = {},
): Promise<TestServer> {
  const config = `
${top}
[hosts."localhost"]
modules_enabled = ${JSON.stringify(modules)}
[hosts."rooms.localhost"]
component = "muc"
${options}`;
  return startServer(t, { config, ...more });
}

interface Pair {
  readonly server: TestServer;
  readonly romeo: ScriptedClient;
}

/** Two occupants of HALL, Romeo its owner; he has read everything that the room sent. */
export async function romeoAndJuliet(t: TestContext): Promise<Pair & { readonly juliet: ScriptedClient }> {
  const { server, romeo, other: juliet } = await pair(t, 'juliet@localhost/balcony', 'Juliet');
  return { server, romeo, juliet };
}

/** One occupant of HALL, its owner, with two clients; the first has read everything that the room sent. */
export async function romeoTwice(t: TestContext): Promise<Pair & { readonly phone: ScriptedClient }> {
  const { server, romeo, other: phone } = await pair(t, 'romeo@localhost/phone', 'Romeo');
  return { server, romeo, phone };
}

async function pair(
  t: TestContext,
  jid: string,
  nick: string,
): Promise<Pair & { readonly other: ScriptedClient }> {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const other = await server.client(jid);
  await roomWith(romeo, 'Romeo');
  await joined(other, nick);
  await settled(romeo);
  return { server, romeo, other };
}

/** Sends a join. */
export function enters(client: ScriptedClient, nick: string, inside = '', room = HALL): void {
  client.send(`<presence to='${room}/${nick}' id='join'><x xmlns='${MUC}'>${inside}</x></presence>`);
}

/** Enters, and reads all stanzas of the room up to the subject. */
export async function joined(
  client: ScriptedClient,
  nick: string,
  inside = '',
  room = HALL,
): Promise<Element[]> {
  enters(client, nick, inside, room);
  const seen: Element[] = [];
  await client.skipUntil((element) => {
    seen.push(element);
    return element.name === 'message' && element.getChild('subject') !== undefined;
  });
  return seen;
}

/** The owner makes an instant room, or with `fields` a configured one. */
export async function roomWith(
  owner: ScriptedClient,
  nick: string,
  fields: Record<string, string | string[]> = {},
): Promise<void> {
  await joined(owner, nick);
  await configured(owner, fields);
}

/** Submits a configuration, and reads its result and the notices of the change. */
export async function configured(
  owner: ScriptedClient,
  fields: Record<string, string | string[]> = {},
): Promise<void> {
  owner.send(`<iq type='set' id='config' to='${HALL}'><query xmlns='${OWNER}'>${form(fields)}</query></iq>`);
  await owner.skipUntil(`<iq type='result' id='config' from='${HALL}' to='${owner.jid}'/>`);
  await settled(owner);
}

/** Reads all pending stanzas to a client. */
export async function settled(client: ScriptedClient): Promise<void> {
  client.send(`<iq type='get' id='settled' to='${HALL}'><query xmlns='urn:enjamb:test:nothing'/></iq>`);
  await client.skipUntil((element) => element.attrs.id === 'settled');
}

export function form(fields: Record<string, string | string[]>): string {
  const all = Object.keys(fields).length === 0 ? {} : { FORM_TYPE: `${MUC}#roomconfig`, ...fields };
  const inside = Object.entries(all).map(
    ([name, values]) =>
      `<field var='${name}'>${[values]
        .flat()
        .map((value) => `<value>${value}</value>`)
        .join('')}</field>`,
  );
  return `<x xmlns='jabber:x:data' type='submit'>${inside.join('')}</x>`;
}

/** The content of the muc#user `x` of a presence. */
export function userOf(presence: Element): {
  affiliation: string | undefined;
  role: string | undefined;
  jid: string | undefined;
  nick: string | undefined;
  codes: (string | undefined)[];
} {
  const x = presence.getChild('x', USER);
  const { affiliation, role, jid, nick } = x?.getChild('item')?.attrs ?? {};
  return {
    affiliation,
    role,
    jid,
    nick,
    codes: x?.getChildren('status').map(({ attrs }) => attrs.code) ?? [],
  };
}
