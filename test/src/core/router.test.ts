// The way of a stanza: its sender's host, the router, its recipient's host or the link to another server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind, StanzaEvent, Target } from '../../../src/api/events.ts';
import { StorageError } from '../../../src/storage/error.ts';
import { xml } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { assertXml, parseXml } from '../../support/match.ts';
import { assertFaults } from '../../support/server.ts';
import { startBench, TEST_NS } from './harness.ts';

const ROMEO = 'romeo@montague.lit/orchard';
const JULIET = 'juliet@montague.lit/balcony';

function errorXml(condition: string, type: string, text = ''): string {
  const NS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
  return `<error type='${type}'><${condition} xmlns='${NS}'/>${text && `<text xmlns='${NS}' xml:lang='en'>${text}</text>`}</error>`;
}

// ── Whose it is ────────────────────────────────────────────────────────────────────────────────────────────────

test('the addresses decide the events of a stanza: on the sender’s host, then on the recipient’s', async (t) => {
  const bench = await startBench(t);
  const fired: string[] = [];
  for (const kind of ['message', 'presence'] as const satisfies Kind[]) {
    for (const target of ['full', 'bare', 'host', 'self'] as const satisfies Target[]) {
      bench.hook(`pre-${kind}/${target}`, (event) => void fired.push(`pre-${kind}/${target} ${event.to}`));
      bench.hook(`${kind}/${target}`, (event) => {
        fired.push(`${kind}/${target} ${event.to}`);
        return target === 'self' ? undefined : 'handled';
      });
    }
  }
  const romeo = await bench.client(ROMEO);
  const cases: [to: string, ...events: string[]][] = [
    [JULIET, `full ${JULIET}`],
    ['Juliet@Montague.LIT', 'bare juliet@montague.lit'],
    ['montague.lit', 'host montague.lit'],
    ['montague.lit/x', 'host montague.lit/x'],
    ['romeo@montague.lit', 'self romeo@montague.lit', 'bare romeo@montague.lit'],
    [ROMEO, `full ${ROMEO}`],
  ];
  for (const kind of ['message', 'presence']) {
    for (const [to, first, ...more] of cases) {
      fired.length = 0;
      romeo.send(`<${kind} to='${to}'/>`);
      await romeo.receivesNothing();
      assert.deepEqual(
        fired,
        [`pre-${kind}/${first}`, `${kind}/${first}`, ...more.map((event) => `${kind}/${event}`)],
        to,
      );
    }
  }
});

test('RFC 6120 §10.3: without `to` a message is for the own account, a presence for the presence module alone', async (t) => {
  const bench = await startBench(t);
  const seen: string[] = [];
  const note = (name: string) => (event: StanzaEvent) =>
    void seen.push(`${name} ${event.to} ${event.stanza.attrs.to}`);
  bench.hook('pre-message/self', note('pre'));
  bench.hook('message/self', note('in'));
  bench.hook('message/bare', () => 'handled');
  bench.hook('pre-presence/self', note('pre-presence'));
  bench.hook('presence/self', () => assert.fail('a broadcast was delivered'));
  const romeo = await bench.client(ROMEO);
  romeo.send('<message/>');
  romeo.send('<presence/>');
  await romeo.receivesNothing();
  assert.deepEqual(seen, [
    'pre romeo@montague.lit undefined',
    'in romeo@montague.lit romeo@montague.lit',
    'pre-presence romeo@montague.lit undefined',
  ]);
});

test('a handled stanza goes no further, before or after the router', async (t) => {
  const bench = await startBench(t);
  bench.hook('pre-message/bare', ({ stanza }) => (stanza.attrs.id === 'pre' ? 'handled' : undefined));
  bench.hook('message/bare', ({ stanza }) =>
    stanza.attrs.id === 'pre' ? assert.fail('went on') : 'handled',
  );
  const romeo = await bench.client(ROMEO);
  romeo.send(`<message to='juliet@montague.lit' id='pre'/>`);
  romeo.send(`<message to='juliet@montague.lit' id='in'/>`);
  await romeo.receivesNothing();
});

test('routes the stanza that a rewriter has returned', async (t) => {
  const bench = await startBench(t);
  const rewrite = (event: StanzaEvent) => {
    event.stanza = event.stanza.with({ id: `${event.stanza.attrs.id}+` });
  };
  bench.hook('pre-message/full', rewrite, 'rewrite');
  bench.hook('route/remote', rewrite, 'rewrite');
  const romeo = await bench.client(ROMEO);
  romeo.send(`<message to='juliet@capulet.lit/balcony' id='1'/>`);
  await romeo.receivesNothing();
  assertXml(bench.sent[0]!, `<message from='${ROMEO}' to='juliet@capulet.lit/balcony' id='1++'/>`);
  assert.equal(bench.sent[0]!.attrs.id, '1++');
});

test('RFC 6120 §10.1: routes stanzas in order, whatever work they leave behind', async (t) => {
  const bench = await startBench(t);
  let finish: () => void = () => {};
  bench.hook('pre-message/bare', (event) => {
    if (event.stanza.attrs.id === '0') event.waitUntil(new Promise<void>((resolve) => (finish = resolve)));
  });
  const romeo = await bench.client(ROMEO);
  for (let i = 0; i < 5; i++) romeo.send(`<message to='juliet@capulet.lit' id='${i}'/>`);
  await romeo.receivesNothing();
  assert.deepEqual(
    bench.sent.map(({ attrs }) => attrs.id),
    ['0', '1', '2', '3', '4'],
  );
  const { work } = bench.test.server.router;
  assert.equal(work.size, 1);
  let idle = false;
  const waited = work.idle().then(() => (idle = true));
  await romeo.receivesNothing();
  assert.equal(idle, false);
  finish();
  await waited;
  assert.equal(work.size, 0);
});

test('all handlers of a stanza share its notes; a link notes that it took a message', async (t) => {
  const bench = await startBench(t);
  const events: StanzaEvent[] = [];
  bench.hook('pre-message/full', (event) => void events.push(event));
  bench.hook('pre-iq/full', (event) => void events.push(event));
  bench.hook('message/full', ({ notes }) => {
    notes.taken = true;
    return 'handled';
  });
  const romeo = await bench.client(ROMEO);
  romeo.send(`<message to='juliet@capulet.lit/balcony'/>`);
  romeo.send(`<message to='${JULIET}'/>`);
  romeo.send(`<iq type='get' id='1' to='juliet@capulet.lit/balcony'><q xmlns='${TEST_NS}'/></iq>`);
  await romeo.receivesNothing();
  assert.deepEqual(
    events.map(({ notes }) => notes.taken),
    [true, true, undefined],
  );
});

test('sends one stanza to many addresses in this tick; a refusal does not stop the others', async (t) => {
  const bench = await startBench(t);
  let reads = 0;
  const body = xml('body', {}, 'Hi');
  Object.defineProperty(body.attrs, 'x', { enumerable: true, get: () => `${++reads}` });
  const delivered: string[] = [];
  bench.hook('message/full', (event) => {
    if (event.to.resource === 'gone') throw new StanzaError('service-unavailable');
    delivered.push(`${event.stanza}`);
    return 'handled';
  });
  const refused: string[] = [];
  bench.hook('message/host', ({ stanza }) => {
    refused.push(`${stanza.attrs.type} from ${stanza.attrs.from}`);
    return 'handled';
  });
  const to = [JULIET, 'juliet@montague.lit/gone', ROMEO, 'juliet@capulet.lit/x'].map((jid) => Jid.parse(jid));
  const { router } = bench.test.server;
  router.routeToAll(xml('message', { from: 'montague.lit', id: '1' }, body), to, bench.host.origin);
  const copy = (jid: string) =>
    `<message from='montague.lit' id='1' to='${jid}'><body x='1'>Hi</body></message>`;
  assert.deepEqual(delivered, [copy(JULIET), copy(ROMEO)]);
  assert.deepEqual(bench.sent.map(String), [copy('juliet@capulet.lit/x')]);
  assert.deepEqual(refused, ['error from juliet@montague.lit/gone']);
  assert.equal(reads, 1);
  assert.throws(() => router.routeToAll(xml('message'), to, bench.host.origin), TypeError);
});

// ── Errors ─────────────────────────────────────────────────────────────────────────────────────────────────────

test('RFC 6121 §8.5: refuses messages that no module delivers, and drops such presence', async (t) => {
  const bench = await startBench(t);
  bench.deliverErrors();
  const romeo = await bench.client(ROMEO);
  await bench.test.account('juliet@montague.lit');
  for (const to of ['montague.lit', 'nobody@montague.lit', 'juliet@montague.lit', JULIET]) {
    for (const stanza of [
      `<message to='${to}'/>`,
      `<iq type='get' id='1' to='${to}'><q xmlns='urn:q'/></iq>`,
    ]) {
      romeo.send(stanza);
      const kind = parseXml(stanza).name;
      await romeo.receives(
        `<${kind} type='error' from='${to}' to='${ROMEO}'>${errorXml('service-unavailable', 'cancel')}</${kind}>`,
      );
    }
    romeo.send(`<presence to='${to}'/>`);
    await romeo.receivesNothing();
  }
});

test('RFC 6121 §8.5.3: an iq for a resource is delivered to it', async (t) => {
  const bench = await startBench(t);
  const romeo = await bench.client(ROMEO);
  const juliet = await bench.client(JULIET);
  romeo.send(`<iq type='get' id='1' to='${JULIET}'><q xmlns='urn:q'/></iq>`);
  await juliet.receives(`<iq type='get' id='1' from='${ROMEO}' to='${JULIET}'><q xmlns='urn:q'/></iq>`);
  juliet.send(`<iq type='result' id='1' to='${ROMEO}'/>`);
  await romeo.receives(`<iq type='result' id='1' from='${JULIET}' to='${ROMEO}'/>`);
});

test('RFC 6120 §8.3.1: an error is not answered with an error', async (t) => {
  const bench = await startBench(t);
  bench.hook('presence/bare', () => {
    throw new StanzaError('forbidden');
  });
  const romeo = await bench.client(ROMEO);
  const error = errorXml('gone', 'cancel');
  for (const to of ['montague.lit', 'nobody@montague.lit', 'nobody@montague.lit/x', '@@@']) {
    romeo.send(`<message type='error' to='${to}'>${error}</message>`);
    romeo.send(`<presence type='error' to='${to}'>${error}</presence>`);
    romeo.send(`<iq type='error' id='1' to='${to}'>${error}</iq>`);
    romeo.send(`<iq type='result' id='1' to='${to}'/>`);
  }
  await romeo.receivesNothing();
});

test('RFC 6120 §8.3.3.8: a malformed `to` is refused in the name of the address that was asked', async (t) => {
  const bench = await startBench(t);
  bench.deliverErrors();
  const romeo = await bench.client(ROMEO);
  for (const to of ['@montague.lit', 'juliet@', 'a@b@c', '']) {
    romeo.send(`<message to='${to}' id='m'/>`);
    const { attrs, children } = await romeo.next();
    assert.deepEqual({ ...attrs }, { type: 'error', id: 'm', from: to || 'montague.lit', to: ROMEO });
    assert.match(String(children[0]), /^<error type='modify'><jid-malformed /);
  }
});

test('a StanzaError of any handler is the reply; other errors are internal-server-error', async (t) => {
  const bench = await startBench(t);
  bench.deliverErrors();
  const throwing = (error: Error) => () => {
    throw error;
  };
  bench.hook('pre-message/bare', throwing(new StanzaError('policy-violation', { text: 'spam' })), 'guard');
  bench.hook(
    'message/full',
    (event) => (event.stanza.attrs.type === 'error' ? undefined : throwing(new StanzaError('forbidden'))()),
    'guard',
  );
  bench.hook('message/host', throwing(new Error('secret')), 'deliver');
  const full = new StorageError('resource-constraint', 'Not written: /var/lib is full', { driver: 'sqlite' });
  bench.hook('pre-message/self', throwing(full), 'guard');
  bench.hook('route/remote', throwing(new StanzaError('remote-server-timeout')), 'guard');
  const romeo = await bench.client(ROMEO);
  const cases = [
    ['juliet@montague.lit', errorXml('policy-violation', 'modify', 'spam')],
    [JULIET, errorXml('forbidden', 'auth')],
    ['montague.lit', errorXml('internal-server-error', 'cancel')],
    [
      'romeo@montague.lit',
      errorXml('resource-constraint', 'wait', 'The server has no room to store this now. Try again later.'),
    ],
    ['juliet@capulet.lit/x', errorXml('remote-server-timeout', 'wait')],
  ] as const;
  for (const [to, error] of cases) {
    romeo.send(`<message to='${to}' id='1'/>`);
    await romeo.receives(`<message type='error' id='1' from='${to}' to='${ROMEO}'>${error}</message>`);
  }
  assert.deepEqual(bench.sent, []);
  assertFaults(bench.host.faults, { handler: 1, storage: 1 });
});

test('a refused message without `to` comes back from the own account, and a refused presence from the host', async (t) => {
  const bench = await startBench(t);
  bench.deliverErrors();
  for (const event of ['pre-message/self', 'pre-presence/self'] as const) {
    bench.hook(event, () => {
      throw new StanzaError('forbidden');
    });
  }
  const romeo = await bench.client(ROMEO);
  const error = errorXml('forbidden', 'auth');
  romeo.send('<message/>');
  await romeo.receives(`<message type='error' from='romeo@montague.lit' to='${ROMEO}'>${error}</message>`);
  romeo.send('<presence/>');
  await romeo.receives(`<presence type='error' from='montague.lit' to='${ROMEO}'>${error}</presence>`);
});

// ── Other servers ──────────────────────────────────────────────────────────────────────────────────────────────

test('gives stanzas for another server to the link of the sender’s domain', async (t) => {
  const bench = await startBench(t);
  const links: string[] = [];
  bench.test.server.router.remote = {
    send: (local, remote, { attrs }) => void links.push(`${local} ${remote} ${attrs.from}`),
    connect: () => Promise.reject(new Error('not in this test')),
    link: () => {
      throw new Error('not in this test');
    },
    forget: () => {},
  };
  const romeo = await bench.client(ROMEO);
  const benvolio = await bench.client('benvolio@verona.lit/square');
  romeo.send(`<message to='juliet@Capulet.LIT/x'/>`);
  benvolio.send(`<message to='capulet.lit'/>`);
  await romeo.receivesNothing();
  await benvolio.receivesNothing();
  assert.deepEqual(links, [
    `montague.lit capulet.lit ${ROMEO}`,
    'verona.lit capulet.lit benvolio@verona.lit/square',
  ]);
});

test('refuses remote stanzas with remote-server-not-found when the server has no links', async (t) => {
  const bench = await startBench(t);
  bench.deliverErrors();
  bench.test.server.router.remote = undefined;
  const romeo = await bench.client(ROMEO);
  romeo.send(`<message to='juliet@capulet.lit'/>`);
  await romeo.receives(
    `<message type='error' from='juliet@capulet.lit' to='${ROMEO}'>${errorXml('remote-server-not-found', 'cancel')}</message>`,
  );
});

test('a stanza between two other servers is not relayed, and not answered', async (t) => {
  const bench = await startBench(t);
  bench.arrive(`<message from='mallory@evil.lit' to='juliet@capulet.lit'/>`);
  bench.arrive(`<iq type='get' id='1' from='mallory@evil.lit' to='capulet.lit'><q xmlns='urn:q'/></iq>`);
  bench.arrive(`<message to='juliet@capulet.lit'/>`);
  bench.arrive(`<message from='@' to='romeo@montague.lit'/>`);
  assert.deepEqual(bench.sent, []);
});

test('a refusal of a remote stanza returns to its sender, from the recipient’s address', async (t) => {
  const bench = await startBench(t);
  bench.arrive(`<message from='juliet@capulet.lit/x' to='nobody@montague.lit' id='7'/>`);
  assertXml(
    bench.sent[0]!,
    `<message type='error' id='7' from='nobody@montague.lit' to='juliet@capulet.lit/x'>${errorXml('service-unavailable', 'cancel')}</message>`,
  );
});

test('two hosts of ours reach each other without a link', async (t) => {
  const bench = await startBench(t);
  const romeo = await bench.client(ROMEO);
  const benvolio = await bench.client('benvolio@verona.lit/square');
  romeo.send(`<iq type='get' id='1' to='benvolio@verona.lit/square'><q xmlns='urn:q'/></iq>`);
  await benvolio.receives(
    `<iq type='get' id='1' from='${ROMEO}' to='benvolio@verona.lit/square'><q xmlns='urn:q'/></iq>`,
  );
  assert.deepEqual(bench.sent, []);
});

test('a note tells the errors that this server makes from those that others send', async (t) => {
  const bench = await startBench(t);
  const noted: unknown[] = [];
  bench.hook('message/full', ({ stanza, from, notes }) => {
    if (stanza.attrs.type === 'error') noted.push([`${from}`, notes.isBounce]);
  });
  const romeo = await bench.client(ROMEO);
  romeo.send(`<message to='juliet@montague.lit/gone'/>`);
  romeo.send(`<message to='@'/>`);
  await romeo.skipUntil(({ attrs }) => attrs.from === 'juliet@montague.lit/gone');
  await romeo.skipUntil(({ attrs }) => attrs.from === '@');
  bench.arrive(
    `<message type='error' from='juliet@capulet.lit' to='${ROMEO}'>${errorXml('gone', 'cancel')}</message>`,
  );
  await romeo.skipUntil(({ attrs }) => attrs.from === 'juliet@capulet.lit');
  assert.deepEqual(noted, [
    ['juliet@montague.lit/gone', true],
    ['montague.lit', true],
    ['juliet@capulet.lit', undefined],
  ]);
});
