import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Stanza } from '../../../src/api/session.ts';
import { xml } from '../../../src/xml/element.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { settled } from '../../support/duplex.ts';
import { type Client, DOMAIN, type Harness, header, PASSWORD, plain, startHarness } from './harness.ts';

const JULIET = `juliet@${DOMAIN}`;
const BALCONY = `${JULIET}/balcony`;
const error = (condition: string) => new RegExp(`<stream:error><${condition} `);

/** Every stanza of a client that gets as far as the router. */
function submitted(harness: Harness): Stanza[] {
  const stanzas: Stanza[] = [];
  for (const kind of ['message', 'presence', 'iq'] as const) {
    for (const target of ['full', 'bare', 'host', 'self'] as const) {
      harness.hook(`pre-${kind}/${target}`, ({ stanza }) => {
        if (stanza.attrs.id?.startsWith('end')) return undefined;
        stanzas.push(stanza);
        return 'handled';
      });
    }
  }
  return stanzas;
}

/** Lets the work of each message last until the function that it adds here is called. */
function heldUp(harness: Harness): (() => void)[] {
  const finish: (() => void)[] = [];
  harness.hook('pre-message/self', (event) => {
    event.waitUntil(new Promise<void>((resolve) => finish.push(resolve)));
    return 'handled';
  });
  return finish;
}

describe('what a client may send', () => {
  test('RFC 6120 §8.1.2.1: every stanza is from the full JID, whichever own address it names', async (t) => {
    const harness = await startHarness(t);
    const stanzas = submitted(harness);
    const client = await harness.bound('balcony');
    client.send(`<message id='1'/><message id='2' from='${JULIET}'/><message id='3' from='${BALCONY}'/>`);
    client.send(`<message id='4' from='JULIET@${DOMAIN}/balcony'/>`);
    await client.roundTrip('end');
    assert.deepEqual(
      stanzas.map(({ attrs }) => attrs.from),
      [BALCONY, BALCONY, BALCONY, BALCONY],
    );
  });

  for (const from of [`romeo@${DOMAIN}`, `${JULIET}/chamber`, DOMAIN, '@', `juliet@other.example.com`]) {
    test(`RFC 6120 §8.1.2.1: a stanza from ${from} is invalid-from`, async (t) => {
      const harness = await startHarness(t);
      const stanzas = submitted(harness);
      const client = await harness.bound('balcony');
      assert.match(await client.refused(`<message from='${from}' to='${JULIET}'/>`), error('invalid-from'));
      assert.deepEqual(stanzas, []);
      assert.equal(harness.host.sessions.size, 0);
    });
  }

  test('RFC 6120 §8.1.5: a stanza without a language has that of the stream', async (t) => {
    const harness = await startHarness(t);
    const stanzas = submitted(harness);
    const client = harness.connect();
    await client.login();
    client.peer.drop();
    const speaker = harness.connect();
    await speaker.open();
    speaker.auth('PLAIN', Buffer.from('\0juliet\0r0m30myr0m30').toString('base64'));
    await speaker.reads('<success ');
    await speaker.open(DOMAIN, ` xml:lang='it'`);
    await speaker.bind('balcony');
    speaker.send(`<message id='1'/><message id='2' xml:lang='de'/>`);
    await speaker.roundTrip('end');
    assert.deepEqual(
      stanzas.map(({ attrs }) => attrs['xml:lang']),
      ['it', 'de'],
    );
  });

  test('does not add an overlong language to stanzas', async (t) => {
    const harness = await startHarness(t);
    const stanzas = submitted(harness);
    const client = harness.connect();
    await client.open();
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads('<success ');
    await client.open(DOMAIN, ` xml:lang='${'it-'.repeat(3_000)}'`);
    await client.bind('balcony');
    client.send(`<message id='1'/>`);
    await client.roundTrip('end');
    assert.deepEqual(
      stanzas.map(({ attrs }) => attrs['xml:lang']),
      [undefined],
    );
  });

  test('a stream that is closed because its account was changed keeps no share of the limits', async (t) => {
    const harness = await startHarness(t, { config: '' });
    const client = harness.connect();
    await client.open();
    for (const session of harness.negotiating)
      session.revoke(harness.host, 'juliet', new StreamError('reset', 'The password was changed'));
    client.auth('PLAIN', plain('juliet', PASSWORD));
    assert.match(await client.peer.readsToEnd(), error('reset'));
    assert.equal(harness.context.accountBudgets?.of(JULIET).isForgettable, true);
  });

  test('a header of more than 10 KB is a policy-violation, after the login too', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await client.open();
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads('<success ');
    const attributes = ` xmlns:f='urn:${'x'.repeat(11_000)}'`;
    assert.match(await client.refused(header(DOMAIN, attributes)), error('policy-violation'));
  });

  test('a short prefix for a long namespace uses up the rate of the account', async (t) => {
    const harness = await startHarness(t, { config: '' });
    const stanzas = submitted(harness);
    const client = harness.connect();
    await client.open();
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads('<success ');
    await client.open(DOMAIN, ` xmlns:f='urn:${'x'.repeat(9_000)}'`);
    await client.bind('balcony');
    client.send('<message><f:a/></message>'.repeat(1_000));
    await settled(50);
    assert.ok(stanzas.length < 450, `${stanzas.length} of 10 KB, and the burst has 4 MiB`);
  });

  const malformed: [rule: string, stanza: string][] = [
    ['§8.2.3: an iq without an id', `<iq type='get'><a xmlns='urn:example'/></iq>`],
    ['§8.2.3: an iq without a type', `<iq id='x'><a xmlns='urn:example'/></iq>`],
    ['§8.2.3: an iq of another type', `<iq id='x' type='query'><a xmlns='urn:example'/></iq>`],
    ['§8.2.3: a request without a child', `<iq id='x' type='get'/>`],
    [
      '§8.2.3: a request with two children',
      `<iq id='x' type='set'><a xmlns='urn:x'/><b xmlns='urn:x'/></iq>`,
    ],
  ];
  for (const [rule, stanza] of malformed) {
    test(`RFC 6120 ${rule} is bad-request, and the stream goes on`, async (t) => {
      const harness = await startHarness(t);
      const stanzas = submitted(harness);
      const client = await harness.bound('balcony');
      client.send(stanza);
      assert.match(await client.roundTrip('end'), /^<iq type='error'.*<error type='modify'><bad-request /);
      assert.deepEqual(stanzas, []);
    });
  }

  test('RFC 6121 §4.7.1: presence of another type is refused, and never routed', async (t) => {
    const harness = await startHarness(t);
    const stanzas = submitted(harness);
    const refusals: string[] = [];
    harness.hook('presence/full', ({ stanza }) => void refusals.push(`${stanza}`));
    const client = await harness.bound('balcony');
    client.send(`<presence id='p' type='away' to='romeo@${DOMAIN}'/>`);
    await client.roundTrip('end');
    assert.deepEqual(stanzas, []);
    assert.match(refusals.join(), /type='error' id='p' .*<bad-request /);
  });

  test('RFC 6120 §8.3.1, §8.2.3: errors and results are never answered, however malformed', async (t) => {
    const harness = await startHarness(t);
    const client = await harness.bound('balcony');
    client.send(`<iq type='result' to='${JULIET}'><a xmlns='urn:x'/><b xmlns='urn:x'/></iq>`);
    client.send(`<iq type='error' to='romeo@${DOMAIN}'/><message type='error' to='romeo@${DOMAIN}'/>`);
    assert.equal(await client.roundTrip('end'), '');
  });

  test('RFC 6121 §5.2.2: a message of an unknown type is taken as it is', async (t) => {
    const harness = await startHarness(t);
    const stanzas = submitted(harness);
    const client = await harness.bound('balcony');
    client.send(`<message id='1' type='shout' to='romeo@${DOMAIN}'><body/></message>`);
    await client.roundTrip('end');
    assert.equal(stanzas.length, 1);
  });

  test('RFC 7622 §3: refuses a stanza to an invalid address with jid-malformed', async (t) => {
    const client = await (await startHarness(t)).bound('balcony');
    client.send(`<iq type='get' id='x' to='@@'><a xmlns='urn:example'/></iq>`);
    assert.match(await client.roundTrip('end'), /id='x'.*<jid-malformed /);
  });

  for (const nonza of ['<stanza/>', `<message xmlns='jabber:server'/>`, `<r xmlns='urn:xmpp:sm:3'/>`]) {
    test(`RFC 6120 §4.9.3.24: ${nonza}, which nobody handles, is unsupported-stanza-type`, async (t) => {
      const client = await (await startHarness(t)).bound('balcony');
      assert.match(await client.refused(nonza), error('unsupported-stanza-type'));
    });
  }

  test('XEP-0360: a nonza goes to its handler, on bound streams only', async (t) => {
    const harness = await startHarness(t);
    const seen: string[] = [];
    const match = { on: ['c2s'] as const, name: 'active', xmlns: 'urn:xmpp:csi:0' };
    harness.host.nonzas.add(match, (element, session) => seen.push(`${element.name} ${session.kind}`), 'csi');
    const client = await harness.bound('balcony');
    client.send(`<active xmlns='urn:xmpp:csi:0'/>`);
    assert.equal(await client.roundTrip('end'), '');
    assert.deepEqual(seen, ['active c2s']);
    const unbound = harness.connect();
    await unbound.login();
    assert.match(await unbound.refused(`<active xmlns='urn:xmpp:csi:0'/>`), error('unsupported-stanza-type'));
  });

  test('RFC 6120 §4.9.3.14: a stanza of more than 480 KiB is a policy-violation', async (t) => {
    const harness = await startHarness(t);
    const stanzas = submitted(harness);
    const client = await harness.bound('balcony');
    const body = 'x'.repeat(470 * 1024);
    client.send(`<message><body>${body}</body></message>`);
    await client.roundTrip('end');
    assert.equal(stanzas.length, 1);
    client.send(`<message><body>${body}${body}`);
    assert.match(await client.peer.readsToEnd(), error('policy-violation'));
    assert.equal(harness.host.sessions.size, 0);
  });

  test('RFC 6120 §11.1: a comment ends the session with restricted-xml', async (t) => {
    const harness = await startHarness(t);
    const client = await harness.bound('balcony');
    assert.match(await client.refused('<message><!-- hi --></message>'), error('restricted-xml'));
    assert.equal(harness.host.sessions.size, 0);
  });
});

describe('hooks', () => {
  test('c2s-out sees every element before it is committed, may replace it and may hold it', async (t) => {
    const harness = await startHarness(t);
    const client = await harness.bound('balcony');
    harness.hook('c2s-out', (event) => {
      if (event.element.attrs.id === 'take') return 'held';
      if (event.element.attrs.id === 'change') event.element = event.element.with({ id: 'changed' });
      return undefined;
    });
    const session = harness.session(BALCONY);
    assert.equal(session.send(xml('message', { id: 'take' })), true);
    assert.equal(session.send(xml('message', { id: 'change' })), true);
    assert.equal(await client.roundTrip('end'), `<message id='changed'/>`);
  });

  test('drops an element when a c2s-out handler fails', async (t) => {
    const harness = await startHarness(t);
    const client = await harness.bound('balcony');
    harness.hook('c2s-out', ({ element }) => {
      if (element.name === 'message') throw new Error('broken');
    });
    assert.equal(harness.session(BALCONY).send(xml('message')), false);
    assert.equal(await client.roundTrip('end'), '');
  });

  test('elements that a module sends on resource-bind follow the answer to the binding', async (t) => {
    const harness = await startHarness(t);
    harness.hook('resource-bind', ({ session }) => void session.send(xml('message', { id: 'welcome' })));
    const client = harness.connect();
    await client.login();
    assert.match(await client.bind('balcony'), /^<iq type='result' id='b1'>/);
    assert.equal(await client.roundTrip('end'), `<message id='welcome'/>`);
  });
});

describe('the end of a session', () => {
  interface Told {
    disconnects: (string | undefined)[];
    unbinds: (string | undefined)[];
    inTable: boolean[];
  }

  function watch(harness: Harness, answer?: 'sleep'): Told {
    const told: Told = { disconnects: [], unbinds: [], inTable: [] };
    harness.hook('c2s-disconnect', ({ error: why }) => {
      told.disconnects.push(why?.message);
      return answer;
    });
    harness.hook('resource-unbind', ({ session, error: why }) => {
      told.unbinds.push(why?.message);
      told.inTable.push(harness.host.sessions.get(session.jid) !== undefined);
    });
    return told;
  }

  test('RFC 6120 §4.4: a client that closes its stream ends its session once, without c2s-disconnect', async (t) => {
    const harness = await startHarness(t);
    const told = watch(harness, 'sleep');
    const client = await harness.bound('balcony');
    const session = harness.session(BALCONY);
    assert.match(await client.refused('</stream:stream>'), /<\/stream:stream>$/);
    assert.deepEqual(told, { disconnects: [], unbinds: [undefined], inTable: [false] });
    assert.equal(session.send(xml('message')), false);
    assert.equal(session.connected, false);
    session.close(new StreamError('reset'));
    assert.equal(told.unbinds.length, 1);
  });

  test('a session whose connection breaks ends once, unless a module keeps it', async (t) => {
    const harness = await startHarness(t);
    const told = watch(harness);
    const client = await harness.bound('balcony');
    client.peer.drop();
    await settled();
    assert.deepEqual(told, {
      disconnects: ['connection reset'],
      unbinds: ['connection reset'],
      inTable: [false],
    });
  });

  test('a client that the server disconnects gets the error, and its session ends immediately', async (t) => {
    const harness = await startHarness(t);
    const told = watch(harness, 'sleep');
    const client = await harness.bound('balcony');
    harness.session(BALCONY).close(new StreamError('system-shutdown'));
    assert.deepEqual(told.unbinds, ['system-shutdown']);
    assert.match(await client.peer.readsToEnd(), /<stream:error><system-shutdown .*<\/stream:stream>$/);
    assert.deepEqual(told.disconnects, []);
  });

  test('does not handle stanzas of a session that was closed', async (t) => {
    const harness = await startHarness(t);
    const stanzas = submitted(harness);
    const client = await harness.bound('balcony');
    harness.session(BALCONY).close();
    await client.reads('</stream:stream>');
    client.send('<message/></stream:stream>');
    await client.peer.readsToEnd();
    assert.deepEqual(stanzas, []);
  });

  test('XEP-0198 §4: drops stanzas that were not handled when the connection broke, and does not count them', async (t) => {
    const harness = await startHarness(t);
    harness.hook('c2s-disconnect', () => 'sleep');
    const finish = heldUp(harness);
    const client = await harness.bound('balcony');
    const session = harness.session(BALCONY);
    const before = session.stanzasIn;
    client.send('<message/>'.repeat(100));
    await settled(50);
    assert.equal(finish.length, 65, 'the others have been received, and wait');
    client.peer.drop();
    await settled();
    assert.equal(session.connected, false);
    for (const done of finish) done();
    await settled(50);
    assert.equal(finish.length, 65);
    assert.equal(session.stanzasIn - before, 65);
  });

  test('a handler that closes the session in the middle of its own stanza', async (t) => {
    const harness = await startHarness(t);
    const told = watch(harness);
    harness.hook('pre-message/self', ({ origin }) => {
      origin.close(new StreamError('policy-violation'));
      return 'handled';
    });
    const client = await harness.bound('balcony');
    assert.match(await client.refused('<message/><message/>'), error('policy-violation'));
    assert.deepEqual(told.unbinds, ['policy-violation']);
  });

  test('a session ends when its c2s-disconnect handler fails', async (t) => {
    const harness = await startHarness(t);
    harness.hook('c2s-disconnect', () => {
      throw new Error('broken');
    });
    const client = await harness.bound('balcony');
    client.peer.drop();
    await settled();
    assert.equal(harness.host.sessions.size, 0);
  });

  test('XEP-0198 §5: a session that a module keeps sleeps, takes stanzas, and resumes on another stream', async (t) => {
    const harness = await startHarness(t);
    const told = watch(harness, 'sleep');
    const queue: string[] = [];
    harness.hook('c2s-commit', ({ session, element }) => {
      if (session.connected) return undefined;
      queue.push(`${element}`);
      return 'queued';
    });
    let resumed = 0;
    harness.hook('c2s-attach', () => session.ready());
    harness.hook('c2s-resume', () => void resumed++);
    const client = await harness.bound('balcony');
    const session = harness.session(BALCONY);
    client.peer.drop();
    await settled();
    assert.equal(session.connected, false);
    assert.equal(harness.session(BALCONY), session, 'a sleeping session keeps its address');
    assert.equal(session.send(xml('message', { id: '1' })), true);
    assert.deepEqual(queue, [`<message id='1'/>`]);
    assert.deepEqual(told.unbinds, []);

    const [next, stream] = await unboundStream(harness);
    session.attach(stream);
    assert.equal(session.connected, true);
    assert.equal(resumed, 1);
    session.send(xml('message', { id: '2' }));
    assert.equal(await next.roundTrip('end'), `<message id='2'/>`);

    assert.match(await next.refused('</stream:stream>'), /<\/stream:stream>$/);
    assert.equal(told.unbinds.length, 1);
  });

  test('XEP-0198 §5: a session resumed while its old stream still seems alive drops that one', async (t) => {
    const harness = await startHarness(t);
    const told = watch(harness);
    const old = await harness.bound('balcony');
    const session = harness.session(BALCONY);
    const [next, stream] = await unboundStream(harness);
    session.attach(stream);
    assert.match(await old.peer.readsToEnd(), error('conflict'));
    assert.equal(await next.roundTrip('end'), '');
    assert.deepEqual(told, { disconnects: [], unbinds: [], inTable: [] });
  });

  test('a sleeping session that is ended, or replaced, ends like any other', async (t) => {
    const harness = await startHarness(t);
    const told = watch(harness, 'sleep');
    const client = await harness.bound('balcony');
    client.peer.drop();
    await settled();
    await harness.bound('balcony');
    assert.deepEqual(told.unbinds, ['conflict: Replaced by a new session']);
    assert.equal(harness.host.sessions.size, 1);
  });

  /** A client that has authenticated and not bound, and the stream under it. */
  async function unboundStream(harness: Harness) {
    const before = new Set(harness.negotiating);
    const client = harness.connect();
    await client.login();
    const [fresh] = [...harness.negotiating].filter((session) => !before.has(session));
    const stream = fresh?.release();
    assert.ok(stream !== undefined);
    assert.equal(harness.negotiating.size, before.size);
    return [client, stream] as const;
  }
});

describe('flow', () => {
  test('stops reading from a client with more than 64 stanzas under way', async (t) => {
    const harness = await startHarness(t);
    const finish = heldUp(harness);
    const client = await harness.bound('balcony');
    for (let i = 0; i < 100; i++) {
      client.send('<message/>');
      await settled(1);
    }
    await settled();
    assert.equal(finish.length, 65);
    for (const done of finish) done();
    await settled();
    assert.equal(finish.length, 100);
  });

  test('takes a chunk with 600 stanzas in steps: at most 65 are under way', async (t) => {
    const harness = await startHarness(t);
    const finish = heldUp(harness);
    const client = await harness.bound('balcony');
    client.send('<message/>'.repeat(600));
    await settled(50);
    assert.equal(finish.length, 65);
    for (let done = 0; done < 600; done += 65) {
      for (const resolve of finish.splice(0)) resolve();
      await settled(50);
      assert.equal(finish.length, Math.max(0, Math.min(65, 535 - done)));
    }
    await client.roundTrip('after');
  });

  test('stops reading from a client that does not read, until it reads again', async (t) => {
    const harness = await startHarness(t);
    const stanzas = submitted(harness);
    const client = await harness.bound('balcony');
    const session = harness.session(BALCONY);
    client.peer.stopReading();
    const message = xml('message', {}, xml('body', {}, 'x'.repeat(32 * 1024)));
    for (let i = 0; i < 20; i++) {
      session.send(message);
      await settled(1);
    }
    client.send(`<message id='1'/>`);
    await settled();
    assert.equal(stanzas.length, 0);
    client.peer.socket.resume();
    await settled(50);
    assert.equal(stanzas.length, 1);
    assert.equal(harness.host.sessions.size, 1);
  });

  test('closes a client that reads nothing of a full queue for five minutes', async (t) => {
    const harness = await startHarness(t);
    const client = await harness.bound('balcony');
    client.peer.stopReading();
    harness.session(BALCONY).send(xml('message', {}, xml('body', {}, 'x'.repeat(512 * 1024))));
    await harness.clock.advance(5 * 60 * 1000 - 1);
    assert.equal(harness.host.sessions.size, 1);
    await harness.clock.advance(1);
    assert.equal(harness.host.sessions.size, 0);
    await harness.clock.advance(5_000);
    assert.equal(harness.clock.pending, 0, 'nothing waits for the client any more');
  });

  test('closes a client that never reads, and ends its session', async (t) => {
    const harness = await startHarness(t);
    const client = await harness.bound('balcony', 'juliet', { maxQueuedBytes: 1024 * 1024 });
    const session = harness.session(BALCONY);
    client.peer.stopReading();
    const message = xml('message', {}, xml('body', {}, 'x'.repeat(32 * 1024)));
    let accepted = 0;
    while (session.send(message) && accepted < 1_000) accepted++;
    await settled();
    assert.ok(accepted < 40, `${accepted * 32} KiB were queued`);
    assert.equal(harness.host.sessions.size, 0);
  });

  test('a client that sends faster than its limit is read more slowly, and not disconnected', async (t) => {
    const config = '[limits]\nc2s = { rate = 1000, burst = 4000 }';
    const harness = await startHarness(t, { config });
    const stanzas = submitted(harness);
    const client = await harness.bound('balcony');
    for (let i = 0; i < 20; i++) {
      client.send(`<message><body>${'x'.repeat(969)}</body></message>`);
      await settled();
    }
    assert.ok(stanzas.length < 10, `${stanzas.length} stanzas came through at once`);
    await harness.clock.advance(60_000);
    assert.equal(stanzas.length, 20);
    assert.equal(harness.host.sessions.size, 1);
  });

  test('twenty sessions of one account share its rate, and do not affect other accounts', async (t) => {
    const config = '[limits]\nc2s = { rate = "10 kB/s", burst = "200 kB" }';
    const harness = await startHarness(t, { config });
    await harness.host.createUser('romeo', PASSWORD);
    const stanzas = submitted(harness);
    const clients: Client[] = [];
    for (let i = 0; i < 20; i++) clients.push(await harness.bound(`r${i}`));
    for (const client of clients) client.send('<presence/>'.repeat(1_000));
    await settled(100);
    const burst = stanzas.length;
    assert.ok(burst >= 100 && burst < 300, `${burst} stanzas at once; 1,035 bytes for each`);
    await harness.clock.advance(10_000);
    const lasting = stanzas.length - burst;
    assert.ok(lasting >= 50 && lasting < 250, `${lasting} stanzas in 10 s`);
    const romeo = await harness.bound('orchard', 'romeo');
    assert.equal(await romeo.roundTrip('end'), '');
    for (const { peer } of clients) peer.drop();
  });
});
