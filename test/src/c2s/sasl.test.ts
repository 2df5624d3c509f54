import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settled } from '../../support/duplex.ts';
import { ScramClient } from '../sasl/scram-client.ts';
import {
  base64,
  type Client,
  DOMAIN,
  type Harness,
  header,
  PASSWORD,
  plain,
  startHarness,
} from './harness.ts';

const failure = (condition: string) =>
  new RegExp(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><${condition}/>.*?</failure>`);

/** The answer to an attempt that needs time to be refused. */
async function refused({ clock }: Harness, client: Client, condition: string): Promise<void> {
  await eventually(() => clock.pending > 1); // The one that is always there limits the whole negotiation.
  await clock.advance(500);
  await client.reads(failure(condition));
}

/** Key derivation takes real time, in another thread. */
async function eventually(isDone: () => boolean): Promise<void> {
  const patienceEnds = Date.now() + 5_000;
  while (!isDone()) {
    assert.ok(Date.now() < patienceEnds, 'it never happened');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('mechanisms', () => {
  test('RFC 6120 §6.3.3: the best mechanism comes first', async (t) => {
    const client = (await startHarness(t)).connect();
    assert.match(
      await client.open(),
      /<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256<\/mechanism><mechanism>SCRAM-SHA-1<\/mechanism><mechanism>PLAIN<\/mechanism><\/mechanisms>/,
    );
  });

  test('RFC 6120 §13.8.3: PLAIN is not offered without TLS, nor taken', async (t) => {
    const client = (await startHarness(t, { allowPlain: false })).connect();
    assert.doesNotMatch(await client.open(), /PLAIN/);
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads(failure('invalid-mechanism'));
  });

  test('RFC 6120 §6.5.7: a mechanism that is not offered is invalid-mechanism', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.auth('DIGEST-MD5', '');
    await client.reads(failure('invalid-mechanism'));
    client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
    await client.reads(failure('invalid-mechanism'));
  });

  test('RFC 6120 §6.5.4: where encryption is required, SASL without it is encryption-required', async (t) => {
    const client = (await startHarness(t, { requireEncryption: true })).connect();
    assert.doesNotMatch(await client.open(), /mechanism/);
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads(failure('encryption-required'));
  });
});

describe('success', () => {
  for (const hash of ['sha1', 'sha256'] as const) {
    const name = hash === 'sha1' ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256';
    test(`RFC 5802: ${name} proves each side to the other, then the stream restarts`, async (t) => {
      const client = (await startHarness(t)).connect();
      await client.open();
      const scram = new ScramClient({ hash, username: 'juliet', password: PASSWORD });
      client.auth(name, base64(scram.first()));
      const challenge = /<challenge [^>]*>([^<]*)</.exec(await client.reads('</challenge>'))?.[1] ?? '';
      const final = scram.final(Buffer.from(challenge, 'base64'));
      client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64(final)}</response>`);
      const success = /<success [^>]*>([^<]*)</.exec(await client.reads('</success>'))?.[1] ?? '';
      assert.equal(Buffer.from(success, 'base64').toString(), scram.expected);
      assert.match(await client.open(), /<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'\/>/);
    });
  }

  test('RFC 6120 §6.4.2: a first response may come after an empty challenge', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.auth('PLAIN', '');
    await client.reads(`<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
    client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${plain('juliet', PASSWORD)}</response>`);
    await client.reads('<success ');
  });

  test('a header sent right behind the last response belongs to the new stream', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.send(
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain('juliet', PASSWORD)}</auth>${header()}`,
    );
    await client.reads('<success ');
    await client.reads('urn:ietf:params:xml:ns:xmpp-bind');
  });

  // go-xmpp ends each SASL element with a line feed.
  test('white space behind the last SASL element belongs to the old stream', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.auth('PLAIN', '');
    client.send('\n');
    await client.reads('<challenge ');
    client.send(
      `<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${plain('juliet', PASSWORD)}</response>\n`,
    );
    await client.reads('<success ');
    await client.open();
    assert.match(await client.bind('balcony'), /<jid>juliet@im.example.com\/balcony</);
  });

  test('white space that arrives after the answer does not hide the header of the new stream', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads('<success ');
    client.send('\r\n');
    await settled();
    client.send(' \t\n');
    await client.open();
    assert.match(await client.bind('balcony'), /<jid>/);
  });

  test('RFC 6120 §4.7.2: after authentication the host stays the same', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads('<success ');
    assert.match(await client.refused(header('other.example.com')), /<stream:error><host-unknown /);
  });

  test('RFC 6120 §4.7.1: after authentication the header may not name somebody else', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads('<success ');
    const text = await client.refused(header(DOMAIN, ` from='romeo@${DOMAIN}'`));
    assert.match(text, /<stream:error><invalid-from /);
  });

  // Perl's XML::Stream names the machine that it runs on.
  const passedOver = ['laptop', 'romeo@elsewhere.example', DOMAIN, `laptop/${DOMAIN}`, 'not an address@'];
  for (const from of passedOver) {
    test(`a header from "${from}", which names no account of this host, changes nothing`, async (t) => {
      const harness = await startHarness(t);
      const client = harness.connect();
      await client.open(DOMAIN, ` from='${from}'`);
      client.auth('PLAIN', plain('juliet', PASSWORD));
      await client.reads('<success ');
      await client.open(DOMAIN, ` from='${from}'`);
      await client.bind('balcony');
      client.send(`<message to='juliet@${DOMAIN}/balcony' type='chat' id='m'><body>Ay me!</body></message>`);
      assert.equal(harness.session(`juliet@${DOMAIN}/balcony`).jid.toString(), `juliet@${DOMAIN}/balcony`);
      assert.match(await client.reads('</message>'), / from='juliet@im.example.com\/balcony'/);
    });
  }
});

describe('failure', () => {
  test('RFC 6120 §6.5.10: a wrong password and an unknown user are not-authorized alike, after a delay', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await client.open();
    client.auth('PLAIN', plain('juliet', 'wrong'));
    await settled();
    assert.equal(client.peer.unread, '');
    await refused(harness, client, 'not-authorized');
    client.auth('PLAIN', plain('nurse', PASSWORD));
    await refused(harness, client, 'not-authorized');
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads('<success ');
  });

  test('RFC 6120 §6.5.2: a disabled account is account-disabled', async (t) => {
    const harness = await startHarness(t);
    await harness.host.accounts.setEnabled('juliet', false);
    const client = harness.connect();
    await client.open();
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await refused(harness, client, 'account-disabled');
  });

  test('RFC 6120 §6.4.5: five retries, and the sixth closes the stream unread', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await client.open();
    for (let attempt = 0; attempt < 6; attempt++) {
      client.auth('PLAIN', plain('juliet', `guess ${attempt}`));
      await refused(harness, client, 'not-authorized');
    }
    await settled();
    assert.equal(client.peer.unread, '');
    client.auth('PLAIN', plain('juliet', PASSWORD));
    const end = await client.peer.readsToEnd();
    assert.match(end, /^<stream:error><policy-violation .*<\/stream:stream>$/);
    assert.equal(harness.negotiating.size, 0);
  });

  test('a client that tries all that is offered, twice where it can, last hears not-authorized', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await client.open();
    const wrong = { username: 'juliet', password: 'wrong' };
    for (const hash of ['sha256', 'sha256', 'sha1', 'sha1'] as const) {
      const scram = new ScramClient({ hash, ...wrong });
      client.auth(hash === 'sha1' ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256', base64(scram.first()));
      const challenge = /<challenge [^>]*>([^<]*)</.exec(await client.reads('</challenge>'))?.[1] ?? '';
      const final = scram.final(Buffer.from(challenge, 'base64'));
      client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64(final)}</response>`);
      await refused(harness, client, 'not-authorized');
    }
    client.auth('PLAIN', plain('juliet', 'wrong'));
    await refused(harness, client, 'not-authorized');
    await settled();
    assert.equal(client.peer.unread, '');
    client.send('</stream:stream>');
    assert.equal(await client.peer.readsToEnd(), '</stream:stream>');
  });

  const encodings: [what: string, data: string][] = [
    ['other characters', 'AGp1b*GlldAByMG0zMA=='],
    ['white space', 'AGp1bGll dAByMG0zMA=='],
    ['too little padding', 'AGp1bGlldAByMG0zMA='],
    ['padding inside', 'AGp1==bGlldAByMG0zMA'],
    ['the URL alphabet', 'AGp1bGlldAByMG0zMA-_'],
  ];
  for (const [what, data] of encodings) {
    test(`RFC 6120 §6.5.5: base64 with ${what} is incorrect-encoding`, async (t) => {
      const client = (await startHarness(t)).connect();
      await client.open();
      client.auth('PLAIN', data);
      await client.reads(failure('incorrect-encoding'));
    });
  }

  test('RFC 6120 §6.5.8: a message that the mechanism cannot read is malformed-request', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.auth('PLAIN', base64('juliet'));
    await client.reads(failure('malformed-request'));
    client.auth('SCRAM-SHA-256', base64('n,,x=y'));
    await client.reads(failure('malformed-request'));
    client.auth('PLAIN', '<b>juliet</b>');
    await client.reads(failure('malformed-request'));
  });

  test('RFC 6120 §6.4.2: "=" is an initial response of no length, which no mechanism can read', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256']) {
      client.auth(mechanism, '=');
      await client.reads(failure('malformed-request'));
    }
  });

  test('RFC 6120 §6.4.3: a response of no length is a message too, and there is no second try', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    for (const data of ['', '=']) {
      client.auth('PLAIN', '');
      await client.reads(`<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
      client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${data}</response>`);
      await client.reads(failure('malformed-request'));
    }
  });

  test('RFC 6120 §6.4.4: an abort ends the attempt, and another one may begin', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    const scram = new ScramClient({ hash: 'sha256', username: 'juliet', password: PASSWORD });
    client.auth('SCRAM-SHA-256', base64(scram.first()));
    await client.reads('</challenge>');
    client.send(`<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
    await client.reads(failure('aborted'));
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads('<success ');
  });

  test('a response without an attempt, and an attempt inside another, are malformed-request', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64('x')}</response>`);
    await client.reads(failure('malformed-request'));
    const scram = new ScramClient({ hash: 'sha1', username: 'juliet', password: PASSWORD });
    client.auth('SCRAM-SHA-1', base64(scram.first()));
    await client.reads('</challenge>');
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await client.reads(failure('malformed-request'));
  });

  test('requests sent before the answers came are answered one by one, in order', async (t) => {
    const client = (await startHarness(t)).connect();
    await client.open();
    const auth = (mechanism: string) =>
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${base64('x')}</auth>`;
    client.send(`${auth('NONE')}${auth('PLAIN')}${auth('NONE')}`);
    await client.reads(failure('invalid-mechanism'));
    await client.reads(failure('malformed-request'));
    await client.reads(failure('invalid-mechanism'));
  });

  test('a client that hangs up while its password is verified leaves nothing behind', async (t) => {
    const harness = await startHarness(t);
    const client = harness.connect();
    await client.open();
    assert.equal(harness.negotiating.size, 1);
    client.auth('PLAIN', plain('juliet', PASSWORD));
    await settled(1);
    client.peer.drop();
    await eventually(() => harness.negotiating.size === 0);
    assert.equal(harness.host.sessions.size, 0);
    assert.equal(harness.clock.pending, 0);
  });
});
