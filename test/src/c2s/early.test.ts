// Requests of clients that have not authenticated: modules may answer them.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Element, xml } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { settled } from '../../support/duplex.ts';
import { type Client, type Harness, type HarnessOptions, PASSWORD, plain, startHarness } from './harness.ts';

const NS = 'urn:example:early';
const request = (id: string, type = 'get') => `<iq type='${type}' id='${id}'><query xmlns='${NS}'/></iq>`;
const result = (iq: Element) => xml('iq', { type: 'result', id: iq.attrs.id });

interface Scene {
  readonly harness: Harness;
  readonly client: Client;
}

async function start(
  t: TestContext,
  answer: (iq: Element) => Promise<Element> | undefined,
  options: HarnessOptions = {},
): Promise<Scene> {
  const harness = await startHarness(t, options);
  harness.hook('c2s-early-iq', ({ iq }) => answer(iq));
  const client = harness.connect();
  await client.open();
  return { harness, client };
}

describe('c2s-early-iq', () => {
  for (const requireEncryption of [false, true]) {
    test(`answers a request before authentication, ${requireEncryption ? 'and before TLS' : 'then the login goes on'}`, async (t) => {
      const { client } = await start(t, async (iq) => result(iq), { requireEncryption });
      client.send(request('a', 'set'));
      await client.reads(`<iq type='result' id='a'/>`);
      if (requireEncryption) return;
      client.auth('PLAIN', plain('juliet', PASSWORD));
      await client.reads('<success ');
    });
  }

  test('RFC 6120 §4.9.3.12: without a module, or with one that does not know it, a request ends the stream', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await client.open();
    assert.match(await client.refused(request('a')), /<not-authorized /);
    const other = await start(t, () => undefined);
    assert.match(await other.client.refused(request('a')), /<not-authorized /);
  });

  const others: [what: string, sent: string][] = [
    ['a message', `<message to='juliet@im.example.com'/>`],
    ['an iq result', `<iq type='result' id='a'/>`],
    ['a request to bind', `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`],
  ];
  for (const [what, sent] of others) {
    test(`is not asked for ${what}`, async (t) => {
      const { client } = await start(t, () => assert.fail('not asked'));
      assert.match(await client.refused(sent), /<not-authorized /);
    });
  }

  test('is not asked after authentication', async (t) => {
    const { harness, client } = await start(t, () => assert.fail('not asked'));
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads('<success ');
    await client.open();
    assert.match(await client.refused(request('a')), /<not-authorized /);
    assert.equal(harness.negotiating.size, 0);
  });

  test('handles one request at a time, in order; later elements wait', async (t) => {
    const asked: string[] = [];
    const finish: (() => void)[] = [];
    const { client } = await start(t, async (iq) => {
      asked.push(iq.attrs.id!);
      await new Promise<void>((resolve) => finish.push(resolve));
      return result(iq);
    });
    client.send(`${request('a')}${request('b')}`);
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await settled();
    assert.deepEqual(asked, ['a']);
    finish[0]?.();
    await client.reads(`<iq type='result' id='a'/>`);
    await settled();
    assert.deepEqual(asked, ['a', 'b']);
    assert.equal(client.peer.unread, '');
    finish[1]?.();
    await client.reads(`<iq type='result' id='b'/>`);
    await client.reads('<success ');
  });

  test('takes ten requests of a stream; the next one ends it', async (t) => {
    const { client } = await start(t, async (iq) => result(iq));
    for (let index = 0; index < 10; index++) {
      client.send(request(`r${index}`));
      await client.reads(`<iq type='result' id='r${index}'/>`);
    }
    assert.match(await client.refused(request('last')), /<policy-violation /);
  });

  test('a refusal is the error reply, however it comes', async (t) => {
    for (const refuse of [
      () => Promise.reject(new StanzaError('not-allowed')),
      () => {
        throw new StanzaError('not-allowed');
      },
    ]) {
      const { client } = await start(t, refuse);
      client.send(request('a'));
      assert.match(
        await client.reads('</iq>'),
        /^<iq type='error' id='a'><error type='cancel'><not-allowed /,
      );
    }
  });

  test('any other failure is an internal-server-error, which is reported', async (t) => {
    const { client, harness } = await start(t, () => Promise.reject(new Error('broken')));
    client.send(request('a'));
    assert.match(await client.reads('</iq>'), /<internal-server-error /);
    assert.deepEqual([...harness.context.faults.counts], [['handler', 1]]);
  });

  test('RFC 6120 §8.2.3: a request without an id is a bad-request, and nobody is asked', async (t) => {
    const { client } = await start(t, () => assert.fail('not asked'));
    client.send(`<iq type='get'><query xmlns='${NS}'/></iq>`);
    assert.match(await client.reads('</iq>'), /<bad-request /);
  });

  test('a client that hangs up during a request leaves nothing behind', async (t) => {
    let finish = () => {};
    const { client, harness } = await start(t, async (iq) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return result(iq);
    });
    client.send(request('a'));
    await settled();
    client.peer.drop();
    await settled();
    finish();
    await settled();
    assert.equal(harness.negotiating.size, 0);
    assert.equal(harness.clock.pending, 0);
  });
});
