// What becomes of those who are online, asleep or on their way in when their account is changed.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { ScramClient } from '../sasl/scram-client.ts';

const ROMEO = 'romeo@montague.lit';
const CONFIG = `admins = ["${ROMEO}"]\n[hosts."montague.lit"]`;
const START = (t: TestContext) => startServer(t, { config: CONFIG });
const SM = 'urn:xmpp:sm:3';

async function run({ server }: TestServer, command: string, args: object = {}): Promise<string> {
  return (await server.commands.run(command, { jid: ROMEO, ...args }, { by: 'test' })).text ?? '';
}

/** A client that has authenticated and has not bound a resource. */
async function unbound(net: TestServer, user = 'romeo'): Promise<ScriptedClient> {
  await net.account(`${user}@montague.lit`);
  const client = net.connect();
  await client.open('montague.lit');
  authenticate(client, 'secret', user);
  await client.receives(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
  await client.open('montague.lit');
  return client;
}

function authenticate(client: ScriptedClient, password: string, user = 'romeo'): void {
  const token = Buffer.from(`\0${user}\0${password}`).toString('base64');
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
}

/** A client with a session that can be resumed; gives the id of it. */
async function resumable(net: TestServer, jid: string): Promise<[ScriptedClient, string]> {
  const client = await net.client(jid);
  client.send(`<enable xmlns='${SM}' resume='true'/>`);
  const enabled = await client.next();
  return [client, enabled.attrs.id ?? ''];
}

async function isEnded(client: ScriptedClient, condition: string): Promise<void> {
  const error = await client.next();
  assert.ok(error.is('error', 'http://etherx.jabber.org/streams'), `a stream error: ${error}`);
  assert.equal(error.elements()[0]?.name, condition);
  await client.closed();
}

const bind = `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>late</resource></bind></iq>`;

test('RFC 6120 §4.9.3.16: a new password resets all sessions of the account, sleeping and negotiating ones too', async (t) => {
  const net = await START(t);
  const { sessions } = net.server.router.hosts.get('montague.lit')!;
  const phone = await net.client(`${ROMEO}/phone`);
  const [desktop, id] = await resumable(net, `${ROMEO}/desktop`);
  desktop.drop();
  const early = await unbound(net);
  const juliet = await net.client('juliet@montague.lit/balcony');
  const other = await unbound(net, 'juliet');
  assert.equal(sessions.size, 3);
  assert.match(await run(net, 'user passwd', { password: 'new' }), /has a new password; 3 sessions ended$/);
  await isEnded(phone, 'reset');
  await isEnded(early, 'reset');
  assert.equal(sessions.size, 1);
  const back = net.connect();
  await back.open('montague.lit');
  authenticate(back, 'secret');
  await back.receives(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>`);
  authenticate(back, 'new');
  await back.receives(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
  await back.open('montague.lit');
  back.send(`<resume xmlns='${SM}' previd='${id}' h='0'/>`);
  const failed = await back.next();
  assert.ok(failed.is('failed', SM), `the sleeping session is over: ${failed}`);
  other.send(bind);
  await other.next();
  await juliet.receivesNothing();
});

test('a password that is changed between the challenge and the proof does not let a client in with the old one', async (t) => {
  const net = await START(t);
  await net.account(ROMEO);
  const host = net.server.router.hosts.get('montague.lit')!;
  const scram = new ScramClient({ hash: 'sha256', username: 'romeo', password: 'secret' });
  const client = net.connect();
  await client.open('montague.lit');
  const say = (name: string, data: Buffer) =>
    client.send(
      `<${name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>${data.toString('base64')}</${name}>`,
    );
  say('auth', scram.first());
  const challenge = Buffer.from((await client.next()).text(), 'base64');
  assert.equal(await host.setPassword('romeo', 'new'), 0);
  say('response', scram.final(challenge));
  await client.skipUntil(({ name }) => name === 'success');
  await isEnded(client, 'reset');
  assert.equal(host.sessions.size, 0);
});

test('refuses the login of an account that is disabled meanwhile', async (t) => {
  const net = await START(t);
  await net.account(ROMEO);
  const host = net.server.router.hosts.get('montague.lit')!;
  // The account is proved and enabled; the profile still waits for something.
  let proved = () => {};
  const isProved = new Promise<void>((resolve) => {
    proved = resolve;
  });
  let conclude = () => {};
  host.items.add('sasl-profile', {
    xmlns: 'urn:example:slow',
    elements: ['login'],
    feature: () => undefined,
    read: (element) => ({ do: 'start', mechanism: 'PLAIN', data: Buffer.from(element.text(), 'base64') }),
    challenge: () => xml('challenge', 'urn:example:slow'),
    failure: ({ condition }) => xml('failed', { xmlns: 'urn:example:slow', condition }),
    async proved(login) {
      await new Promise<void>((resolve) => {
        conclude = resolve;
        proved();
      });
      login.proceed(xml('welcome', 'urn:example:slow'));
    },
  });
  const client = net.connect();
  await client.open('montague.lit');
  client.send(`<login xmlns='urn:example:slow'>${Buffer.from('\0romeo\0secret').toString('base64')}</login>`);
  await isProved;
  await run(net, 'user disable');
  conclude();
  await client.skipUntil(({ name }) => name === 'welcome');
  await isEnded(client, 'not-authorized');
  assert.equal(host.sessions.size, 0);
});

test('XEP-0050: a client that sets its own password by a command keeps its session', async (t) => {
  const net = await START(t);
  const desktop = await net.client(`${ROMEO}/desktop`);
  const phone = await net.client(`${ROMEO}/phone`);
  desktop.send(`<iq type='set' id='1' to='montague.lit'>
    <command xmlns='http://jabber.org/protocol/commands' node='enjamb:user-passwd' action='execute'/>
  </iq>`);
  const form = await desktop.next();
  const command = form.getChild('command', 'http://jabber.org/protocol/commands');
  assert.ok(command, `${form}`);
  desktop.send(`<iq type='set' id='2' to='montague.lit'>
    <command xmlns='http://jabber.org/protocol/commands' node='${command.attrs.node}' sessionid='${command.attrs.sessionid}'>
      <x xmlns='jabber:x:data' type='submit'>
        <field var='jid'><value>${ROMEO}</value></field>
        <field var='password'><value>new</value></field>
      </x>
    </command>
  </iq>`);
  const result = await desktop.skipUntil(({ attrs }) => attrs.id === '2');
  assert.match(`${result}`, /has a new password; 1 session ended/);
  await isEnded(phone, 'reset');
  await desktop.receivesNothing();
});

for (const command of ['disable', 'delete']) {
  test(`user ${command}: ends sessions, sleeping ones and streams that are logging in`, async (t) => {
    const net = await START(t);
    const host = net.server.router.hosts.get('montague.lit')!;
    const phone = await net.client(`${ROMEO}/phone`);
    const [desktop] = await resumable(net, `${ROMEO}/desktop`);
    desktop.drop();
    const early = await unbound(net);
    assert.match(await run(net, `user ${command}`), /; 3 sessions ended$/);
    await isEnded(phone, 'not-authorized');
    await isEnded(early, 'not-authorized');
    assert.equal(host.sessions.size, 0);
  });
}
