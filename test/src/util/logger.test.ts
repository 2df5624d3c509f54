import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { createLogger, type LoggerOptions, type RootLogger, silentLogger } from '../../../src/util/logger.ts';

/** A logger into memory, and what it has written. */
function memoryLogger(options: Partial<LoggerOptions> = {}): { log: RootLogger; text: () => string } {
  const destination = new PassThrough();
  const log = createLogger({ level: 'debug', pretty: false, destination, ...options });
  return { log, text: () => (destination.read() as Buffer | null)?.toString() ?? '' };
}

test('a line has level, time, message, the fields and those of the parents', () => {
  const { log, text } = memoryLogger();
  log.child({ host: 'example.org' }).child({ module: 'ping' }).info('link open', { secure: true });
  const { time, ...line } = JSON.parse(text());
  assert.match(time, /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(line, {
    level: 'info',
    host: 'example.org',
    module: 'ping',
    secure: true,
    msg: 'link open',
  });
});

test('lines below the level are not written', () => {
  const { log, text } = memoryLogger({ level: 'warn' });
  log.debug('a');
  log.info('b', {});
  assert.equal(text(), '');
  log.warn('c');
  assert.match(text(), /"c"/);
});

test('a changed level applies immediately, also to existing children', () => {
  const { log, text } = memoryLogger({ level: 'warn' });
  const child = log.child({ host: 'a' });
  log.setLevel('debug');
  child.debug('now');
  assert.match(text(), /"now"/);
  log.setLevel('silent');
  child.error('never');
  assert.equal(text(), '');
});

test('values of fields named like a secret are never written, at any depth, in parents and errors’ neighbours', () => {
  const { log, text } = memoryLogger();
  const secret = 'hunter2';
  const names = [
    'password',
    'Password',
    'component_secret',
    'key',
    'privateKey',
    'storedKey',
    'server_key',
    'token',
    'salt',
    'body',
  ];
  for (const name of names)
    log.child({ [name]: secret }).info('x', { [name]: secret, inner: [{ [name]: [secret] }] });
  const written = text();
  assert.equal(written.split('\n').length, names.length + 1);
  assert.doesNotMatch(written, /hunter2/);
});

test('a log line may state whether a secret is set', () => {
  const { log, text } = memoryLogger();
  log.info('x', { password: true, token: undefined });
  assert.match(text(), /"password":true/);
});

test('errors are written with type, message, code and cause', () => {
  const { log, text } = memoryLogger();
  const error = Object.assign(new TypeError('outer', { cause: new Error('inner') }), { code: 'E_TEST' });
  log.error('failed', { error });
  const line = JSON.parse(text());
  assert.deepEqual([line.error.type, line.error.message, line.error.code], ['TypeError', 'outer', 'E_TEST']);
  assert.equal(line.error.cause.message, 'inner');
});

test('values that refer to themselves, and very large ones, are cut short', () => {
  const { log, text } = memoryLogger();
  const loop: Record<string, unknown> = { name: 'x'.repeat(100_000) };
  loop.self = loop;
  log.info('x', { loop, many: new Set(Array.from({ length: 10_000 }, (_, index) => index)) });
  assert.ok(text().length < 20_000);
});

test('readable lines cannot be forged: control characters of a peer are made visible', () => {
  const { log, text } = memoryLogger({ pretty: true });
  log.info('refused', { remote: 'a\n\u001b[2Jb\u202e', reason: 'x\ny' });
  const written = text().replaceAll(/\u001b\[\d+m/g, '');
  assert.equal(written.trimEnd().split('\n').length, 1);
  assert.doesNotMatch(written.trimEnd(), /[\u0000-\u001f\u202e]/);
  assert.match(written, /info {2}refused remote=/);
});

test('a reader that is gone does not throw', () => {
  const destination = new PassThrough();
  const log = createLogger({ level: 'info', pretty: false, destination });
  destination.destroy(new Error('gone'));
  log.info('x');
  silentLogger.child({ a: 1 }).error('x');
});
