// A profile and mechanisms of modules beside those of the server: the seam for other syntaxes of SASL.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Login, SaslMechanisms, SaslProfile } from '../../../src/api/login.ts';
import { type Element, xml } from '../../../src/xml/element.ts';
import { SaslError } from '../../../src/xml/errors.ts';
import { settled } from '../../support/duplex.ts';
import { base64, type Client, type Harness, PASSWORD, plain, startHarness } from './harness.ts';

const NS = 'urn:example:login';

/** Speaks SASL in its own elements, and goes on without a new header. */
function profile(proved: SaslProfile['proved']): SaslProfile {
  return {
    xmlns: NS,
    elements: ['login', 'answer', 'abort'],
    feature: ({ mechanisms, bindings }) =>
      xml('logins', { xmlns: NS, bindings: `${bindings.size}` }, mechanisms.join(' ')),
    read(element) {
      if (element.name === 'abort') return { do: 'abort' };
      const text = element.text();
      if (text === '!') throw new SaslError('incorrect-encoding');
      const data = Buffer.from(text, 'base64');
      if (element.name === 'answer') return { do: 'answer', data };
      const start = { do: 'start', mechanism: element.attrs.with ?? '' } as const;
      const unlisted = element.attrs.unlisted === 'true';
      return text === '' ? { ...start, unlisted } : { ...start, unlisted, data };
    },
    challenge: (data) => xml('challenge', NS, data.toString('base64')),
    failure: ({ condition }) => xml('failed', { xmlns: NS, condition }),
    proved,
  };
}

const success = (login: Login) => xml('welcome', { xmlns: NS, user: login.user, with: login.mechanism });
const proceed = async (login: Login) => login.proceed(success(login));

/** Accepts everybody who says the word. */
function word(listed: boolean): SaslMechanisms {
  const name = listed ? 'WORD' : 'SECRET-WORD';
  return {
    listed,
    names: () => [name],
    create: () => ({
      name,
      async step(data) {
        if (`${data}` === '') return { done: false, challenge: Buffer.from('the word?') };
        if (`${data}` !== 'shibboleth') throw new SaslError('not-authorized');
        return { done: true, user: 'juliet', data: Buffer.from('well said') };
      },
    }),
  };
}

interface Scene {
  readonly harness: Harness;
  readonly client: Client;
  readonly features: string;
}

async function start(t: TestContext, proved: SaslProfile['proved'], modules?: string[]): Promise<Scene> {
  const harness = await startHarness(t, { options: { authFailureDelayMs: 0 }, ...(modules && { modules }) });
  const { items } = harness.host;
  items.add('sasl-profile', profile(proved));
  items.add('sasl-mechanism', word(true));
  items.add('sasl-mechanism', word(false));
  const client = harness.connect();
  return { harness, client, features: await client.open() };
}

const login = (mechanism: string, data: string, more = '') =>
  `<login xmlns='${NS}' with='${mechanism}'${more}>${data}</login>`;
const WELCOME = `<welcome xmlns='${NS}' user='juliet' with='PLAIN'/>`;
const RIGHT = login('PLAIN', plain('juliet', PASSWORD));

/** The next answer; what is due now happens. */
async function answer({ harness, client }: Scene): Promise<string> {
  const reading = client.reads(/<(failed|welcome)[^>]*\/>|<challenge.*?<\/challenge>/);
  let isDone = false;
  void reading.finally(() => {
    isDone = true;
  });
  while (!isDone) await harness.clock.advance(0);
  return reading;
}

describe('a profile', () => {
  test('announces the same mechanisms as the others, listed ones only, those of modules last', async (t) => {
    const { features } = await start(t, proceed);
    const names = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'WORD'];
    const listed = names.map((name) => `<mechanism>${name}</mechanism>`).join('');
    assert.match(features, new RegExp(`<mechanisms [^>]*>${listed}</mechanisms>`));
    assert.match(features, new RegExp(`<logins xmlns='${NS}' bindings='0'>${names.join(' ')}</logins>`));
  });

  test('may go on without a new header: success, then the features of an authenticated stream', async (t) => {
    const { client } = await start(t, proceed);
    client.send(RIGHT);
    assert.equal(await client.reads('/>'), WELCOME);
    assert.match(await client.reads('</stream:features>'), /^<stream:features><bind /);
    assert.match(await client.bind('balcony'), /<jid>juliet@im.example.com\/balcony<\/jid>/);
  });

  test('may restart the stream, as RFC 6120 does', async (t) => {
    const { client } = await start(t, async (login) => login.restart(success(login)));
    client.send(RIGHT);
    await client.reads(WELCOME);
    assert.match(await client.open(), /<bind /);
  });

  test('may refuse an account that is proved, by a call or by what it throws', async (t) => {
    for (const refuse of [
      async (login: Login) => login.fail(new SaslError('invalid-authzid')),
      () => Promise.reject(new SaslError('invalid-authzid')),
    ]) {
      const scene = await start(t, refuse);
      scene.client.send(RIGHT);
      assert.equal(await answer(scene), `<failed xmlns='${NS}' condition='invalid-authzid'/>`);
      scene.client.auth('PLAIN', plain('juliet', PASSWORD));
      await scene.client.reads('<success ');
    }
  });

  test('that concludes nothing, or fails, costs the login and not the stream', async (t) => {
    for (const broken of [async () => {}, () => Promise.reject(new Error('broken'))]) {
      const scene = await start(t, broken);
      scene.client.send(RIGHT);
      assert.equal(await answer(scene), `<failed xmlns='${NS}' condition='temporary-auth-failure'/>`);
      scene.client.auth('PLAIN', plain('juliet', PASSWORD));
      await scene.client.reads('<success ');
    }
  });

  test('gets the failures of attempts in its own syntax; what it cannot read is one', async (t) => {
    const scene = await start(t, proceed);
    const attempts: [sent: string, condition: string][] = [
      [login('PLAIN', plain('juliet', 'wrong')), 'not-authorized'],
      [login('DIGEST-MD5', 'eA=='), 'invalid-mechanism'],
      [login('PLAIN', '!'), 'incorrect-encoding'],
      [`<answer xmlns='${NS}'>eA==</answer>`, 'malformed-request'],
      [`<abort xmlns='${NS}'/>`, 'aborted'],
    ];
    for (const [sent, condition] of attempts) {
      scene.client.send(sent);
      assert.equal(await answer(scene), `<failed xmlns='${NS}' condition='${condition}'/>`);
    }
  });

  test('cannot answer the challenge of an attempt that another profile began', async (t) => {
    const scene = await start(t, proceed);
    scene.client.auth('WORD', '');
    await scene.client.reads(/<challenge [^>]*>/);
    scene.client.send(`<answer xmlns='${NS}'>${base64('shibboleth')}</answer>`);
    assert.equal(await answer(scene), `<failed xmlns='${NS}' condition='malformed-request'/>`);
  });

  test('shares the limit of attempts with the others', async (t) => {
    const scene = await start(t, proceed);
    for (let attempt = 0; attempt < 3; attempt++) {
      scene.client.send(login('PLAIN', '!'));
      assert.match(await answer(scene), /incorrect-encoding/);
      scene.client.auth('PLAIN', '!');
      await scene.client.reads(/<incorrect-encoding\/>.*<\/failure>/);
    }
    assert.match(await scene.client.refused(RIGHT), /<policy-violation /);
  });

  test('is refused in its own syntax where encryption is required first', async (t) => {
    const harness = await startHarness(t, { requireEncryption: true });
    harness.host.items.add('sasl-profile', profile(proceed));
    const client = harness.connect();
    assert.doesNotMatch(await client.open(), /logins/);
    client.send(RIGHT);
    await client.reads(`<failed xmlns='${NS}' condition='encryption-required'/>`);
  });

  test('that comes later is not there for a stream; one that goes stays', async (t) => {
    const harness = await startHarness(t);
    const early = harness.connect();
    await early.open();
    const remove = harness.host.items.add('sasl-profile', profile(proceed));
    const client = harness.connect();
    await client.open();
    remove();
    client.send(RIGHT);
    await client.reads(WELCOME);
    assert.match(await early.refused(RIGHT), /<not-authorized /);
  });

  test('without saslauth nothing else is offered, and its elements are unknown', async (t) => {
    const { client, features } = await start(t, proceed, []);
    assert.doesNotMatch(features, /<mechanisms/);
    client.auth('PLAIN', plain('juliet', PASSWORD));
    assert.match(await client.peer.readsToEnd(), /<not-authorized /);
  });
});

describe('a mechanism of a module', () => {
  test('is spoken through every profile, with a challenge and additional data', async (t) => {
    const { client } = await start(t, proceed);
    client.auth('WORD', '=');
    await client.reads(
      `<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64('the word?')}</challenge>`,
    );
    client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64('shibboleth')}</response>`);
    await client.reads(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64('well said')}</success>`);
    assert.match(await client.open(), /<bind /);
  });

  test('that is not listed needs a profile that asks for it', async (t) => {
    const scene = await start(t, proceed);
    const data = base64('shibboleth');
    scene.client.auth('SECRET-WORD', data);
    await scene.client.reads('<invalid-mechanism/></failure>');
    scene.client.send(login('SECRET-WORD', data));
    assert.match(await answer(scene), /invalid-mechanism/);
    scene.client.send(login('SECRET-WORD', data, ` unlisted='true'`));
    assert.match(await answer(scene), /<welcome /);
  });
});

describe('login.next', () => {
  const asked = (read: (element: Element) => void) => async (login: Login) => {
    login.session.write(xml('more', NS));
    read(await login.next(['task']));
    login.proceed(success(login));
  };

  test('reads exactly one element of the profile; what follows waits', async (t) => {
    const read: string[] = [];
    const { client } = await start(
      t,
      asked((element) => void read.push(element.text())),
    );
    client.send(RIGHT);
    await client.reads(`<more xmlns='${NS}'/>`);
    client.send(
      `<task xmlns='${NS}'>done</task><iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`,
    );
    await client.reads(WELCOME);
    await client.reads('</stream:features>');
    await client.reads('</iq>');
    assert.deepEqual(read, ['done']);
  });

  for (const other of [
    `<answer xmlns='${NS}'/>`,
    `<task xmlns='urn:example:other'/>`,
    `<iq type='get' id='1'/>`,
    `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`,
  ]) {
    test(`ends the stream for ${other}`, async (t) => {
      const { client, harness } = await start(
        t,
        asked(() => assert.fail('nothing is read')),
      );
      client.send(RIGHT);
      await client.reads(`<more xmlns='${NS}'/>`);
      assert.match(await client.refused(other), /<policy-violation /);
      assert.equal(harness.negotiating.size, 0);
    });
  }

  test('is a temporary-auth-failure after 30 seconds', async (t) => {
    const scene = await start(
      t,
      asked(() => assert.fail('nothing is read')),
    );
    scene.client.send(RIGHT);
    await scene.client.reads(`<more xmlns='${NS}'/>`);
    await scene.harness.clock.advance(29_000);
    assert.equal(scene.client.peer.unread, '');
    await scene.harness.clock.advance(1_000);
    assert.equal(await answer(scene), `<failed xmlns='${NS}' condition='temporary-auth-failure'/>`);
  });

  test('is over when the client hangs up', async (t) => {
    const { client, harness } = await start(
      t,
      asked(() => assert.fail('nothing is read')),
    );
    client.send(RIGHT);
    await client.reads(`<more xmlns='${NS}'/>`);
    client.peer.drop();
    await settled();
    assert.equal(harness.negotiating.size, 0);
    assert.equal(harness.clock.pending, 0);
  });
});
