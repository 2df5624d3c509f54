import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { handshakeOf, provesSecret } from '../../../src/component/secret.ts';
import { FakeClock } from '../../support/clock.ts';
import { ScriptedComponent, SECRET } from '../../support/component.ts';
import { settled } from '../../support/duplex.ts';
import { startServer, type TestServer, testConfig } from '../../support/server.ts';

const CONFIG = `
[hosts."capulet.lit"]
[hosts."plays.capulet.lit"]
component = "external"
component_secret = "${SECRET}"
[hosts."irc.capulet.lit"]
component = "external"
component_secret = "another"
`;
const PLAYS = 'plays.capulet.lit';

function streamError(condition: string): string {
  return `<error xmlns='http://etherx.jabber.org/streams'>
    <${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>
  </error>`;
}

async function clocked(t: TestContext, config = CONFIG): Promise<{ clock: FakeClock; net: TestServer }> {
  const clock = new FakeClock();
  return { clock, net: await startServer(t, { config, clock }) };
}

/** Takes the stream error, and the end of the stream. */
async function refused(component: ScriptedComponent, condition: string): Promise<void> {
  const error = await component.next();
  assert.ok(error.is('error', 'http://etherx.jabber.org/streams'), `a stream error: ${error}`);
  assert.equal(error.elements()[0]?.name, condition);
  await component.closed();
}

function isConnected({ server }: TestServer, domain = PLAYS): boolean {
  return server.components.services.some((service) => service.domain === domain && service.session);
}

test('XEP-0114 §3: the handshake is the lower-case hex SHA-1 of stream id and secret', () => {
  // printf 3BF96D32secret | sha1sum
  assert.equal(handshakeOf('3BF96D32', 'secret'), 'b09ea9b3b7f586be8a08d0a3dd7466f110aeb136');
});

test('XEP-0114 §3: a proof counts only if it is the whole of it, in lower case', () => {
  const proof = handshakeOf('id', SECRET);
  assert.equal(provesSecret(proof, 'id', SECRET), true);
  for (const wrong of [
    '',
    proof.slice(1),
    `${proof}0`,
    proof.toUpperCase(),
    handshakeOf('id2', SECRET),
    'ü'.repeat(40),
  ])
    assert.equal(provesSecret(wrong, 'id', SECRET), false, wrong);
});

test('XEP-0114 §3: accepts a component that names its domain and proves the secret', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = ScriptedComponent.connect(net);
  const header = await component.header(PLAYS);
  assert.equal(header.attrs.from, PLAYS);
  assert.ok((header.attrs.id ?? '').length >= 16, 'an id that nobody can guess');
  assert.equal(header.attrs.version, undefined);
  component.prove(SECRET);
  await component.receives('<handshake/>');
  assert.equal(isConnected(net), true);
});

test('XEP-0114 §3: a name that no component is configured for gets a header, host-unknown and the end', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  for (const name of ['capulet.lit', 'nowhere.lit', 'romeo@plays.capulet.lit', '']) {
    const component = ScriptedComponent.connect(net);
    await component.header(name);
    await refused(component, 'host-unknown');
  }
});

test('XEP-0114 §3: another content namespace is answered with invalid-namespace', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  for (const namespace of ['jabber:client', 'jabber:server', 'jabber:component:connect']) {
    const component = ScriptedComponent.connect(net);
    await component.header(PLAYS, namespace);
    await refused(component, 'invalid-namespace');
  }
});

test('XEP-0114 §3: refuses other elements before the handshake', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  for (const text of [
    `<message from='a@${PLAYS}' to='b@capulet.lit'><body>?</body></message>`,
    `<iq type='get' id='1' from='${PLAYS}' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`,
    `<handshake xmlns='urn:x'/>`,
  ]) {
    const component = ScriptedComponent.connect(net);
    await component.header(PLAYS);
    component.send(text);
    await refused(component, 'not-authorized');
  }
});

test('XEP-0114 §3: a wrong secret is answered with not-authorized, after a while', async (t) => {
  const { clock, net } = await clocked(t);
  const component = ScriptedComponent.connect(net);
  await component.header(PLAYS);
  component.prove('guess');
  component.prove(SECRET); // What comes behind a wrong one is not looked at.
  await settled();
  assert.equal(isConnected(net), false);
  await clock.advance(500);
  await component.receives(streamError('not-authorized'));
  await component.closed();
  assert.equal(isConnected(net), false);
});

test('refuses the secret of another component', async (t) => {
  const { clock, net } = await clocked(t);
  const component = ScriptedComponent.connect(net);
  await component.header('irc.capulet.lit');
  component.prove(SECRET);
  await settled();
  await clock.advance(500);
  await component.receives(streamError('not-authorized'));
});

test('a component that fails too often has to wait, and is no burden on another one of the same machine', async (t) => {
  const { clock, net } = await clocked(t, `auth_failures_per_address = 3\n${CONFIG}`);
  for (let i = 0; i < 3; i++) {
    const component = ScriptedComponent.connect(net);
    await component.header(PLAYS);
    component.prove('guess');
    await settled();
    await clock.advance(500);
    await refused(component, 'not-authorized');
  }
  const component = ScriptedComponent.connect(net);
  await component.header(PLAYS);
  await refused(component, 'policy-violation');
  await ScriptedComponent.serving(net, 'irc.capulet.lit', 'another');
  await clock.advance(10 * 60_000);
  await ScriptedComponent.serving(net, PLAYS);
});

test('failures of 1,000 addresses are remembered; the first is forgotten', async (t) => {
  const { clock, net } = await clocked(t, `auth_failures_per_address = 1\n${CONFIG}`);
  const addressOf = (n: number) => `198.18.${n >> 8}.${n & 255}`;
  const fail = async (numbers: number[]): Promise<void> => {
    const components = numbers.map((n) => ScriptedComponent.connect(net, addressOf(n)));
    for (const component of components) {
      await component.header(PLAYS);
      component.prove('guess');
    }
    await settled();
    await clock.advance(500);
    for (const component of components) await refused(component, 'not-authorized');
  };
  await fail([0]);
  await fail([1]);
  await fail(Array.from({ length: 999 }, (_, n) => n + 2));
  const again = async (n: number): Promise<ScriptedComponent> => {
    const component = ScriptedComponent.connect(net, addressOf(n));
    await component.header(PLAYS);
    return component;
  };
  await refused(await again(1), 'policy-violation');
  const first = await again(0);
  first.prove(SECRET);
  await first.receives('<handshake/>');
});

test('closes a component that does not complete the handshake in time', async (t) => {
  const { clock, net } = await clocked(t);
  const component = ScriptedComponent.connect(net);
  await component.header(PLAYS);
  await clock.advance(30_000);
  await refused(component, 'connection-timeout');
});

test('XEP-0114 §3: a second component is told of the conflict while the first one is alive', async (t) => {
  const { net } = await clocked(t);
  const first = await ScriptedComponent.serving(net, PLAYS);
  const second = ScriptedComponent.connect(net);
  await second.header(PLAYS);
  second.prove(SECRET);
  const ping = await first.next();
  assert.ok(ping.getChild('ping', 'urn:xmpp:ping'), `${ping}`);
  const third = ScriptedComponent.connect(net);
  await third.header(PLAYS);
  third.prove(SECRET);
  await refused(third, 'conflict');
  first.send(`<iq type='result' id='${ping.attrs.id}' from='${PLAYS}' to='${ping.attrs.from}'/>`);
  await refused(second, 'conflict');
  assert.equal(isConnected(net), true);
  await first.receivesNothing();
});

test('an error is an answer, too, and so is anything else that comes', async (t) => {
  const { clock, net } = await clocked(t);
  const first = await ScriptedComponent.serving(net, PLAYS);
  for (const answer of [
    (id: string, to: string) =>
      `<iq type='error' id='${id}' from='${PLAYS}' to='${to}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    () => `<presence from='bot@${PLAYS}' to='nobody@capulet.lit'/>`,
  ]) {
    const second = ScriptedComponent.connect(net);
    await second.header(PLAYS);
    second.prove(SECRET);
    const { attrs } = await first.next();
    await clock.advance(1);
    first.send(answer(attrs.id ?? '', attrs.from ?? ''));
    await settled();
    await clock.advance(10_000);
    await refused(second, 'conflict');
  }
  assert.equal(isConnected(net), true);
});

test('replaces a component whose connection is dead', async (t) => {
  const { clock, net } = await clocked(t);
  const first = await ScriptedComponent.serving(net, PLAYS);
  const second = ScriptedComponent.connect(net);
  await second.header(PLAYS);
  second.prove(SECRET);
  // What it sends at once is not lost while it waits.
  second.send(`<message from='bot@${PLAYS}' to='nobody@capulet.lit' id='early'><body>!</body></message>`);
  await first.next(); // It reads the ping, and does not answer.
  await settled();
  await clock.advance(10_000);
  await refused(first, 'conflict');
  await second.receives('<handshake/>');
  const answer = await second.next();
  assert.equal(answer.attrs.id, 'early');
  assert.equal(isConnected(net), true);
});

test('a component that has gone while it waited for another one to show life takes nothing over', async (t) => {
  const { clock, net } = await clocked(t);
  const first = await ScriptedComponent.serving(net, PLAYS);
  const second = ScriptedComponent.connect(net);
  await second.header(PLAYS);
  second.prove(SECRET);
  await first.next();
  await settled();
  second.drop();
  await settled();
  await clock.advance(10_000);
  await settled();
  assert.equal(isConnected(net), false);
  await ScriptedComponent.serving(net, PLAYS);
});

test('component_conflict_resolve = "kick_old": the newest connection replaces the older one immediately', async (t) => {
  const config = CONFIG.replace(SECRET, `${SECRET}"\ncomponent_conflict_resolve = "kick_old`);
  const { net } = await clocked(t, config);
  const first = await ScriptedComponent.serving(net, PLAYS);
  await ScriptedComponent.serving(net, PLAYS);
  await refused(first, 'conflict');
  assert.equal(isConnected(net), true);
});

test('an external component without a secret is a mistake in the configuration', async (t) => {
  const config = '[hosts."capulet.lit"]\n[hosts."x.capulet.lit"]\ncomponent = "external"';
  await assert.rejects(startServer(t, { config }), /component_secret/);
});

test('a secret that is changed in the configuration counts from the reload on; who is connected stays', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const first = await ScriptedComponent.serving(net, 'irc.capulet.lit', 'another');
  await net.server.reload(
    await testConfig(CONFIG.replace('"another"', '"yet another"').replace(SECRET, 'changed')),
  );
  await ScriptedComponent.serving(net, PLAYS, 'changed');
  await first.receivesNothing();
});
