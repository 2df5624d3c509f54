// A server with stream management, and clients that lose their connections and come back.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { StreamManagement } from '../../../modules/smacks/c2s/state.ts';
import { sentCount } from '../../../modules/smacks/outbound.ts';
import type { C2SSession } from '../../../src/api/session.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { startServer, type TestServer } from '../../support/server.ts';

export const JULIET = 'juliet@capulet.lit';
export const BALCONY = `${JULIET}/balcony`;
export const CHAMBER = `${JULIET}/chamber`;
export const ROMEO = 'romeo@capulet.lit/orchard';
export const NURSE = 'nurse@capulet.lit/garden';
export const SM = `xmlns='urn:xmpp:sm:3'`;
export const MODULES = ['roster', 'presence', 'message', 'offline', 'track_muc_joins', 'smacks'];

export class Scene {
  readonly test: TestServer;
  readonly clock: FakeClock;

  constructor(test: TestServer, clock: FakeClock) {
    this.test = test;
    this.clock = clock;
  }

  /** A bound client that has enabled stream management and may come back; with what it comes back by. */
  async managed(jid: string, attributes = `resume='true'`): Promise<{ client: ScriptedClient; id: string }> {
    const client = await this.test.client(jid);
    client.send(`<enable ${SM} ${attributes}/>`);
    const enabled = await client.next();
    assert.equal(enabled.name, 'enabled', `${enabled}`);
    return { client, id: enabled.attrs.id ?? '' };
  }

  /** The same, available. One stanza each way has been counted, and confirmed by the client. */
  async available(jid: string, content = ''): Promise<{ client: ScriptedClient; id: string }> {
    const { client, id } = await this.managed(jid);
    await becomeAvailable(client, content);
    client.send(`<a ${SM} h='${this.sent(jid)}'/>`);
    await this.turns();
    assert.equal(this.management(jid).outbound.queue.length, 0);
    return { client, id };
  }

  /** A client that has authenticated and not bound. */
  async authenticated(account: string): Promise<ScriptedClient> {
    const client = this.test.connect();
    const [user = '', domain = ''] = account.split('/')[0]!.split('@');
    await client.open(domain);
    const token = Buffer.from(`\0${user}\0secret`).toString('base64');
    client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    assert.equal((await client.next()).name, 'success');
    await client.open(domain);
    client.jid = account;
    return client;
  }

  /** A new connection that asks for a session; what comes then is left to be read. */
  async returning(jid: string, id: string, h: number): Promise<ScriptedClient> {
    const client = await this.authenticated(jid);
    client.send(`<resume ${SM} previd='${id}' h='${h}'/>`);
    return client;
  }

  /** The client's connection breaks, and the server has noticed. */
  async loses(client: ScriptedClient): Promise<C2SSession> {
    const session = this.session(client.jid);
    assert.ok(session, `${client.jid} has a session`);
    client.drop();
    while (session.connected) await new Promise((resolve) => setImmediate(resolve));
    return session;
  }

  session(jid: string): C2SSession | undefined {
    return this.test.server.router.hosts.get('capulet.lit')!.sessions.get(jid);
  }

  management(jid: string): StreamManagement {
    const management = this.session(jid)?.state.smacks;
    assert.ok(management, `${jid} has stream management`);
    return management;
  }

  /** How many stanzas a client has been sent. */
  sent(jid: string): number {
    return sentCount(this.management(jid).outbound);
  }

  /** What has been written is read, and what that causes too. */
  turns(): Promise<void> {
    return this.clock.advance(0);
  }

  /** Everything that stanzas left to do is done. */
  async idle(): Promise<void> {
    await this.turns();
    await this.test.server.router.work.idle();
    await this.turns();
  }
}

export async function scene(
  t: TestContext,
  options = '',
  modules = MODULES,
  clock = new FakeClock(),
): Promise<Scene> {
  const test = await startServer(t, {
    clock,
    config: `
modules_enabled = ${JSON.stringify(modules)}
${options}
[hosts."capulet.lit"]
[hosts."rooms.capulet.lit"]
component = "muc"`,
  });
  for (const account of [JULIET, ROMEO, NURSE]) await test.account(account);
  return new Scene(test, clock);
}

/** A chat message as it arrives. */
export function chat(from: string, to: string, text: string, more = ''): string {
  return `<message type='chat' from='${from}' to='${to}'><body>${text}</body>${more}</message>`;
}

/** Sends chat messages, one for each text. */
export function says(client: ScriptedClient, to: string, ...texts: string[]): void {
  for (const text of texts) client.send(`<message type='chat' to='${to}'><body>${text}</body></message>`);
}
