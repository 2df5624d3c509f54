import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SaslStep } from '../../../src/sasl/mechanism.ts';
import { deriveKeys, type ScramOptions, ScramServer } from '../../../src/sasl/scram.ts';
import { DEFAULT_SHAPE, fakeKeys } from '../../../src/sasl/scram-keys.ts';
import { type SaslCondition, SaslError } from '../../../src/xml/errors.ts';
import { ScramClient } from './scram-client.ts';

const SEED = Buffer.from('a secret of the host');
const BINDING = new Map([['tls-exporter', Buffer.from('data of this connection')]]);
const SALT = Buffer.from('QSXCR+Q6sek8bf92', 'base64');
const KEYS = await deriveKeys('pencil', { hash: 'sha1', salt: SALT, iterations: 4096 });

/** Of a server that knows `user` with the password `pencil`, and takes names in lower case. */
const OPTIONS: ScramOptions = {
  hash: 'sha1',
  plus: false,
  prepareUser: (name) => (name.includes('@') ? undefined : name.toLowerCase()),
  lookup: async (user) => (user === 'user' ? KEYS : undefined),
  authorize: async () => {},
  fakeKeys: async (user) => fakeKeys(SEED, user, 'sha1', DEFAULT_SHAPE),
};

/** With the server's nonce of RFC 5802 §5. */
function server(options: Partial<ScramOptions> = {}): ScramServer {
  return new ScramServer({ ...OPTIONS, nonce: () => '3rfcNHYJY1ZVvWVs7j', ...options });
}

function client(options: Partial<ConstructorParameters<typeof ScramClient>[0]> = {}): ScramClient {
  return new ScramClient({ hash: 'sha1', username: 'user', password: 'pencil', ...options });
}

async function talk(from: ScramClient, to: ScramServer): Promise<SaslStep> {
  return to.step(from.final(challengeOf(await to.step(from.first()))));
}

function challengeOf(step: SaslStep): Buffer {
  assert.ok(!step.done);
  return step.challenge;
}

function refused(condition: SaslCondition) {
  return (error: unknown) => {
    assert.ok(error instanceof SaslError, String(error));
    assert.equal(error.condition, condition);
    return true;
  };
}

test('RFC 5802 §5: the example exchange', async () => {
  const scram = server();
  assert.equal(scram.name, 'SCRAM-SHA-1');
  const first = await scram.step(Buffer.from('n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL'));
  assert.equal(
    `${challengeOf(first)}`,
    'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
  );
  const last = await scram.step(
    Buffer.from('c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts='),
  );
  assert.deepEqual(last, { done: true, user: 'user', data: Buffer.from('v=rmF9pqV8S7suAoZWja4dJRkFsKQ=') });
});

test('RFC 7677 §3: the example exchange', async () => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const keys = await deriveKeys('pencil', { hash: 'sha256', salt, iterations: 4096 });
  const scram = server({
    hash: 'sha256',
    lookup: async () => keys,
    nonce: () => '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  });
  assert.equal(scram.name, 'SCRAM-SHA-256');
  const first = await scram.step(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'));
  assert.equal(
    `${challengeOf(first)}`,
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  );
  const last = await scram.step(
    Buffer.from(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    ),
  );
  assert.deepEqual(last, {
    done: true,
    user: 'user',
    data: Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='),
  });
});

test('RFC 5802 §3: a client with the right password logs in, and gets the proof of the server', async () => {
  const romeo = client();
  const step = await talk(romeo, server());
  assert.deepEqual(step, { done: true, user: 'user', data: Buffer.from(romeo.expected) });
});

test('RFC 5802 §7: the nonce of each exchange is fresh', async () => {
  const ask = async () => `${challengeOf(await new ScramServer(OPTIONS).step(client().first()))}`;
  const [one, two] = [await ask(), await ask()];
  assert.notEqual(one, two);
  assert.match(one, /^r=fyko\+d2lbbFgONRv9qkxdawL[!-+--~]{20,},s=/);
});

test('RFC 5802 §5.1: names carry comma and equals sign as =2C and =3D, and are prepared', async () => {
  const asked: string[] = [];
  const options = {
    prepareUser: (name: string) => {
      asked.push(name);
      return name.toLowerCase();
    },
    lookup: async (user: string) => {
      asked.push(user);
      return KEYS;
    },
  };
  const step = await talk(client({ username: 'Ann=2C=3D2CÉ' }), server(options));
  assert.deepEqual(asked, ['Ann,=2CÉ', 'ann,=2cé']);
  assert.ok(step.done && step.user === 'ann,=2cé');
});

const MALFORMED_FIRST: [what: string, message: string | Buffer][] = [
  ['nothing', ''],
  ['no GS2 header', 'n=user,r=abc'],
  ['an unknown flag', 'x,,n=user,r=abc'],
  ['a flag without binding type', 'p=,,n=user,r=abc'],
  ['a header that does not end', 'n,a=user'],
  ['an authzid without its letter', 'n,user,n=user,r=abc'],
  ['an empty authzid', 'n,a=,n=user,r=abc'],
  ['an authzid with a bare equals sign', 'n,a=us=er,n=user,r=abc'],
  ['no username', 'n,,r=abc'],
  ['an empty username', 'n,,n=,r=abc'],
  ['a bare equals sign in the username', 'n,,n=us=er,r=abc'],
  ['an escape in lower case', 'n,,n=us=2cer,r=abc'],
  ['a NUL in the username', 'n,,n=us\0er,r=abc'],
  ['no nonce', 'n,,n=user'],
  ['an empty nonce', 'n,,n=user,r='],
  ['a space in the nonce', 'n,,n=user,r=a b'],
  ['a nonce beyond ASCII', 'n,,n=user,r=é'],
  ['a huge nonce', `n,,n=user,r=${'x'.repeat(600)}`],
  ['a mandatory extension (§5.1: m=)', 'n,,m=new,n=user,r=abc'],
  ['a mandatory extension at the end', 'n,,n=user,r=abc,m=new'],
  ['an extension that is none', 'n,,n=user,r=abc,new'],
  ['an empty extension', 'n,,n=user,r=abc,'],
  ['extensions without end', `n,,n=user,r=abc${',x=y'.repeat(50)}`],
  ['channel binding on a mechanism without it', 'p=tls-exporter,,n=user,r=abc'],
  ['invalid UTF-8', Buffer.from([0x6e, 0x2c, 0x2c, 0x6e, 0x3d, 0xff])],
  ['a message of 10 kB', `n,,n=${'x'.repeat(10_000)},r=abc`],
];

for (const [what, message] of MALFORMED_FIRST) {
  test(`RFC 5802 §7: ${what} in the first message is malformed`, async () => {
    await assert.rejects(server().step(Buffer.from(message)), refused('malformed-request'));
  });
}

const NONCE = 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j';
const PROOF = 'p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=';
const BAD_FINAL: [what: string, message: string, condition: SaslCondition][] = [
  ['no proof', `c=biws,${NONCE}`, 'malformed-request'],
  ['an empty proof', `c=biws,${NONCE},p=`, 'malformed-request'],
  ['a short proof', `c=biws,${NONCE},p=v0X8`, 'malformed-request'],
  [
    'a proof for another hash',
    `c=biws,${NONCE},p=${Buffer.alloc(32).toString('base64')}`,
    'malformed-request',
  ],
  ['base64 without padding', `c=biws,${NONCE},${PROOF.slice(0, -1)}`, 'malformed-request'],
  ['base64 with stray bits', `c=biws,${NONCE},${PROOF.replace('4Ts=', '4Tt=')}`, 'malformed-request'],
  ['base64 with a line break', `c=bi\nws,${NONCE},${PROOF}`, 'malformed-request'],
  ['no channel binding', `${NONCE},${PROOF}`, 'malformed-request'],
  ['text after the proof', `c=biws,${NONCE},${PROOF},x=y`, 'malformed-request'],
  ['a mandatory extension', `c=biws,${NONCE},m=new,${PROOF}`, 'malformed-request'],
  ['nothing', '', 'malformed-request'],
  ['the wrong nonce', `c=biws,${NONCE}x,${PROOF}`, 'not-authorized'],
  ["the client's nonce alone", `c=biws,r=fyko+d2lbbFgONRv9qkxdawL,${PROOF}`, 'not-authorized'],
  ['the GS2 header of another flag', `c=eSws,${NONCE},${PROOF}`, 'not-authorized'],
  ['a proof of zeros', `c=biws,${NONCE},p=${Buffer.alloc(20).toString('base64')}`, 'not-authorized'],
];

for (const [what, message, condition] of BAD_FINAL) {
  test(`RFC 5802 §7: ${what} in the last message is ${condition}`, async () => {
    const scram = server();
    await scram.step(Buffer.from('n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL'));
    await assert.rejects(scram.step(Buffer.from(message)), refused(condition));
    const right = Buffer.from(`c=biws,${NONCE},${PROOF}`);
    await assert.rejects(scram.step(right), refused('malformed-request'), 'there is no second try');
  });
}

test('RFC 5802 §5.1: optional extensions are ignored, and signed', async () => {
  const scram = server();
  const romeo = client();
  const step = await scram.step(romeo.final(challengeOf(await scram.step(romeo.first())), { extra: ',x=y' }));
  assert.ok(step.done);
  assert.equal(`${step.data}`, romeo.expected);
});

test('a wrong password is not-authorized', async () => {
  await assert.rejects(talk(client({ password: 'pen' }), server()), refused('not-authorized'));
});

test('RFC 5802 §9: an unknown user looks like a known one with a wrong password', async () => {
  const ask = async (username: string) => {
    const scram = server();
    const nobody = client({ username });
    const first = challengeOf(await scram.step(nobody.first()));
    await assert.rejects(scram.step(nobody.final(first)), refused('not-authorized'));
    return /s=([^,]+),i=(\d+)/.exec(`${first}`)?.slice(1) ?? [];
  };
  const [salt = '', iterations] = await ask('nobody');
  assert.deepEqual([salt, iterations], await ask('nobody'), 'the salt stays');
  assert.deepEqual([salt, iterations], await ask('NOBODY'), 'also for another spelling of the name');
  assert.notEqual(salt, (await ask('nobody else'))[0]);
  const real = await deriveKeys('pencil', { hash: 'sha1' });
  assert.equal(salt.length, real.salt.length);
  assert.equal(Number(iterations), real.iterations);
  await ask('impossible@name');
});

test('RFC 5802 §9: the server does the same work for known, unknown and impossible users', async () => {
  const did = async (username: string, password: string) => {
    const calls: string[] = [];
    const scram = server({
      fakeKeys: async (user) => {
        calls.push('fakeKeys');
        return OPTIONS.fakeKeys(user);
      },
      lookup: async (user) => {
        calls.push('lookup');
        return OPTIONS.lookup(user);
      },
      authorize: async () => void calls.push('authorize'),
    });
    const guesser = client({ username, password });
    await assert.rejects(talk(guesser, scram), refused('not-authorized'));
    return calls;
  };
  for (const username of ['user', 'nobody', 'impossible@name']) {
    assert.deepEqual(await did(username, 'pen'), ['fakeKeys', 'lookup'], username);
  }
});

test('the first message gives the prepared name of the user without a lookup', async () => {
  const lookup = async () => assert.fail('nothing is looked up');
  const userOf = (first: Buffer, plus = false) =>
    server({ lookup, fakeKeys: lookup, plus, channelBinding: BINDING }).userOf(first);
  assert.equal(userOf(client({ username: 'User' }).first()), 'user');
  assert.equal(userOf(client({ username: 'impossible@name' }).first()), '');
  assert.throws(() => userOf(Buffer.from('n,,x=y')), refused('malformed-request'));
  assert.throws(() => userOf(client({ gs2Header: 'y,,' }).first()), refused('not-authorized'));
});

test('RFC 5802 §6: with -PLUS, the channel binding is part of the proof', async () => {
  const plus = () => server({ plus: true, channelBinding: BINDING });
  assert.equal(plus().name, 'SCRAM-SHA-1-PLUS');
  const gs2Header = 'p=tls-exporter,,';
  const binding = BINDING.get('tls-exporter') ?? Buffer.alloc(0);
  assert.ok((await talk(client({ gs2Header, binding }), plus())).done);

  const elsewhere = client({ gs2Header, binding: Buffer.from('data of another connection') });
  await assert.rejects(talk(elsewhere, plus()), refused('not-authorized'));
  await assert.rejects(talk(client({ gs2Header }), plus()), refused('not-authorized'));
  const unknown = client({ gs2Header: 'p=tls-unique,,', binding });
  await assert.rejects(talk(unknown, plus()), refused('malformed-request'));
  for (const flag of ['n,,', 'y,,']) {
    await assert.rejects(talk(client({ gs2Header: flag }), plus()), refused('malformed-request'));
  }
});

test('RFC 5802 §6: "y" is refused as a downgrade if -PLUS was offered, and accepted otherwise', async () => {
  const downgraded = server({ channelBinding: BINDING });
  await assert.rejects(downgraded.step(client({ gs2Header: 'y,,' }).first()), refused('not-authorized'));
  assert.ok((await talk(client({ gs2Header: 'n,,' }), server({ channelBinding: BINDING }))).done);
  assert.ok((await talk(client({ gs2Header: 'y,,' }), server())).done);
});

test('"y" from slixmpp, recognised by its nonce of digits, is accepted; another type of binding is not', async () => {
  const slixmpp = { gs2Header: 'y,,', nonce: '7364712141640124' };
  assert.ok((await talk(client(slixmpp), server({ channelBinding: BINDING }))).done);
  const relayed = client({ gs2Header: 'y,,' }); // Its own nonce under another one's name proves nothing.
  const scram = server({ channelBinding: BINDING });
  const first = challengeOf(await scram.step(client(slixmpp).first()));
  await assert.rejects(scram.step(relayed.final(first)), refused('not-authorized'));
});

test('RFC 5802 §5.1: the last message repeats the complete GS2 header', async () => {
  const authorized: unknown[] = [];
  const options = { authorize: async (...who: unknown[]) => void authorized.push(who) };
  const gs2Header = 'n,a=user@montague.lit,';
  assert.ok((await talk(client({ gs2Header }), server(options))).done);
  assert.deepEqual(authorized, [['user', 'user@montague.lit']]);

  const scram = server(options);
  const liar = client({ gs2Header });
  const first = challengeOf(await scram.step(liar.first()));
  await assert.rejects(scram.step(liar.final(first, { header: 'n,,' })), refused('not-authorized'));
  assert.equal(authorized.length, 1);
});

test('RFC 6120 §6.3.8: a forbidden authzid is refused only after the right proof', async () => {
  const options = { authorize: async () => Promise.reject(new SaslError('invalid-authzid')) };
  const gs2Header = 'n,a=juliet@capulet.lit,';
  await assert.rejects(talk(client({ gs2Header }), server(options)), refused('invalid-authzid'));
  const wrong = client({ gs2Header, password: 'pen' });
  await assert.rejects(talk(wrong, server(options)), refused('not-authorized'));
});

test('refuses messages after the exchange has finished', async () => {
  const scram = server();
  await talk(client(), scram);
  await assert.rejects(scram.step(client().first()), refused('malformed-request'));
});

test('RFC 5802 §9: refuses a replayed message, and one out of order', async () => {
  const nonces = ['one', 'two'].values();
  const nonce = () => nonces.next().value ?? '';
  const romeo = client();
  const overheard = romeo.final(challengeOf(await server({ nonce }).step(romeo.first())));
  const again = server({ nonce });
  await again.step(romeo.first());
  await assert.rejects(
    again.step(overheard),
    refused('not-authorized'),
    'the nonce of the server is another',
  );
  await assert.rejects(server().step(overheard), refused('malformed-request'), 'the last message first');

  const twice = server();
  await twice.step(romeo.first());
  await assert.rejects(twice.step(romeo.first()), refused('malformed-request'), 'the first message twice');
  await assert.rejects(twice.step(overheard), refused('malformed-request'), 'and then the last one');
});

test('a message before the answer to the previous one is refused', async () => {
  const scram = server();
  const romeo = client();
  const [first, second] = await Promise.allSettled([scram.step(romeo.first()), scram.step(romeo.first())]);
  assert.equal(first.status, 'fulfilled');
  assert.equal(second.status, 'rejected');
});
