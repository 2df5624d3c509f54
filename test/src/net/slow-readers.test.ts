// Who reads and who does not, over real sockets: only there does the system take much at once without saying so later.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { xml } from '../../../src/xml/element.ts';
import { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { ScriptedComponent, SECRET } from '../../support/component.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { temporaryDirectory } from './certificate-fixture.ts';

const PLAYS = 'plays.capulet.lit';
const JULIET = 'juliet@capulet.lit/balcony';

async function dial(t: TestContext, { server }: TestServer): Promise<Socket> {
  const socket = connect({ port: server.addresses[0]!.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function dialTls(t: TestContext, net: TestServer): Promise<Socket> {
  const socket = connectTls({
    socket: await dial(t, net),
    servername: 'capulet.lit',
    rejectUnauthorized: false,
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** Sends to the client until the server has stopped reading from it, since it does not read either. */
async function fill(net: TestServer, client: ScriptedClient): Promise<void> {
  const session = net.server.router.hosts.get('capulet.lit')!.sessions.get(JULIET)!;
  const large = xml('message', {}, xml('body', {}, 'x'.repeat(200_000)));
  for (let i = 0; i < 200; i++) {
    assert.ok(session.send(large), 'the client is stopped before its queue is full');
    const before = session.stanzasIn;
    client.send(`<presence to='capulet.lit'/>`);
    if (!(await happens(() => session.stanzasIn > before))) return;
  }
  assert.fail('the client was read all the time');
}

async function happens(condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 100 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  return condition();
}

test('a component that reads everything survives any burst', async (t) => {
  const clock = new FakeClock();
  const service = `[hosts."${PLAYS}"]\ncomponent = "external"\ncomponent_secret = "${SECRET}"`;
  const net = await startServer(t, {
    config: `component_ports = [0]\n[hosts."capulet.lit"]\n${service}`,
    clock,
  });
  const component = new ScriptedComponent(await dial(t, net));
  await component.header(PLAYS);
  component.prove(SECRET);
  await component.receives('<handshake/>');
  const juliet = await net.client(JULIET);
  const body = 'x'.repeat(300_000);
  juliet.send(`<message to='hall@${PLAYS}' id='1'><body>${body}</body></message>`);
  await component.receives(
    `<message from='${JULIET}' to='hall@${PLAYS}' id='1'><body>${body}</body></message>`,
  );
  await clock.advance(60_001);
  juliet.send(`<message to='hall@${PLAYS}' id='2'/>`);
  await component.skipUntil(`<message from='${JULIET}' to='hall@${PLAYS}' id='2'/>`);
});

test('a client that asks 600 times in one write and reads all answers is answered again', async (t) => {
  const clock = new FakeClock();
  const net = await startServer(t, { config: 'c2s_ports = [0]\n[hosts."capulet.lit"]', clock });
  await net.account(JULIET);
  const juliet = await new ScriptedClient(await dial(t, net)).login(JULIET);
  const question = `<iq type='get' id='q' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`;
  juliet.send(question.repeat(600));
  for (let i = 0; i < 600; i++) await juliet.skipUntil(({ attrs }) => attrs.id === 'q');
  await juliet.receivesNothing();
  await clock.advance(5 * 60 * 1000 + 1);
  await juliet.receivesNothing();
});

for (const transport of ['TCP', 'TLS'] as const) {
  test(`a client that does not read is disconnected after five minutes, over ${transport}`, async (t) => {
    const clock = new FakeClock();
    const certificates = await temporaryDirectory(t);
    await makeDevelopmentCertificates(certificates, ['capulet.lit']);
    const ports = transport === 'TCP' ? 'c2s_ports' : 'c2s_direct_tls_ports';
    const config = `certificates = "${certificates}"\n${ports} = [0]\n[hosts."capulet.lit"]`;
    const net = await startServer(t, { config, clock });
    await net.account(JULIET);
    const socket = await (transport === 'TCP' ? dial(t, net) : dialTls(t, net));
    const juliet = await new ScriptedClient(socket).login(JULIET);
    const { sessions } = net.server.router.hosts.get('capulet.lit')!;
    socket.pause();
    await fill(net, juliet);
    await clock.advance(5 * 60 * 1000 - 1);
    assert.equal(sessions.size, 1);
    await clock.advance(1);
    assert.equal(sessions.size, 0);
  });

  test(`a client that reads again in time stays connected, over ${transport}`, async (t) => {
    const clock = new FakeClock();
    const certificates = await temporaryDirectory(t);
    await makeDevelopmentCertificates(certificates, ['capulet.lit']);
    const ports = transport === 'TCP' ? 'c2s_ports' : 'c2s_direct_tls_ports';
    const config = `certificates = "${certificates}"\n${ports} = [0]\n[hosts."capulet.lit"]`;
    const net = await startServer(t, { config, clock });
    await net.account(JULIET);
    const socket = await (transport === 'TCP' ? dial(t, net) : dialTls(t, net));
    const juliet = await new ScriptedClient(socket).login(JULIET);
    socket.pause();
    await fill(net, juliet);
    socket.resume();
    juliet.send(`<iq type='get' id='last' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await juliet.skipUntil(({ attrs }) => attrs.id === 'last');
    await clock.advance(5 * 60 * 1000 + 1);
    await juliet.receivesNothing();
  });
}
