import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import { FakeClock } from '../../support/clock.ts';
import { ScriptedComponent, SECRET } from '../../support/component.ts';
import { settled } from '../../support/duplex.ts';
import { network } from '../../support/network.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const PLAYS = 'plays.capulet.lit';
const HOSTS = `
[hosts."capulet.lit"]
[hosts."${PLAYS}"]
component = "external"
component_secret = "${SECRET}"
`;
/** Without archives, which add their ids to messages. */
const CONFIG = `modules_disabled = ["mam"]\n${HOSTS}`;
/** Nothing on the links but what the tests say: scripted components answer no pings that would confirm stanzas. */
const PLAIN = 'modules_disabled = ["smacks"]';
const LINKED = { capulet: `${PLAIN}\n${HOSTS}`, montague: `${PLAIN}\n[hosts."montague.lit"]` };
const NOT_CONNECTED = `<error type='wait' by='${PLAYS}'>
  <remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
  <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>
</error>`;

async function isRefused(component: ScriptedComponent, condition: string): Promise<void> {
  const error = await component.next();
  assert.ok(error.is('error', 'http://etherx.jabber.org/streams'), `a stream error: ${error}`);
  assert.equal(error.elements()[0]?.name, condition);
  await component.closed();
}

async function rows({ server }: TestServer): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return (await server.commands.run('components list', {}, { by: 'test' })).rows ?? [];
}

test('XEP-0114 §3: everything that is addressed to the domain, or below it, reaches the component as it is', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const juliet = await net.client('juliet@capulet.lit/balcony');
  for (const to of [PLAYS, `${PLAYS}/x`, `hamlet@${PLAYS}`, `hamlet@${PLAYS}/act 1`]) {
    for (const text of [
      `<message to='${to}' type='chat' id='1'><body>&lt;hi&gt;</body><x xmlns='urn:x' a='1'><y/></x></message>`,
      `<message to='${to}' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
      `<presence to='${to}'><show>away</show></presence>`,
      `<presence to='${to}' type='unavailable'/>`,
      `<presence to='${to}' type='probe'/>`,
      `<iq to='${to}' type='get' id='2'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
      `<iq to='${to}' type='set' id='3'><anything xmlns='urn:y'/></iq>`,
      `<iq to='${to}' type='result' id='4'/>`,
      `<iq to='${to}' type='error' id='5'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    ]) {
      juliet.send(text);
      await component.receives(text.replace(/^<(\w+)/, `<$1 from='juliet@capulet.lit/balcony'`));
    }
  }
  await juliet.receivesNothing();
});

test('XEP-0114 §3: a component may send from any address at its domain', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const juliet = await net.client('juliet@capulet.lit/balcony');
  for (const from of [PLAYS, `hamlet@${PLAYS}`, `hamlet@${PLAYS}/act 1`]) {
    const text = `<message from='${from}' to='juliet@capulet.lit/balcony' type='chat' id='1'><body>words</body></message>`;
    component.send(text);
    await juliet.receives(text);
  }
  component.send(
    `<iq type='get' id='p' from='hamlet@${PLAYS}' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`,
  );
  await component.receives(`<iq type='result' id='p' from='capulet.lit' to='hamlet@${PLAYS}'/>`);
});

test('RFC 7622 §3: the sender is passed on in prepared form, however the component wrote it', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const juliet = await net.client('juliet@capulet.lit/balcony');
  for (const from of [`Hamlet@${PLAYS.toUpperCase()}`, `hamlet@${PLAYS}.`]) {
    component.send(`<message from='${from}/Act 1' to='juliet@capulet.lit/balcony' type='chat' id='1'/>`);
    await juliet.receives(
      `<message from='hamlet@${PLAYS}/Act 1' to='juliet@capulet.lit/balcony' type='chat' id='1'/>`,
    );
  }
});

test('XEP-0114 §3: the domain of the sender must be that of the component', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const juliet = await net.client('juliet@capulet.lit/balcony');
  for (const from of ['capulet.lit', 'romeo@montague.lit', `x.${PLAYS}`, 'lit']) {
    const component = await ScriptedComponent.serving(net, PLAYS);
    component.send(`<message from='${from}' to='juliet@capulet.lit/balcony'><body>!</body></message>`);
    await isRefused(component, 'invalid-from');
  }
  await juliet.receivesNothing();
});

test('a stanza without a sender is from the domain; a malformed sender costs that stanza alone', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const juliet = await net.client('juliet@capulet.lit/balcony');
  component.send(`<message from='a b@@${PLAYS}' to='juliet@capulet.lit/balcony'><body>lost</body></message>`);
  component.send(`<message to='juliet@capulet.lit/balcony' id='1'><body>kept</body></message>`);
  await juliet.receives(
    `<message from='${PLAYS}' to='juliet@capulet.lit/balcony' id='1'><body>kept</body></message>`,
  );
});

test('once it is let in, a component may send what other servers may', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const juliet = await net.client('juliet@capulet.lit/balcony');
  const text = `<message from='${PLAYS}' to='juliet@capulet.lit/balcony' id='1'><body>${'x'.repeat(200_000)}</body></message>`;
  component.send(text);
  await juliet.receives(text);
});

test('COMPAT: stanzas that carry the namespace of clients are understood', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const juliet = await net.client('juliet@capulet.lit/balcony');
  component.send(
    `<message xmlns='jabber:client' from='${PLAYS}' to='juliet@capulet.lit/balcony' id='1'><body>hi</body></message>`,
  );
  await juliet.receives(
    `<message from='${PLAYS}' to='juliet@capulet.lit/balcony' id='1'><body>hi</body></message>`,
  );
});

test('RFC 6120 §8: returns an error for a bad stanza of a component', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  for (const [stanza, condition] of [
    [`<message from='a@${PLAYS}' id='1'><body>to nobody</body></message>`, 'bad-request'],
    [`<iq from='a@${PLAYS}' to='capulet.lit' id='1' type='get'/>`, 'bad-request'],
    [`<message from='a@${PLAYS}' to='a@b@capulet.lit' id='1'/>`, 'jid-malformed'],
    [`<message from='a@${PLAYS}' to='a@elsewhere.lit' id='1'/>`, 'remote-server'],
  ] as const) {
    component.send(stanza);
    const reply = await component.next();
    assert.deepEqual([reply.attrs.type, reply.attrs.to, reply.attrs.id], ['error', `a@${PLAYS}`, '1']);
    assert.match(`${reply.getChild('error')}`, new RegExp(condition));
  }
});

test('RFC 6120 §8.3.1: a component is told which address it was that cannot be used', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  component.send(`<message from='a@${PLAYS}' to='a\u200Db@capulet.lit/x' id='1'/>`);
  await component.receives(`
    <message type='error' id='1' from='a\u200Db@capulet.lit/x' to='a@${PLAYS}'>
      <error type='modify'><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'
          >The part before the @ has characters that addresses cannot have: U+200D</text></error>
    </message>`);
});

test('while the component is away, senders are told so by an error that passes', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const juliet = await net.client('juliet@capulet.lit/balcony');
  const bounced = async (): Promise<void> => {
    for (const name of ['message', 'presence']) {
      juliet.send(`<${name} to='hall@${PLAYS}/Juliet' id='1'/>`);
      await juliet.receives(
        `<${name} type='error' id='1' from='hall@${PLAYS}/Juliet' to='juliet@capulet.lit/balcony'>${NOT_CONNECTED}</${name}>`,
      );
    }
    juliet.send(`<iq type='get' to='${PLAYS}' id='2'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await juliet.receives(
      `<iq type='error' id='2' from='${PLAYS}' to='juliet@capulet.lit/balcony'>${NOT_CONNECTED}</iq>`,
    );
    // RFC 6120 §8.3.1: no error for an error, nor for a result.
    juliet.send(`<iq type='result' to='${PLAYS}' id='3'/><message type='error' to='${PLAYS}'/>`);
    await juliet.receivesNothing();
  };
  await bounced();
  const component = await ScriptedComponent.serving(net, PLAYS);
  juliet.send(`<message to='${PLAYS}' id='1'/>`);
  await component.receives(`<message to='${PLAYS}' id='1' from='juliet@capulet.lit/balcony'/>`);
  component.drop();
  await settled();
  await bounced();
});

test('XEP-0030 §4.1: a component is found through the host above it', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const juliet = await net.client('juliet@capulet.lit/balcony');
  juliet.send(
    `<iq type='get' to='capulet.lit' id='1'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
  );
  await juliet.receives(`<iq type='result' id='1' from='capulet.lit' to='juliet@capulet.lit/balcony'>
    <query xmlns='http://jabber.org/protocol/disco#items'><item jid='${PLAYS}'/></query>
  </iq>`);
});

test('a component and the users of another server reach each other', async (t) => {
  const net = await network(t, LINKED);
  const component = await ScriptedComponent.serving(net.of(PLAYS), PLAYS);
  const romeo = await net.client('romeo@montague.lit/orchard');
  romeo.send(`<presence to='hall@${PLAYS}/Romeo' id='1'/>`);
  await component.receives(`<presence from='romeo@montague.lit/orchard' to='hall@${PLAYS}/Romeo' id='1'/>`);
  component.send(`<presence from='hall@${PLAYS}/Romeo' to='romeo@montague.lit/orchard' id='2'/>`);
  await romeo.receives(`<presence from='hall@${PLAYS}/Romeo' to='romeo@montague.lit/orchard' id='2'/>`);
  component.drop();
  await settled();
  romeo.send(`<message to='hall@${PLAYS}' id='3'/>`);
  await romeo.receives(
    `<message type='error' id='3' from='hall@${PLAYS}' to='romeo@montague.lit/orchard'>${NOT_CONNECTED}</message>`,
  );
});

test('what the server itself asks in the name of the domain is answered to the server', async (t) => {
  const net = await network(t, LINKED);
  const { router } = net.of(PLAYS).server;
  const component = await ScriptedComponent.serving(net.of(PLAYS), PLAYS);
  const host = router.hosts.get(PLAYS)!;
  const ping = xml('iq', { type: 'get', from: PLAYS, to: 'montague.lit' }, xml('ping', 'urn:xmpp:ping'));
  const answer = await router.pendingIqs.request(
    { name: 'test' },
    ping,
    { timeoutMs: 3_000 },
    (iq) => router.route(iq, host.origin),
    new AbortController().signal,
  );
  assert.equal(answer.attrs.type, 'result');
  component.send(`<message from='${PLAYS}' to='${PLAYS}' id='1'/>`);
  await component.receives(`<message from='${PLAYS}' to='${PLAYS}' id='1'/>`);
});

test('bounds the queue of a component that does not read, refuses further stanzas, then closes it', async (t) => {
  const clock = new FakeClock();
  const net = await startServer(t, { config: CONFIG, clock });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const juliet = await net.client('juliet@capulet.lit/balcony');
  component.stopReading();
  const body = 'x'.repeat(100_000);
  for (let i = 0; i < 60; i++)
    juliet.send(`<message to='${PLAYS}' id='m${i}'><body>${body}</body></message>`);
  const error = await juliet.next();
  assert.match(`${error.getChild('error')}`, /type='wait'.*resource-constraint/);
  const [row] = await rows(net);
  assert.ok(Number(row?.queued) > 4_000_000 && Number(row?.queued) < 8_000_000, `${row?.queued}`);
  await clock.advance(60_000);
  assert.equal((await rows(net))[0]?.state, 'away');
});

test('a component that reads 300 kB sent in one go keeps its connection', async (t) => {
  const clock = new FakeClock();
  const net = await startServer(t, { config: CONFIG, clock });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const body = 'x'.repeat(100_000);
  for (const id of ['1', '2', '3']) {
    const attrs = { from: 'capulet.lit', to: PLAYS, id };
    const origin = { kind: 'host', domain: 'capulet.lit' } as const;
    net.server.router.route(xml('message', attrs, xml('body', {}, body)), origin);
  }
  for (const id of ['1', '2', '3']) assert.equal((await component.next()).attrs.id, id);
  await clock.advance(59_000);
  await clock.advance(2_000);
  assert.equal((await rows(net))[0]?.state, 'connected');
});

test('a component with more than 256 stanzas under way is not read until some are done', async (t) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const finish: (() => void)[] = [];
  const wait = (event: { waitUntil(work: Promise<unknown>): void }) => {
    event.waitUntil(new Promise<void>((resolve) => finish.push(resolve)));
    return 'handled' as const;
  };
  net.server.router.hosts.get('capulet.lit')!.hooks.add('iq/host', wait, 'guard', 'test');
  component.send(
    `<iq type='set' id='1' from='${PLAYS}' to='capulet.lit'><a xmlns='urn:example'/></iq>`.repeat(600),
  );
  await settled(100);
  assert.equal(finish.length, 257);
  for (const resolve of finish.splice(0)) resolve();
  await settled(100);
  assert.equal(finish.length, 257);
  for (const resolve of finish.splice(0)) resolve();
  await settled(100);
  assert.equal(finish.length, 86);
  for (const resolve of finish.splice(0)) resolve();
});

test('RFC 6120 §4.6: closes a component that has answered pings before and no longer does', async (t) => {
  const clock = new FakeClock();
  const net = await startServer(t, { config: CONFIG, clock });
  const component = await ScriptedComponent.serving(net, PLAYS);
  await clock.advance(60_000);
  const { attrs } = await component.next();
  component.send(`<iq type='result' id='${attrs.id}' from='${PLAYS}' to='${attrs.from}'/>`);
  await settled();
  await clock.advance(60_000);
  await component.next();
  assert.equal((await rows(net))[0]?.state, 'connected');
  await clock.advance(30_000);
  assert.equal((await rows(net))[0]?.state, 'away');
  await isRefused(component, 'connection-timeout');
});

test('does not ping a component that has just sent something', async (t) => {
  const clock = new FakeClock();
  const net = await startServer(t, { config: CONFIG, clock });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const juliet = await net.client('juliet@capulet.lit/balcony');
  await clock.advance(59_000);
  component.send(`<message from='${PLAYS}' to='juliet@capulet.lit/balcony'/>`);
  await juliet.next();
  await clock.advance(2_000);
  juliet.send(`<message to='${PLAYS}' id='next'/>`);
  assert.equal((await component.next()).attrs.id, 'next');
});

test('does not close a component that never answers pings', async (t) => {
  const clock = new FakeClock();
  const net = await startServer(t, { config: CONFIG, clock });
  await ScriptedComponent.serving(net, PLAYS);
  for (let i = 0; i < 10; i++) await clock.advance(60_000);
  assert.equal((await rows(net))[0]?.state, 'connected');
});

test('components list: who is connected since when, and why who is away went', async (t) => {
  const clock = new FakeClock();
  const net = await startServer(t, { config: CONFIG, clock });
  const away = { domain: PLAYS, state: 'away', since: undefined, address: undefined, in: undefined };
  const nothing = { out: undefined, queued: undefined, error: undefined };
  assert.deepEqual(await rows(net), [{ ...away, ...nothing }]);
  const component = await ScriptedComponent.serving(net, PLAYS);
  const since = new Date(clock.now()).toISOString();
  component.send(`<presence from='a@${PLAYS}' to='nobody@capulet.lit'/>`);
  await settled();
  const connected = { domain: PLAYS, state: 'connected', since, address: '192.0.2.9' };
  assert.deepEqual(await rows(net), [{ ...connected, in: 1, out: 0, queued: 0, error: undefined }]);
  await clock.advance(1_000);
  component.send('</stream:stream>');
  await component.closed();
  const [row] = await rows(net);
  assert.deepEqual(
    [row?.state, row?.since, row?.error],
    ['away', new Date(clock.now()).toISOString(), 'closed (clean)'],
  );
});

test('an orderly stop tells components', async (t: TestContext) => {
  const net = await startServer(t, { config: CONFIG });
  const component = await ScriptedComponent.serving(net, PLAYS);
  const waiting = ScriptedComponent.connect(net);
  await waiting.header(PLAYS);
  await net.server.stop();
  await isRefused(component, 'system-shutdown');
  await isRefused(waiting, 'system-shutdown');
});
