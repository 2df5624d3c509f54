import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Accounts, type Derive } from '../../../src/sasl/accounts.ts';
import type { ChannelBindings, SaslMechanism } from '../../../src/sasl/mechanism.ts';
import { type Credentials, passwordMechanisms } from '../../../src/sasl/mechanisms.ts';
import { deriveKeys, type ScramHash, type ScramKeys } from '../../../src/sasl/scram.ts';
import { MemoryStorage } from '../../../src/storage/drivers/memory.ts';
import { StorageError } from '../../../src/storage/error.ts';
import { storesFor } from '../../../src/storage/index.ts';
import type { Stores } from '../../../src/storage/stores.ts';
import { Gate } from '../../../src/util/flow/index.ts';
import { ScramClient } from './scram-client.ts';

const DOMAIN = 'montague.lit';

function setUp() {
  const stores = storesFor(new MemoryStorage(), DOMAIN);
  const clock = { now: () => 1_700_000_000_000, elapsed: () => 0, after: () => ({ cancel() {} }) };
  return { stores, accounts: new Accounts(stores, { domain: DOMAIN, clock }) };
}

test('an account is created, found, listed and deleted', async () => {
  const { accounts } = setUp();
  const romeo = { user: 'romeo', enabled: true, createdAt: 1_700_000_000_000 };
  assert.deepEqual(await accounts.create('romeo', 'pencil'), romeo);
  await accounts.create('benvolio', 'paper');
  assert.deepEqual(await accounts.get('romeo'), romeo);
  assert.equal(await accounts.get('tybalt'), undefined);
  await accounts.fakeKeys('tybalt', 'sha1');
  assert.deepEqual(
    (await accounts.list()).map(({ user }) => user),
    ['benvolio', 'romeo'],
  );
  await accounts.delete('romeo');
  assert.equal(await accounts.get('romeo'), undefined);
  assert.equal(await accounts.verify('romeo', 'pencil'), false);
});

test('of two simultaneous requests for a name, one succeeds', async () => {
  const { accounts } = setUp();
  const both = await Promise.allSettled([accounts.create('romeo', 'one'), accounts.create('romeo', 'two')]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const exists = { name: 'AccountError', condition: 'exists', user: 'romeo', message: /already an account/ };
  await assert.rejects(accounts.create('romeo', 'three'), exists);
});

test('operations on a missing account fail with not-found', async () => {
  const { accounts } = setUp();
  const notFound = { name: 'AccountError', condition: 'not-found', message: /no account/ };
  await assert.rejects(accounts.setPassword('romeo', 'pencil'), notFound);
  await assert.rejects(accounts.setEnabled('romeo', false), notFound);
  await assert.rejects(accounts.delete('romeo'), notFound);
});

test('verify accepts the right password and no other', async () => {
  const { accounts } = setUp();
  await accounts.create('romeo', 'pencil');
  assert.equal(await accounts.verify('romeo', 'pencil'), true);
  for (const wrong of ['Pencil', 'pencil ', '', '\u0000', 'x'.repeat(5000)]) {
    assert.equal(await accounts.verify('romeo', wrong), false, JSON.stringify(wrong.slice(0, 10)));
  }
  assert.equal(await accounts.verify('tybalt', 'pencil'), false);
  await accounts.setPassword('romeo', 'brush');
  assert.equal(await accounts.verify('romeo', 'pencil'), false);
  assert.equal(await accounts.verify('romeo', 'brush'), true);
});

test('RFC 4013 §3: passwords are prepared with SASLprep', async () => {
  const { accounts } = setUp();
  await accounts.create('romeo', 'I\u00adX \u00aa\u2168');
  assert.equal(await accounts.verify('romeo', 'IX aIX'), true);
  await accounts.setPassword('romeo', 'rose 🥀');
  assert.equal(await accounts.verify('romeo', 'rose 🥀'), true);
  for (const unusable of ['', '\u0007', '\u0627\u0031', '\u00ad', 'x'.repeat(5000)]) {
    const create = accounts.create('tybalt', unusable);
    await assert.rejects(create, { condition: 'unusable-password' }, JSON.stringify(unusable.slice(0, 10)));
  }
});

test('passwords are not stored, only keys for both hashes with different salts', async () => {
  const { accounts, stores } = setUp();
  await accounts.create('romeo', 'pencil');
  assert.doesNotMatch(JSON.stringify(await stores.keyval('accounts').get('romeo')), /pencil/);
  const [sha1, sha256] = [
    await accounts.scramKeys('romeo', 'sha1'),
    await accounts.scramKeys('romeo', 'sha256'),
  ];
  assert.ok(sha1 && sha256);
  assert.notEqual(sha1.salt, sha256.salt);
  assert.equal(Buffer.from(sha1.salt, 'base64').length, 16);
  assert.ok(sha1.iterations >= 4096 && sha256.iterations >= 4096);
  const salt = Buffer.from(sha1.salt, 'base64');
  assert.deepEqual(sha1, await deriveKeys('pencil', { hash: 'sha1', salt, iterations: sha1.iterations }));
  assert.equal(await accounts.scramKeys('tybalt', 'sha1'), undefined);
});

test('an account imported with SHA-1 keys only can use PLAIN', async () => {
  const { accounts, stores } = setUp();
  const keys = { sha1: await deriveKeys('pencil', { hash: 'sha1', iterations: 4096 }) };
  await stores.keyval('accounts').set('romeo', { enabled: true, createdAt: 0, keys });
  assert.equal(await accounts.verify('romeo', 'pencil'), true);
  assert.equal(await accounts.verify('romeo', 'brush'), false);
});

test('RFC 5802 §9: the keys of a non-existent user stay the same across a restart', async () => {
  const { accounts, stores } = setUp();
  const [fake, same] = await Promise.all([
    accounts.fakeKeys('tybalt', 'sha1'),
    accounts.fakeKeys('tybalt', 'sha1'),
  ]);
  assert.deepEqual(fake, same);
  assert.deepEqual(await new Accounts(stores, { domain: DOMAIN }).fakeKeys('tybalt', 'sha1'), fake);
  assert.notEqual((await accounts.fakeKeys('tybalt', 'sha256')).salt, fake.salt);
  assert.notEqual((await accounts.fakeKeys('paris', 'sha1')).salt, fake.salt);
  assert.notEqual((await setUp().accounts.fakeKeys('tybalt', 'sha1')).salt, fake.salt);
});

test('RFC 5802 §9: users that do not exist have the iteration counts and salts of those that do', async () => {
  const { accounts } = setUp();
  await accounts.create('romeo', 'pencil');
  for (const hash of ['sha1', 'sha256'] as const) {
    const real = await accounts.scramKeys('romeo', hash);
    const fake = await accounts.fakeKeys('tybalt', hash);
    assert.deepEqual(shape(fake), shape(real!));
  }
});

test('RFC 5802 §9: non-existent accounts look imported as often as existing ones are', async () => {
  const { accounts, stores } = setUp();
  const salt = Buffer.alloc(24, 7);
  const sha1 = await deriveKeys('pencil', { hash: 'sha1', iterations: 4096, salt });
  for (const user of ['benvolio', 'mercutio', 'balthasar']) {
    await stores.keyval('accounts').set(user, { enabled: true, createdAt: 0, keys: { sha1 } });
  }
  await accounts.create('romeo', 'pencil');
  const names = Array.from({ length: 400 }, (_, index) => `nobody${index}`);
  const shapes = await Promise.all(names.map(async (name) => shape(await accounts.fakeKeys(name, 'sha1'))));
  const own = shape((await accounts.scramKeys('romeo', 'sha1'))!);
  const imported = shapes.filter((it) => it === shape(sha1)).length;
  assert.equal(shapes.filter((it) => it === own).length, names.length - imported, 'nothing else is seen');
  assert.ok(imported > 240 && imported < 360, `three of four are like three of four accounts: ${imported}`);
  const others = await Promise.all(names.map(async (name) => shape(await accounts.fakeKeys(name, 'sha256'))));
  assert.deepEqual([...new Set(others)], [shape((await accounts.scramKeys('romeo', 'sha256'))!)]);
  // Once the imported ones are gone, nobody looks like them.
  for (const user of ['benvolio', 'mercutio', 'balthasar']) await accounts.setPassword(user, 'paper');
  for (const name of names.slice(0, 50)) assert.equal(shape(await accounts.fakeKeys(name, 'sha1')), own);
});

test('a password for a non-existent account costs the same derivation as for an existing one', async () => {
  const { accounts, stores } = setUp();
  const sha1 = await deriveKeys('pencil', { hash: 'sha1', iterations: 4096 });
  await stores.keyval('accounts').set('romeo', { enabled: true, createdAt: 0, keys: { sha1 } });
  const work = async (user: string, password: string) => {
    const derived: unknown[] = [];
    const derive: Derive = (text, options) => {
      derived.push([text, options.hash, options.iterations, options.salt?.length]);
      return deriveKeys(text, options);
    };
    const asked = new Accounts(stores, { domain: DOMAIN, derive });
    assert.equal(await asked.verify(user, password), false);
    return derived;
  };
  for (const password of ['brush', '\u0000', 'x'.repeat(5000)]) {
    const expected = [[password === 'brush' ? 'brush' : '', 'sha1', 4096, 16]];
    assert.deepEqual(await work('romeo', password), expected);
    assert.deepEqual(await work('tybalt', password), expected);
    assert.deepEqual(await work('', password), expected);
  }
  await accounts.delete('romeo');
  assert.deepEqual(await work('romeo', 'brush'), [['brush', 'sha256', 10_000, 16]]);
});

test('each login reads one existing and one missing record, for existing and non-existent accounts', async () => {
  const { accounts, stores } = setUp();
  await accounts.create('romeo', 'pencil');
  const reads: string[] = [];
  const watched: Stores = {
    ...stores,
    keyval: <V>(name: string) => {
      const store = stores.keyval<V>(name);
      const get = async (owner: string) => {
        const found = await store.get(owner);
        reads.push(found === undefined ? 'missed' : `found ${JSON.stringify(found).length}`);
        return found;
      };
      return {
        ...store,
        get,
        set: store.set.bind(store),
        owners: store.owners.bind(store),
        entries: store.entries.bind(store),
      };
    },
  };
  const asked = new Accounts(watched, {
    domain: DOMAIN,
    clock: { now: () => 1_700_000_000_000, elapsed: () => 0, after: never },
  });
  await asked.fakeKeys('anybody', 'sha1');
  for (const ask of [
    (user: string) => asked.scramKeys(user, 'sha256'),
    (user: string) => asked.verify(user, 'brush'),
  ]) {
    const seen: string[][] = [];
    for (const user of ['romeo', 'tybalt', '']) {
      reads.length = 0;
      await ask(user);
      seen.push(reads.toSorted());
    }
    assert.match(seen[0]![0]!, /^found \d+$/);
    assert.equal(seen[0]![1], 'missed');
    assert.deepEqual([seen[1], seen[2]], [seen[0], seen[0]]);
  }
});

function never(): never {
  assert.fail('nothing waits here');
}

test('few passwords are verified at a time, in order; beyond the queue, logins get temporary-auth-failure', async () => {
  const { accounts } = setUp();
  const started: string[] = [];
  const finish: (() => void)[] = [];
  const credentials = {
    verify: async (user: string) => {
      started.push(user);
      await new Promise<void>((resolve) => finish.push(resolve));
      return true;
    },
    scramKeys: (user: string, hash: ScramHash) => accounts.scramKeys(user, hash),
    fakeKeys: (user: string, hash: ScramHash) => accounts.fakeKeys(user, hash),
    isEnabled: async () => true,
  };
  const passwordWork = new Gate({ atWork: 2, waiting: 1 });
  const offer = offerOf(credentials, { work: passwordWork });
  const attempt = (user: string) => logIn(offer, 'PLAIN', user, 'x');
  const [a, b, c] = [attempt('a'), attempt('b'), attempt('c')];
  await assert.rejects(attempt('d'), { condition: 'temporary-auth-failure', text: /^Too many logins/ });
  assert.deepEqual(started, ['a', 'b']);
  finish[0]?.();
  assert.equal(await a, 'a');
  assert.deepEqual(started, ['a', 'b', 'c']);
  for (const end of finish) end();
  assert.deepEqual(await Promise.all([b, c]), ['b', 'c']);
  const last = attempt('e');
  await new Promise(setImmediate);
  finish.at(-1)?.();
  assert.equal(await last, 'e', 'the places are free again');
});

function shape({ iterations, salt }: ScramKeys): string {
  return `${iterations} ${Buffer.from(salt, 'base64').length}`;
}

test('RFC 6120 §6.3.3: mechanisms are offered best first, PLAIN and -PLUS only where allowed', () => {
  const credentials = setUp().accounts;
  const bindings = new Map([['tls-exporter', Buffer.from('x')]]);
  assert.deepEqual(offerOf(credentials, { secure: false }).names, ['SCRAM-SHA-256', 'SCRAM-SHA-1']);
  assert.deepEqual(offerOf(credentials).names, ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']);
  assert.deepEqual(offerOf(credentials, { bindings }).names, [
    'SCRAM-SHA-256-PLUS',
    'SCRAM-SHA-1-PLUS',
    'SCRAM-SHA-256',
    'SCRAM-SHA-1',
    'PLAIN',
  ]);
  for (const name of ['PLAIN', 'SCRAM-SHA-256-PLUS', 'plain', 'EXTERNAL', '', '__proto__']) {
    const create = () => offerOf(credentials, { secure: false }).create(name);
    assert.throws(create, { condition: 'invalid-mechanism' });
  }
});

test('every offered mechanism logs in the right user, and no other', async () => {
  const { accounts } = setUp();
  await accounts.create('romeo', 'pencil');
  const bindings = new Map([['tls-exporter', Buffer.from('x')]]);
  const offer = offerOf(accounts, { bindings });
  for (const name of offer.names) {
    assert.equal(await logIn(offer, name, 'Romeo', 'pencil'), 'romeo', name);
    await assert.rejects(logIn(offer, name, 'romeo', 'brush'), { condition: 'not-authorized' }, name);
    await assert.rejects(logIn(offer, name, 'tybalt', 'pencil'), { condition: 'not-authorized' }, name);
  }
});

test('RFC 6120 §6.3.8: the authzid may only be the user’s own bare JID', async () => {
  const { accounts } = setUp();
  await accounts.create('romeo', 'pencil');
  const offer = offerOf(accounts);
  for (const name of offer.names) {
    assert.equal(await logIn(offer, name, 'romeo', 'pencil', 'Romeo@montague.lit'), 'romeo', name);
    for (const other of ['juliet@montague.lit', 'romeo@capulet.lit', 'romeo@montague.lit/x', 'romeo', '@']) {
      const attempt = logIn(offer, name, 'romeo', 'pencil', other);
      await assert.rejects(attempt, { condition: 'invalid-authzid' }, `${name} ${other}`);
    }
  }
});

test('RFC 6120 §6.5.2: sends account-disabled only to a client that knows the password', async () => {
  const { accounts } = setUp();
  await accounts.create('romeo', 'pencil');
  await accounts.setEnabled('romeo', false);
  assert.equal((await accounts.get('romeo'))?.enabled, false);
  const offer = offerOf(accounts);
  for (const name of offer.names) {
    await assert.rejects(logIn(offer, name, 'romeo', 'pencil'), { condition: 'account-disabled' }, name);
    await assert.rejects(logIn(offer, name, 'romeo', 'brush'), { condition: 'not-authorized' }, name);
  }
  await accounts.setEnabled('romeo', true);
  assert.equal(await logIn(offer, 'PLAIN', 'romeo', 'pencil'), 'romeo');
});

test('RFC 6120 §6.5.11: a storage failure is temporary-auth-failure, with its cause for the log', async () => {
  const { accounts } = setUp();
  const cause = new StorageError('failed', 'disk', { driver: 'memory' });
  const credentials = {
    verify: () => Promise.reject(cause),
    scramKeys: () => Promise.reject(cause),
    isEnabled: async () => true,
    fakeKeys: (user: string, hash: ScramHash) => accounts.fakeKeys(user, hash),
  };
  const offer = offerOf(credentials);
  for (const name of offer.names) {
    await assert.rejects(logIn(offer, name, 'romeo', 'x'), { condition: 'temporary-auth-failure', cause });
  }
});

interface Offer {
  readonly names: readonly string[];
  create(name: string): SaslMechanism;
}

/** What a stream offers, over TLS unless it is not `secure`. */
function offerOf(
  credentials: Credentials,
  options: { bindings?: ChannelBindings; secure?: boolean; work?: Gate } = {},
): Offer {
  const { bindings = new Map(), secure = true, work } = options;
  const allowsUnencryptedPlain = () => false;
  const source = passwordMechanisms({ credentials, domain: DOMAIN, allowsUnencryptedPlain, work });
  const names = source.names({ bindings, secure });
  return { names, create: (name) => source.create(name, { offer: { bindings, secure, mechanisms: names } }) };
}

/** Logs in as a client would, and gives the user that the server took it for. */
async function logIn(
  offer: Offer,
  name: string,
  username: string,
  password: string,
  authzid?: string,
): Promise<string> {
  const mechanism = offer.create(name);
  assert.equal(mechanism.name, name);
  if (name === 'PLAIN') {
    const step = await mechanism.step(Buffer.from(`${authzid ?? ''}\0${username}\0${password}`));
    assert.ok(step.done);
    return step.user;
  }
  const plus = name.endsWith('-PLUS');
  const client = new ScramClient({
    hash: name.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1',
    username,
    password,
    gs2Header: `${plus ? 'p=tls-exporter' : 'n'},${authzid === undefined ? '' : `a=${authzid}`},`,
    binding: plus ? Buffer.from('x') : Buffer.alloc(0),
  });
  const first = await mechanism.step(client.first());
  assert.ok(!first.done);
  const last = await mechanism.step(client.final(first.challenge));
  assert.ok(last.done);
  assert.equal(`${last.data}`, client.expected);
  return last.user;
}
