import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { base64, DOMAIN, header, startHarness } from './harness.ts';

const error = (condition: string) =>
  new RegExp(`<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>`);

describe('headers', () => {
  test('RFC 6120 §4.7: our header answers theirs, each with a new id', async (t) => {
    const harness = await startHarness(t);
    const first = await harness.connect().open(DOMAIN, ` from='juliet@${DOMAIN}'`);
    assert.match(first, new RegExp(` from='${DOMAIN}' to='juliet@${DOMAIN}' id='[^']{16,}' version='1.0'`));
    const second = await harness.connect().open();
    assert.doesNotMatch(second, / to='/);
    const ids = [first, second].map((text) => / id='([^']+)'/.exec(text)?.[1]);
    assert.notEqual(ids[0], ids[1]);
  });

  const refused: [rule: string, header: string, condition: string][] = [
    ['§4.9.3.6: an unknown host', header('capulet.lit'), 'host-unknown'],
    ['§4.9.3.6: a host without users', header('rooms.example.com'), 'host-unknown'],
    ['§4.9.3.6: an address instead of a host', header(`juliet@${DOMAIN}`), 'host-unknown'],
    ['§4.9.3.7: no host', header(''), 'improper-addressing'],
    [
      '§4.7.5: a client from before XMPP 1.0',
      header().replace(` version='1.0' xmlns`, ' xmlns'),
      'unsupported-version',
    ],
    [
      '§4.7.5: version 0.9',
      header().replace(` version='1.0' xmlns`, ` version='0.9' xmlns`),
      'unsupported-version',
    ],
    ['§4.9.3.10: a server', header().replace('jabber:client', 'jabber:server'), 'invalid-namespace'],
  ];
  for (const [rule, text, condition] of refused) {
    test(`RFC 6120 ${rule} is ${condition}`, async (t) => {
      const answer = await (await startHarness(t)).connect().refused(text);
      assert.match(answer, /^<\?xml version='1.0'\?><stream:stream [^>]*from='im.example.com'/);
      assert.match(answer, new RegExp(`<stream:error><${condition} `));
      assert.match(answer, /<\/stream:error><\/stream:stream>$/);
    });
  }

  test('RFC 7622 §3.2: the host is compared after preparation; a later version is spoken to as 1.0', async (t) => {
    const client = (await startHarness(t)).connect();
    client.send(header('IM.Example.Com').replace(` version='1.0' xmlns`, ` version='1.7' xmlns`));
    assert.match(await client.reads('</stream:features>'), / from='im.example.com' .*version='1.0'/);
  });
});

describe('order', () => {
  test('RFC 6120 §4.9.3.12: a stanza before authentication is not-authorized', async (t) => {
    const harness = await startHarness(t);
    for (const stanza of [
      '<presence/>',
      `<message to='juliet@${DOMAIN}'/>`,
      `<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`,
      `<enable xmlns='urn:xmpp:sm:3'/>`,
    ]) {
      const client = harness.connect();
      await client.open();
      assert.match(await client.refused(stanza), error('not-authorized'));
    }
  });

  test('RFC 6120 §7.1: a stanza before binding is not-authorized', async (t) => {
    const harness = await startHarness(t);
    for (const stanza of ['<presence/>', `<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>`]) {
      const client = harness.connect();
      await client.login();
      assert.match(await client.refused(stanza), error('not-authorized'));
    }
  });

  test('RFC 6120 §4.9.3.24: SASL and STARTTLS after authentication are unsupported-stanza-type', async (t) => {
    const harness = await startHarness(t);
    for (const nonza of [
      `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`,
      `<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`,
    ]) {
      const unbound = harness.connect();
      await unbound.login();
      assert.match(await unbound.refused(nonza), error('unsupported-stanza-type'));
      const bound = await harness.bound('balcony');
      assert.match(await bound.refused(nonza), /<stream:error><unsupported-stanza-type /);
    }
  });

  test('features are announced to modules, which add to them', async (t) => {
    const harness = await startHarness(t);
    const seen: string[] = [];
    harness.hook('stream-features', ({ session, features }) => {
      if (session?.kind === 'c2s') seen.push(`${session.jid}`);
      features.append(xml('ver', 'urn:xmpp:features:rosterver'));
    });
    const client = harness.connect();
    assert.match(await client.login(), /<ver xmlns='urn:xmpp:features:rosterver'\/>/);
    assert.deepEqual(seen, [DOMAIN, `juliet@${DOMAIN}`]);
  });
});

describe('time limits of the negotiation', () => {
  test('closes a client that sends no header for 10 s', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await harness.clock.advance(10_000);
    assert.match(await client.peer.readsToEnd(), /<stream:error><connection-timeout .*<\/stream:stream>$/);
    assert.equal(harness.negotiating.size, 0);
  });

  test('closes a client that has not logged in after 60 s, whatever it sends', async (t) => {
    const harness = await startHarness(t, { options: { maxAuthAttempts: 1_000 } });
    const client = harness.connect();
    await client.open();
    for (let second = 0; second < 59; second++) {
      client.auth('NONE', '');
      await harness.clock.advance(1_000);
    }
    assert.equal(client.peer.ended, false);
    await harness.clock.advance(1_000);
    assert.match(await client.peer.readsToEnd(), /<stream:error><connection-timeout /);
  });

  test('a client that has bound may be silent for days', async (t) => {
    const harness = await startHarness(t);
    const client = await harness.bound('balcony');
    await harness.clock.advance(72 * 60 * 60 * 1000);
    assert.equal(client.peer.ended, false);
  });

  test('lists clients that are still logging in, for the stop of the server', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await client.open();
    for (const session of harness.negotiating) session.close(new StreamError('system-shutdown'));
    assert.match(await client.peer.readsToEnd(), error('system-shutdown'));
    assert.equal(harness.negotiating.size, 0);
    const bound = await harness.bound('balcony');
    assert.equal(harness.negotiating.size, 0);
    bound.peer.drop();
  });

  test('RFC 6120 §13.12: a stanza larger than 10 KiB before authentication is a policy-violation', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.auth('PLAIN', base64('x'.repeat(12_000)));
    assert.match(await client.peer.readsToEnd(), /<stream:error><policy-violation /);
  });
});

describe('binding', () => {
  test('RFC 6120 §7.7: a client gets the resource that it asks for', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    assert.match(
      await client.login(),
      /<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'\/><session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional\/><\/session><\/stream:features>/,
    );
    assert.equal(
      await client.bind('balcony'),
      `<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@${DOMAIN}/balcony</jid></bind></iq>`,
    );
    assert.equal(harness.session(`juliet@${DOMAIN}/balcony`).connected, true);
  });

  test('RFC 6120 §7.6: chooses an unguessable resource for a client that names none', async (t) => {
    const harness = await startHarness(t);
    const jids = new Set<string>();
    for (const wish of ['', '<resource/>']) {
      const client = harness.connect();
      await client.login();
      client.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${wish}</bind></iq>`);
      const jid = /<jid>juliet@im.example.com\/([^<]{16,})<\/jid>/.exec(await client.reads('</iq>'))?.[1];
      assert.ok(jid !== undefined);
      jids.add(jid);
    }
    assert.equal(jids.size, 2);
  });

  test('RFC 6120 §7.7.2.1: a resource that cannot be used is bad-request, and another may be tried', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.login();
    assert.match(
      await client.bind('x'.repeat(1_100)),
      /type='error' id='b1'><error type='modify'><bad-request /,
    );
    client.send(`<iq type='get' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`);
    assert.match(await client.reads('</iq>'), /id='b2'><error type='modify'><bad-request /);
    assert.match(await client.bind('balcony'), /<jid>/);
  });

  test('RFC 6120 §7.6.2.1: more sessions than an account may have are a resource-constraint', async (t) => {
    const harness = await startHarness(t, { options: { maxSessions: 2 } });
    await harness.bound('one');
    await harness.bound('two');
    const third = harness.connect();
    await third.login();
    assert.match(await third.bind('three'), /<error type='wait'><resource-constraint /);
    assert.match(await third.bind('two'), /<jid>/);
    assert.equal(harness.host.sessions.size, 2);
  });

  test('RFC 6120 §7.7.2.2: a session that takes a resource over ends the one that had it', async (t) => {
    const harness = await startHarness(t);
    const events: string[] = [];
    harness.hook('resource-bind', ({ session }) => void events.push(`bind ${session.id}`));
    harness.hook(
      'resource-unbind',
      ({ session, error }) => void events.push(`unbind ${session.id} ${error?.message}`),
    );
    const old = await harness.bound('balcony');
    const oldId = harness.session(`juliet@${DOMAIN}/balcony`).id;
    await harness.bound('balcony');
    const newId = harness.session(`juliet@${DOMAIN}/balcony`).id;
    assert.match(await old.peer.readsToEnd(), /<stream:error><conflict .*<\/stream:stream>$/);
    assert.notEqual(oldId, newId);
    assert.deepEqual(events, [
      `bind ${oldId}`,
      `unbind ${oldId} conflict: Replaced by a new session`,
      `bind ${newId}`,
    ]);
    assert.equal(harness.host.sessions.size, 1);
  });

  test('an account that is deleted between login and binding is not bound', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await client.login();
    await harness.host.deleteUser('juliet');
    assert.match(await client.bind('balcony'), /<error type='cancel'><not-allowed /);
  });

  test('RFC 6120 §7.6.2.2: an account that is disabled between login and binding is not bound', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await client.login();
    await harness.host.setEnabled('juliet', false);
    assert.match(await client.bind('balcony'), /<error type='cancel'><not-allowed /);
    await harness.host.setEnabled('juliet', true);
    assert.match(await client.bind('balcony'), /<jid>/);
  });

  test('RFC 3921 §3: a client that still asks for a session is answered', async (t) => {
    const client = await (await startHarness(t)).bound('balcony');
    client.send(`<iq type='set' id='s1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>`);
    assert.equal(
      await client.reads(/<iq [^>]*\/>/),
      `<iq type='result' id='s1' from='juliet@${DOMAIN}' to='juliet@${DOMAIN}/balcony'/>`,
    );
    client.send(
      `<iq type='set' id='s2' to='romeo@${DOMAIN}'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>`,
    );
    assert.match(await client.reads('</iq>'), /type='error' id='s2' from='romeo@/);
  });
});
