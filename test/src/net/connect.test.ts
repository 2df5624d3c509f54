import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectTcp } from '../../../src/net/connect.ts';
import { Resolver } from '../../../src/net/dns.ts';
import type { Target } from '../../../src/net/srv.ts';
import { temporaryDirectory } from './certificate-fixture.ts';

async function resolver(t: TestContext, hosts: string): Promise<Resolver> {
  const hostsFile = join(await temporaryDirectory(t), 'hosts');
  await writeFile(hostsFile, hosts);
  return new Resolver({ servers: ['127.0.0.1:1'], hostsFile, timeoutMs: 50 });
}

/** A port on 127.0.0.1 where something listens. */
async function openPort(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  t.after(() => server.close());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const at = server.address();
      resolve(typeof at === 'object' && at !== null ? at.port : 0);
    });
  });
}

async function closedPort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const at = server.address();
      server.close(() => resolve(typeof at === 'object' && at !== null ? at.port : 0));
    });
  });
}

function target(host: string, port: number): Target {
  return { host, port, directTls: false, authenticated: false };
}

/** Time that moves when told; delays are run in order. */
function handClock() {
  const waiting: { at: number; task: () => void }[] = [];
  let now = 0;
  return {
    now: () => now,
    elapsed: () => now,
    after(delayMs: number, task: () => void) {
      const entry = { at: now + delayMs, task };
      waiting.push(entry);
      return { cancel: () => void (waiting.includes(entry) && waiting.splice(waiting.indexOf(entry), 1)) };
    },
    pass(ms: number) {
      now += ms;
      for (const entry of waiting.filter(({ at }) => at <= now)) {
        waiting.splice(waiting.indexOf(entry), 1);
        entry.task();
      }
    },
  };
}

/** Records what is dialled; nothing ever answers. */
function deadNetwork() {
  const dialled: string[] = [];
  let heard = () => {};
  const dial = (address: string, port: number) => {
    dialled.push(`${address} ${port}`);
    heard();
    return new Socket();
  };
  const until = async (count: number) => {
    while (dialled.length < count) await new Promise<void>((resolve) => (heard = resolve));
  };
  return { dialled, dial, until };
}

test('RFC 2782: if the first target is dead, tries the next', async (t) => {
  const port = await openPort(t);
  const targets = [target('dead.lit', await closedPort()), target('live.lit', port)];
  const hosts = await resolver(t, '127.0.0.1 dead.lit live.lit\n');
  const { socket, target: reached } = await connectTcp(targets, { resolver: hosts, timeoutMs: 5_000 });
  socket.destroy();
  assert.equal(reached, targets[1]);
});

test('RFC 8305 §5: if an IPv6 address is dead, tries the IPv4 address of the same target', async (t) => {
  const port = await openPort(t);
  const hosts = await resolver(t, '127.0.0.1 live.lit\n::1 live.lit\n');
  const { socket } = await connectTcp([target('live.lit', port)], { resolver: hosts, timeoutMs: 5_000 });
  assert.equal(socket.remoteAddress, '127.0.0.1');
  socket.destroy();
});

test('RFC 8305 §4, §5: address families alternate every 250 ms; the next target waits longer', async (t) => {
  const hosts = await resolver(
    t,
    '192.0.2.1 a.lit\n192.0.2.2 a.lit\n2001:db8::1 a.lit\n2001:db8::2 a.lit\n192.0.2.3 b.lit\n',
  );
  const clock = handClock();
  const { dialled, dial, until } = deadNetwork();
  const options = { resolver: hosts, timeoutMs: 30_000, clock, dial };
  const result = connectTcp([target('a.lit', 1), target('b.lit', 2)], options);
  for (let count = 1; count <= 4; count++) {
    await until(count);
    assert.equal(dialled.length, count);
    if (count < 4) clock.pass(250);
  }
  assert.deepEqual(dialled, ['2001:db8::1 1', '192.0.2.1 1', '2001:db8::2 1', '192.0.2.2 1']);
  clock.pass(2_999);
  assert.equal(dialled.length, 4);
  clock.pass(1);
  await until(5);
  assert.equal(dialled[4], '192.0.2.3 2');
  clock.pass(30_000);
  await assert.rejects(result, /no answer within 30 s/);
});

test('the first connection that opens is used, and the other attempt ends', async (t) => {
  const hosts = await resolver(t, '192.0.2.1 a.lit\n2001:db8::1 a.lit\n');
  const clock = handClock();
  const sockets: Socket[] = [];
  const second = Promise.withResolvers<void>();
  const dial = () => {
    sockets.push(new Socket());
    if (sockets.length === 2) second.resolve();
    else setImmediate(() => clock.pass(250));
    return sockets.at(-1) ?? new Socket();
  };
  const result = connectTcp([target('a.lit', 1)], { resolver: hosts, timeoutMs: 1e6, clock, dial });
  await second.promise;
  sockets[0]?.emit('connect');
  assert.equal((await result).socket, sockets[0]);
  assert.equal(sockets[0]?.destroyed, false);
  assert.equal(sockets[1]?.destroyed, true);
});

test('RFC 8305 §5: tries the next address immediately after a refusal', async (t) => {
  const hosts = await resolver(t, '192.0.2.1 a.lit\n2001:db8::1 a.lit\n192.0.2.3 b.lit\n');
  const clock = handClock();
  const sockets: Socket[] = [];
  let heard = () => {};
  const dial = () => {
    sockets.push(new Socket());
    heard();
    return sockets.at(-1) ?? new Socket();
  };
  const until = async (count: number) => {
    while (sockets.length < count) await new Promise<void>((resolve) => (heard = resolve));
  };
  const targets = [target('a.lit', 1), target('b.lit', 2)];
  const result = connectTcp(targets, { resolver: hosts, timeoutMs: 1e6, clock, dial });
  await until(1);
  sockets[0]?.emit('error', Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
  await until(2);
  // The other target is known by now, and waits.
  clock.pass(250);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sockets.length, 2);
  sockets[1]?.emit('error', Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
  await until(3);
  sockets[2]?.emit('connect');
  assert.equal((await result).target, targets[1]);
  assert.deepEqual(
    sockets.map(({ destroyed }) => destroyed),
    [true, true, false],
  );
});

test('the error gives the reason for each target', async (t) => {
  const port = await closedPort();
  const hosts = await resolver(t, '127.0.0.1 dead.lit\n');
  const targets = [target('dead.lit', port), target('unknown.lit', 5269), target('127.0.0.1', port)];
  await assert.rejects(connectTcp(targets, { resolver: hosts, timeoutMs: 5_000 }), (error: Error) => {
    assert.match(error.message, new RegExp(`dead\\.lit:${port} \\(127\\.0\\.0\\.1\\): connection refused`));
    assert.match(error.message, /unknown\.lit:5269: unknown\.lit could not be looked up/);
    assert.match(error.message, new RegExp(`; 127\\.0\\.0\\.1:${port}: connection refused`));
    return true;
  });
  await assert.rejects(connectTcp([], { resolver: hosts, timeoutMs: 5_000 }), /there is no target/);
});

test('an aborted attempt ends immediately', async (t) => {
  const hosts = await resolver(t, '192.0.2.1 a.lit\n');
  const { dial, until } = deadNetwork();
  const abort = new AbortController();
  const options = { resolver: hosts, timeoutMs: 1e6, dial, signal: abort.signal };
  const result = connectTcp([target('a.lit', 1)], options);
  await until(1);
  abort.abort();
  await assert.rejects(result, { code: 'connect-failed' });
});

test('if the system throws for an address, tries the next', async (t) => {
  const found = await resolver(t, '192.0.2.1 first.lit\n192.0.2.2 second.lit\n');
  const dialled: string[] = [];
  const dial = (address: string): Socket => {
    dialled.push(address);
    throw new RangeError('Port should be >= 0 and < 65536');
  };
  const targets = [target('first.lit', 5269), target('second.lit', 5269)];
  await assert.rejects(connectTcp(targets, { resolver: found, timeoutMs: 5_000, dial }), {
    code: 'connect-failed',
    message: /first\.lit:5269 \(192\.0\.2\.1\): Port should be .*; second\.lit:5269 \(192\.0\.2\.2\): Port/,
  });
  assert.deepEqual(dialled, ['192.0.2.1', '192.0.2.2']);
});

test('at most 24 addresses are dialled, however many targets and addresses there are', async (t) => {
  const names = ['a.lit', 'b.lit', 'c.lit', 'd.lit'];
  const lines = names.flatMap((name, i) =>
    Array.from({ length: 8 }, (_, j) => `192.0.2.${8 * i + j} ${name}`),
  );
  const hosts = await resolver(t, `${lines.join('\n')}\n`);
  let dialled = 0;
  const dial = () => {
    dialled++;
    const socket = new Socket();
    setImmediate(() => socket.destroy(new Error('refused')));
    return socket;
  };
  const targets = names.map((name) => target(name, 1));
  await assert.rejects(connectTcp(targets, { resolver: hosts, timeoutMs: 5_000, dial }), {
    name: 'NetError',
    code: 'connect-failed',
  });
  assert.equal(dialled, 24);
});
