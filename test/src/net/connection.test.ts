import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import { Connection } from '../../../src/net/connection.ts';
import type { TransportHandler } from '../../../src/net/transport.ts';
import { Faults } from '../../../src/util/faults.ts';
import { assertFaults, ErrorLog } from '../../support/server.ts';

/** Keeps what happens, and wakes who waits for it. */
function recorder() {
  const closed = Promise.withResolvers<Error | undefined>();
  let received = '';
  let drains = 0;
  let closes = 0;
  let heard = () => {};
  const handler: TransportHandler = {
    onData(chunk) {
      received += chunk.toString();
      heard();
    },
    onClose(error) {
      closes++;
      closed.resolve(error);
    },
    onDrain() {
      drains++;
    },
  };
  return {
    handler,
    closed: closed.promise,
    get received() {
      return received;
    },
    get drains() {
      return drains;
    },
    get closes() {
      return closes;
    },
    async until(text: string) {
      while (!received.includes(text)) await new Promise<void>((resolve) => (heard = resolve));
    },
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A stream that keeps every single write; `stuck` ones never finish. */
function sink({ stuck = false } = {}) {
  const writes: string[] = [];
  const release: (() => void)[] = [];
  const stream = new Duplex({
    decodeStrings: false,
    read() {},
    write(chunk, _encoding, done) {
      writes.push(String(chunk));
      if (stuck) release.push(done);
      else done();
    },
  });
  return { stream, writes, release: () => release.splice(0).forEach((done) => void done()) };
}

test('all output of one turn of the event loop is one write', async () => {
  const { stream, writes } = sink();
  const connection = new Connection(stream);
  connection.handler = recorder().handler;
  connection.write('<a/>');
  await Promise.resolve();
  connection.write('<b>é</b>');
  process.nextTick(() => connection.write('<c/>'));
  assert.deepEqual(writes, []);
  await turn();
  assert.deepEqual(writes, ['<a/><b>é</b><c/>']);
  connection.write('<d/>');
  connection.write(Buffer.from('<e>é</e>'));
  connection.write('<f>é</f>');
  connection.flush();
  assert.deepEqual(writes.slice(1), ['<d/><e>é</e><f>é</f>']);
  await turn();
  assert.equal(writes.length, 2);
});

test('data that arrives before the handler is kept', async () => {
  const [ours, theirs] = duplexPair();
  const connection = new Connection(ours);
  theirs.write('early');
  await turn();
  await turn();
  const heard = recorder();
  connection.handler = heard.handler;
  await heard.until('early');
  connection.destroy();
});

test('a handler that is set after the close is called', async () => {
  const { stream } = sink();
  const connection = new Connection(stream);
  connection.destroy(new Error('too early'));
  await turn();
  const heard = recorder();
  connection.handler = heard.handler;
  assert.equal((await heard.closed)?.message, 'too early');
});

test('closes a peer that never reads, with a clear error', async () => {
  const { stream } = sink({ stuck: true });
  const connection = new Connection(stream, { maxQueuedBytes: 10_000 });
  const heard = recorder();
  connection.handler = heard.handler;
  for (let i = 0; i < 10 && !connection.closed; i++) {
    connection.write('x'.repeat(1_000));
    connection.flush();
  }
  assert.equal(connection.queuedBytes, 10_000);
  assert.equal(connection.closed, false);
  connection.write('y');
  assert.equal(connection.closed, true);
  const error = await heard.closed;
  assert.match(error?.message ?? '', /the peer does not read: 10 KiB waiting/);
  assert.equal(heard.closes, 1);
});

test('the handler is called when the queue has been written', async () => {
  const { stream, release } = sink({ stuck: true });
  const connection = new Connection(stream);
  const heard = recorder();
  connection.handler = heard.handler;
  connection.write('x'.repeat(100_000));
  connection.flush();
  await turn();
  assert.equal(heard.drains, 0);
  release();
  await turn();
  assert.equal(heard.drains, 1);
  assert.equal(connection.queuedBytes, 0);
  connection.destroy();
});

test('a paused connection reads nothing until it is resumed', async () => {
  const [ours, theirs] = duplexPair();
  const connection = new Connection(ours);
  const heard = recorder();
  connection.handler = heard.handler;
  connection.pause();
  theirs.write('later');
  await turn();
  await turn();
  assert.equal(heard.received, '');
  connection.resume();
  await heard.until('later');
  connection.destroy();
});

test('output that is queued when the peer ends is still written, and both sides close without error', async () => {
  const [ours, theirs] = duplexPair();
  const connection = new Connection(ours);
  const heard = recorder();
  connection.handler = { ...heard.handler, onData: () => connection.write('</stream:stream>') };
  const other = new Connection(theirs);
  const otherHeard = recorder();
  other.handler = otherHeard.handler;
  other.write('</stream:stream>');
  other.end();
  assert.equal(await heard.closed, undefined);
  assert.equal(await otherHeard.closed, undefined);
  assert.equal(otherHeard.received, '</stream:stream>');
});

test('a peer that does not end its side is disconnected after the grace time', async () => {
  const { stream } = sink();
  let fire = () => {};
  const clock = {
    now: () => 0,
    elapsed: () => 0,
    after: (_delayMs: number, task: () => void) => {
      fire = task;
      return { cancel() {} };
    },
  };
  const connection = new Connection(stream, { clock });
  const heard = recorder();
  connection.handler = heard.handler;
  connection.end();
  await turn();
  assert.equal(heard.closes, 0);
  connection.write('dropped');
  fire();
  assert.equal(await heard.closed, undefined);
});

test('a second destroy changes nothing: the first reason counts', async () => {
  const { stream } = sink();
  const connection = new Connection(stream);
  const heard = recorder();
  connection.handler = heard.handler;
  connection.destroy(new Error('first'));
  connection.destroy(new Error('second'));
  connection.end();
  assert.equal((await heard.closed)?.message, 'first');
  await turn();
  assert.equal(heard.closes, 1);
});

test('an error of the stream is the reason of the close', async () => {
  const { stream } = sink();
  const connection = new Connection(stream);
  const heard = recorder();
  connection.handler = heard.handler;
  stream.destroy(new Error('read ECONNRESET'));
  assert.equal((await heard.closed)?.message, 'read ECONNRESET');
});

for (const [event, cause] of [
  ['onData', (peer: Duplex) => void peer.write('hello')],
  ['onClose', (peer: Duplex) => void peer.destroy()],
] as const) {
  test(`an exception in ${event} costs this connection, and is reported`, async () => {
    const log = new ErrorLog();
    const faults = new Faults(log);
    const [ours, theirs] = duplexPair();
    const connection = new Connection(theirs, { faults, remoteAddress: '192.0.2.1' });
    const closed = Promise.withResolvers<Error | undefined>();
    theirs.once('close', () => closed.resolve(undefined));
    const broken = new Error('broken');
    const thrower = () => {
      throw broken;
    };
    connection.handler = { onData: () => {}, onClose: () => {}, [event]: thrower };
    cause(ours);
    if (event === 'onClose') connection.destroy();
    await closed.promise;
    await turn();
    assert.equal(connection.closed, true);
    assertFaults(faults, { connection: 1 });
    assert.deepEqual(log.errors, [{ message: 'connection failed', address: '192.0.2.1', error: broken }]);
  });
}

test('an exception while one connection is written does not affect the other connections of that turn', async () => {
  const faults = new Faults(new ErrorLog());
  const failing = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  failing.write = () => {
    throw new Error('broken');
  };
  const { stream, writes } = sink();
  const [first, second] = [new Connection(failing, { faults }), new Connection(stream, { faults })];
  for (const connection of [first, second]) {
    connection.handler = recorder().handler;
    connection.write('hello');
  }
  await turn();
  assert.deepEqual(writes, ['hello']);
  assert.deepEqual([first.closed, second.closed], [true, false]);
  assertFaults(faults, { connection: 1 });
});

for (const how of ['abandon', 'end'] as const) {
  test(`${how}: bytes that the peer has not received by then never arrive`, async (t) => {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const peer = connect({ port, host: '127.0.0.1' });
    const [ours] = await accepted;
    t.after(() => {
      peer.destroy();
      server.close();
    });
    const broken = once(peer, 'error') as Promise<[NodeJS.ErrnoException]>;
    const seen = recorder();
    const connection = new Connection(ours, { closeTimeoutMs: 100, maxQueuedBytes: 64 * 1024 * 1024 });
    connection.handler = seen.handler;
    const size = 32 * 1024 * 1024;
    connection.write(Buffer.alloc(size)); // More than the system keeps for a peer that does not read.
    connection[how]();
    await seen.closed;
    let received = 0;
    peer.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    assert.equal((await broken)[0].code, 'ECONNRESET');
    assert.ok(received < size);
  });
}

test('abandon: a peer that still reads receives the last output', async (t) => {
  const server = createServer((peer) => peer.resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const ours = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  const [peer] = await accepted;
  let heard = '';
  peer.on('error', () => {}).on('data', (chunk: Buffer) => (heard += String(chunk)));
  const gone = once(peer, 'close');
  const connection = new Connection(ours);
  const seen = recorder();
  connection.handler = seen.handler;
  connection.write('<stream:error/></stream:stream>');
  connection.abandon();
  await seen.closed;
  await gone;
  assert.equal(heard, '<stream:error/></stream:stream>');
});
