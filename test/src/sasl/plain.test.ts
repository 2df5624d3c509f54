import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PlainMessage, type PlainOptions, PlainServer, parsePlain } from '../../../src/sasl/plain.ts';
import { SaslError } from '../../../src/xml/errors.ts';

const READ: [message: string, expected: PlainMessage][] = [
  ['\0tim\0tanstaaftanstaaf', { authzid: undefined, authcid: 'tim', password: 'tanstaaftanstaaf' }],
  ['Ursel\0Kurt\0xipj3plmq', { authzid: 'Ursel', authcid: 'Kurt', password: 'xipj3plmq' }],
  ['\0é\0 🔑 ', { authzid: undefined, authcid: 'é', password: ' 🔑 ' }],
  ['\0tim\0\ufeffpass', { authzid: undefined, authcid: 'tim', password: '\ufeffpass' }],
];

for (const [message, expected] of READ) {
  test(`RFC 4616 §2: ${JSON.stringify(message)} is read`, () => {
    assert.deepEqual(parsePlain(Buffer.from(message)), expected);
  });
}

const MALFORMED: [what: string, message: string | Buffer][] = [
  ['nothing', ''],
  ['no NUL', 'tim'],
  ['one NUL', 'tim\0pass'],
  ['three NULs', '\0tim\0pass\0'],
  ['a NUL in the password', '\0tim\0pa\0ss'],
  ['no authcid', '\0\0pass'],
  ['no password', '\0tim\0'],
  ['invalid UTF-8', Buffer.from([0, 0x74, 0, 0xc3, 0x28])],
  ['a message of 10 kB', `\0tim\0${'x'.repeat(10_000)}`],
];

for (const [what, message] of MALFORMED) {
  test(`RFC 4616 §2: ${what} is malformed`, () => {
    assert.throws(() => parsePlain(Buffer.from(message)), {
      name: 'SaslError',
      condition: 'malformed-request',
    });
  });
}

function server(options: Partial<PlainOptions> = {}): PlainServer {
  return new PlainServer({
    prepareUser: (name) => (name.includes('@') ? undefined : name.toLowerCase()),
    verify: async (user, password) => user === 'tim' && password === 'tanstaaf',
    authorize: async () => {},
    ...options,
  });
}

const RIGHT = Buffer.from('\0Tim\0tanstaaf');

test('RFC 4616 §4: the right password logs in with the prepared name', async () => {
  assert.deepEqual(await server().step(RIGHT), { done: true, user: 'tim' });
});

test('RFC 4616 §4: anything else is not-authorized, also with impossible names', async () => {
  const verified: string[] = [];
  const verify = async (user: string) => {
    verified.push(user);
    return user === '';
  };
  for (const message of ['\0tim\0wrong', '\0tybalt\0tanstaaf', '\0a@b\0tanstaaf']) {
    await assert.rejects(server({ verify }).step(Buffer.from(message)), { condition: 'not-authorized' });
  }
  assert.deepEqual(verified, ['tim', 'tybalt', ''], 'the work is done for all of them');
});

test('RFC 4616 §2: the exchange is one message', async () => {
  for (const message of [RIGHT, Buffer.alloc(0)]) {
    const plain = server();
    await plain.step(message).catch(() => {});
    await assert.rejects(plain.step(RIGHT), { condition: 'malformed-request' });
  }
});

test('RFC 6120 §6.3.8: the authzid is checked only after the right password', async () => {
  const authorize = async (_user: string, authzid: string | undefined) => {
    if (authzid !== undefined) throw new SaslError('invalid-authzid');
  };
  const attempt = (message: string) => server({ authorize }).step(Buffer.from(message));
  await assert.rejects(attempt('ursel\0tim\0tanstaaf'), { condition: 'invalid-authzid' });
  await assert.rejects(attempt('ursel\0tim\0wrong'), { condition: 'not-authorized' });
  assert.ok((await attempt('\0tim\0tanstaaf')).done);
});

test('the message gives the prepared name of the user before the password is verified', () => {
  const plain = server({ verify: async () => assert.fail('nothing is verified') });
  assert.equal(plain.userOf(RIGHT), 'tim');
  assert.equal(plain.userOf(Buffer.from('\0a@b\0tanstaaf')), '');
  assert.throws(() => plain.userOf(Buffer.from('tim')), { condition: 'malformed-request' });
});
