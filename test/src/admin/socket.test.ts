import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, linkSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { AdminClient } from '../../../src/admin/client.ts';
import { CommandError, CommandRegistry, defineCommand } from '../../../src/admin/commands.ts';
import { AdminSocket } from '../../../src/admin/socket.ts';
import { string } from '../../../src/config/options.ts';
import { Faults } from '../../../src/util/faults.ts';
import { silentLogger } from '../../../src/util/logger.ts';

function dataFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'enjamb-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function registry(): CommandRegistry {
  const commands = new CommandRegistry();
  const args = { word: string('A word') };
  commands.register(
    defineCommand({
      name: 'say',
      summary: 'Says',
      args,
      positional: ['word'],
      run: ({ word }) => ({ text: word }),
    }),
  );
  commands.register(
    defineCommand({
      name: 'refuse',
      summary: 'Refuses',
      args: {},
      run() {
        throw new CommandError('not today');
      },
    }),
  );
  commands.register(
    defineCommand({
      name: 'break',
      summary: 'Has a bug',
      args: {},
      run() {
        throw new TypeError('x is not a function');
      },
    }),
  );
  commands.register(
    defineCommand({ name: 'count', summary: 'Too much for JSON', args: {}, run: () => ({ data: 10n }) }),
  );
  return commands;
}

async function startSocket(
  t: TestContext,
  dataPath = dataFolder(t),
  commands = registry(),
): Promise<AdminSocket> {
  const socket = new AdminSocket({ dataPath, commands, log: silentLogger, faults: new Faults(silentLogger) });
  await socket.start();
  t.after(() => socket.stop());
  return socket;
}

async function startClient(
  t: TestContext,
  dataPath = dataFolder(t),
  commands = registry(),
): Promise<AdminClient> {
  await startSocket(t, dataPath, commands);
  const client = await AdminClient.connect(dataPath);
  assert.ok(client);
  t.after(() => client.close());
  return client;
}

/** A connection without our client: lines out, lines in. */
async function rawConnection(t: TestContext): Promise<{ socket: Socket; next: () => Promise<unknown> }> {
  const admin = await startSocket(t);
  const socket = connect(admin.path);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return { socket, next: async () => JSON.parse((await lines.next()).value ?? 'null') };
}

test('answers each request, also when several are under way', async (t) => {
  const client = await startClient(t);
  const answers = await Promise.all(['a', 'b', 'ü\n'].map((word) => client.run('say', { word })));
  assert.deepEqual(
    answers.map(({ text }) => text),
    ['a', 'b', 'ü\n'],
  );
});

test('a refusal arrives with its sentence and code', async (t) => {
  const client = await startClient(t);
  await assert.rejects(client.run('refuse'), { name: 'CommandError', message: 'not today', code: 'refused' });
  await assert.rejects(client.run('nothing'), { code: 'unknown-command' });
  await assert.rejects(client.run('say', { word: 5 }), { code: 'usage' });
});

test('answers with an error when a command has a bug, and serves the next request', async (t) => {
  const client = await startClient(t);
  await assert.rejects(client.run('break'), /break failed: x is not a function/);
  assert.equal((await client.run('say', { word: 'on' })).text, 'on');
});

test('lists the commands of the server and of modules', async (t) => {
  const client = await startClient(t);
  const { data } = await client.run('commands');
  const say = (data as { name: string }[]).find(({ name }) => name === 'say');
  assert.deepEqual(say, {
    name: 'say',
    summary: 'Says',
    positional: ['word'],
    args: [{ name: 'word', doc: 'A word', takes: 'text in quotes', required: true }],
  });
});

test('only its owner can open the socket', async (t) => {
  const { path } = await startSocket(t);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a socket that a dead server left is replaced', async (t) => {
  const dataPath = dataFolder(t);
  const path = join(dataPath, 'admin.sock');
  // Closing removes the name that was bound: a second name stays, as after a crash.
  const dead = createServer().listen(join(dataPath, 'bound'));
  await once(dead, 'listening');
  linkSync(join(dataPath, 'bound'), path);
  await new Promise((resolve) => dead.close(resolve));
  assert.ok(existsSync(path));
  const socket = await startSocket(t, dataPath);
  assert.equal(socket.path, path);
  const client = await AdminClient.connect(dataPath);
  t.after(() => client?.close());
  assert.equal((await client?.run('say', { word: 'alive' }))?.text, 'alive');
});

test('a second server on the same data directory is refused, and the first goes on', async (t) => {
  const dataPath = dataFolder(t);
  const client = await startClient(t, dataPath);
  const second = new AdminSocket({
    dataPath,
    commands: registry(),
    log: silentLogger,
    faults: new Faults(silentLogger),
  });
  await assert.rejects(second.start(), /another server is using this data directory/);
  assert.equal((await client.run('say', { word: 'here' })).text, 'here');
});

test('a file that is no socket is left alone', async (t) => {
  const dataPath = dataFolder(t);
  writeFileSync(join(dataPath, 'admin.sock'), 'precious');
  const socket = new AdminSocket({
    dataPath,
    commands: registry(),
    log: silentLogger,
    faults: new Faults(silentLogger),
  });
  await assert.rejects(socket.start(), /the path of the admin socket is taken by another file/);
  assert.ok(existsSync(join(dataPath, 'admin.sock')));
});

test('a data directory that cannot be read is named, with the reason', async (t) => {
  const dataPath = join(dataFolder(t), 'loop');
  symlinkSync(dataPath, dataPath);
  const socket = new AdminSocket({
    dataPath,
    commands: registry(),
    log: silentLogger,
    faults: new Faults(silentLogger),
  });
  await assert.rejects(socket.start(), {
    name: 'StartError',
    message: /^cannot read the data directory \/.*loop: ELOOP/,
  });
});

test('a path that no socket can have is refused with the reason', async (t) => {
  const dataPath = join(dataFolder(t), 'x'.repeat(120));
  const socket = new AdminSocket({
    dataPath,
    commands: registry(),
    log: silentLogger,
    faults: new Faults(silentLogger),
  });
  await assert.rejects(socket.start(), /has more than 107 bytes: .*; set a shorter data_path/);
});

test('stopping removes the socket, and tells who waits for an answer', async (t) => {
  const commands = registry();
  const args = {};
  const started = Promise.withResolvers<AbortSignal | undefined>();
  const run = (_: object, { signal }: { signal?: AbortSignal }) => {
    started.resolve(signal);
    return new Promise<never>(() => {});
  };
  commands.register(defineCommand({ name: 'wait', summary: 'Never ends', args, run }));
  const dataPath = dataFolder(t);
  const socket = await startSocket(t, dataPath, commands);
  const client = await AdminClient.connect(dataPath);
  assert.ok(client);
  const waiting = assert.rejects(client.run('wait'), /stopped before it answered/);
  const signal = await started.promise;
  await socket.stop();
  await waiting;
  assert.equal(signal?.aborted, true);
  assert.equal(existsSync(socket.path), false);
  assert.equal(await AdminClient.connect(dataPath), undefined);
  await assert.rejects(client.run('say', { word: 'x' }), CommandError);
});

test('fails when no server runs', async (t) => {
  assert.equal(await AdminClient.connect(dataFolder(t)), undefined);
});

test('answers an invalid request with the expected form', async (t) => {
  const { socket, next } = await rawConnection(t);
  for (const line of ['hello', '[]', '{"command":"say"}', '{"id":1}', '{"id":1,"command":"say","args":[]}']) {
    socket.write(`${line}\n`);
    const { ok, error } = (await next()) as { ok: boolean; error: { code: string } };
    assert.deepEqual([ok, error.code], [false, 'usage'], line);
  }
});

test('takes requests in pieces, and several in one chunk', async (t) => {
  const { socket, next } = await rawConnection(t);
  const one = JSON.stringify({ id: 'a', command: 'say', args: { word: 'ü' } });
  const bytes = Buffer.from(`${one}\n\n${one}\n`);
  for (const byte of bytes) socket.write(Buffer.from([byte]));
  const expected = { id: 'a', ok: true, result: { text: 'ü' } };
  assert.deepEqual([await next(), await next()], [expected, expected]);
});

test('closes the connection when a line exceeds its limit', async (t) => {
  const { socket, next } = await rawConnection(t);
  const closed = once(socket, 'close');
  socket.write('x'.repeat(300 * 1024));
  const { error } = (await next()) as { error: { message: string } };
  assert.match(error.message, /at most 262144 bytes/);
  await closed;
});

test('one connection has 16 requests under way at most; further ones are refused until one is answered', async (t) => {
  const dataPath = dataFolder(t);
  const commands = registry();
  const { promise, resolve } = Promise.withResolvers<{ text: string }>();
  commands.register(defineCommand({ name: 'wait', summary: 'Waits', args: {}, run: () => promise }));
  const { path } = await startSocket(t, dataPath, commands);
  const socket = connect(path);
  t.after(() => socket.destroy());
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  for (let id = 0; id < 17; id++) socket.write(`${JSON.stringify({ id, command: 'wait' })}\n`);
  const refused = JSON.parse((await lines.next()).value ?? '');
  assert.deepEqual([refused.id, refused.ok], [16, false]);
  assert.match(refused.error.message, /too many pending requests/);
  resolve({ text: 'over' });
  for (let id = 0; id < 16; id++) assert.equal(JSON.parse((await lines.next()).value ?? '').ok, true);
  socket.write(`${JSON.stringify({ id: 17, command: 'wait' })}\n`);
  assert.deepEqual(JSON.parse((await lines.next()).value ?? ''), {
    id: 17,
    ok: true,
    result: { text: 'over' },
  });
});

test('32 connections are served at most; the next one is closed, and a place that is left can be taken', async (t) => {
  const { path } = await startSocket(t);
  const open = async (): Promise<Socket> => {
    const socket = connect(path);
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    socket.on('close', () => socket.emit('error', new Error('closed')));
    await once(socket, 'connect');
    return socket;
  };
  const answers = (socket: Socket) => {
    socket.write(`${JSON.stringify({ id: 1, command: 'say', args: { word: 'ay' } })}\n`);
    return once(socket, 'data', { signal: AbortSignal.timeout(5_000) }).then(
      () => true,
      () => false,
    );
  };
  const sockets: Socket[] = [];
  for (let n = 0; n < 32; n++) sockets.push(await open());
  for (const socket of sockets) assert.equal(await answers(socket), true);
  assert.equal(await answers(await open()), false);
  sockets[0]!.destroy();
  for (let n = 0; n < 100 && !(await answers(await open())); n++);
  assert.equal(await answers(sockets[1]!), true);
});

test('a result that JSON cannot encode is an error; the next command works', async (t) => {
  const client = await startClient(t);
  await assert.rejects(client.run('count'), {
    message: 'the command ran, but its result cannot be encoded as JSON',
  });
  assert.deepEqual(await client.run('say', { word: 'here' }), { text: 'here' });
});
