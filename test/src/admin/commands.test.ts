import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Command, CommandError, CommandRegistry, defineCommand } from '../../../src/admin/commands.ts';
import { boolean, duration, integer, jid, list, string } from '../../../src/config/options.ts';
import { ModuleError } from '../../../src/core/errors.ts';
import { NetError } from '../../../src/net/errors.ts';
import { AccountError } from '../../../src/sasl/accounts.ts';
import { StorageError } from '../../../src/storage/error.ts';

const CONTEXT = { by: 'test' };

/** Answers with what it was given. */
function echo(name: string): Command {
  return defineCommand({
    name,
    summary: 'Echoes',
    args: { who: jid('Who', { optional: true }), count: integer('How many', { default: 1 }) },
    positional: ['who'],
    run: (args, { by }) => ({ data: { ...args, by } }),
  });
}

/** A command that lists one row for its host. */
function rows(domain: string): Command {
  return defineCommand({
    name: 'joins',
    summary: 'Rooms',
    args: {},
    run: () => ({ rows: [{ room: `hall@${domain}` }], columns: ['room'], text: 'done' }),
  });
}

test('a command gets its arguments checked and with their defaults', async () => {
  const registry = new CommandRegistry();
  registry.register(echo('echo'));
  const result = await registry.run('echo', { who: 'Romeo@Example.org' }, CONTEXT);
  assert.deepEqual(result.data, { who: 'romeo@example.org', count: 1, by: 'test' });
});

test('refuses all wrong and unknown arguments together, as wrong usage', async () => {
  const registry = new CommandRegistry();
  registry.register(echo('echo'));
  await assert.rejects(
    registry.run('echo', { who: '@', count: 'x', more: 1 }, CONTEXT),
    (error: CommandError) => {
      assert.equal(error.code, 'usage');
      for (const name of ['who', 'count', 'more']) assert.match(error.message, new RegExp(name));
      return true;
    },
  );
});

test('text that spells a number, a truth value or a list is taken as such where the argument asks for it', async () => {
  const registry = new CommandRegistry();
  const args = {
    count: integer('x'),
    force: boolean('x'),
    wait: duration('x'),
    hosts: list('x', string('y')),
    name: string('x'),
  };
  registry.register(
    defineCommand({ name: 'typed', summary: 'x', args, run: (values) => ({ data: values }) }),
  );
  const raw = { count: '5', force: 'true', wait: '2 minutes', hosts: 'a, b', name: '12' };
  const { data } = await registry.run('typed', raw, CONTEXT);
  assert.deepEqual(data, { count: 5, force: true, wait: 120_000, hosts: ['a', 'b'], name: '12' });
});

test('an unknown command is told apart from a refused one', async () => {
  const registry = new CommandRegistry();
  await assert.rejects(registry.run('nothing', {}, CONTEXT), {
    name: 'CommandError',
    code: 'unknown-command',
  });
});

test('a name can be taken once, and is free again when it is given back', () => {
  const registry = new CommandRegistry();
  const undo = registry.register(echo('s2s  list'));
  assert.throws(() => registry.register(echo('s2s list')), CommandError);
  assert.throws(() => registry.register(echo('s2s list'), 'a.example'), CommandError);
  undo();
  undo();
  registry.register(echo('s2s list'))();
  assert.deepEqual(registry.list(), []);
});

test('a command of several hosts runs on all of them, and the rows say where they are from', async () => {
  const registry = new CommandRegistry();
  registry.register(rows('a.example'), 'a.example');
  const single = await registry.run('joins', {}, CONTEXT);
  assert.deepEqual(single.rows, [{ room: 'hall@a.example' }]);
  registry.register(rows('b.example'), 'b.example');
  const both = await registry.run('joins', {}, CONTEXT);
  assert.deepEqual(both, {
    rows: [
      { host: 'a.example', room: 'hall@a.example' },
      { host: 'b.example', room: 'hall@b.example' },
    ],
    columns: ['host', 'room'],
    text: 'a.example: done\nb.example: done',
  });
});

test('the argument host picks one of them', async () => {
  const registry = new CommandRegistry();
  for (const domain of ['a.example', 'b.example']) registry.register(rows(domain), domain);
  const { rows: found } = await registry.run('joins', { host: 'b.example' }, CONTEXT);
  assert.deepEqual(found, [{ room: 'hall@b.example' }]);
  await assert.rejects(registry.run('joins', { host: 'c.example' }, CONTEXT), { code: 'usage' });
});

test('a host that is asked about something on another one stays out of it; where all do, that is refused', async () => {
  const registry = new CommandRegistry();
  for (const host of ['montague.lit', 'verona.lit']) {
    registry.register(
      {
        name: 'show',
        summary: 'Shows it',
        args: { where: string('Where it is') },
        run: ({ where }) => (where === host ? { text: 'here' } : {}),
      },
      host,
    );
  }
  assert.deepEqual(await registry.run('show', { where: 'verona.lit' }, CONTEXT), {
    text: 'verona.lit: here',
  });
  await assert.rejects(
    registry.run('show', { where: 'capulet.lit' }, CONTEXT),
    new CommandError('none of these hosts has such an entry: montague.lit, verona.lit'),
  );
});

test('what an account, a module or the network refuses reaches the administrator as a sentence', async () => {
  const registry = new CommandRegistry();
  const thrown = [
    new AccountError('not-found', 'romeo'),
    new ModuleError('MODULE_NOT_FOUND', 'weather', 'There is no module "weather"'),
    new NetError('no-such-domain', 'there is no capulet.lit'),
  ];
  for (const [index, error] of thrown.entries()) {
    registry.register({
      name: `fail ${index}`,
      summary: 'Fails',
      args: {},
      run: () => Promise.reject(error),
    });
    const expected = { name: 'CommandError', code: 'refused', message: error.message, cause: error };
    await assert.rejects(registry.run(`fail ${index}`, {}, CONTEXT), expected);
  }
});

test('passes on unexpected errors unchanged, to be logged', async () => {
  const bug = new TypeError('x is not a function');
  const full = new StorageError('failed', 'cannot write /var/enjamb.sqlite', { driver: 'sqlite' });
  for (const error of [bug, full]) {
    const registry = new CommandRegistry();
    registry.register({ name: 'break', summary: 'Breaks', args: {}, run: () => Promise.reject(error) });
    await assert.rejects(registry.run('break', {}, CONTEXT), (thrown) => thrown === error);
  }
});

test('types: what is registered on the spot has its arguments typed without a helper', () => {
  const registry = new CommandRegistry();
  registry.register({
    name: 'typed',
    summary: 'Typed',
    args: { count: integer('How many'), who: jid('Who', { optional: true }) },
    positional: ['count'],
    run: ({ count, who }) => ({ text: `${count.toFixed()} ${who?.toUpperCase()}` }),
  });
  registry.register({
    name: 'wrong',
    summary: 'Wrong',
    args: { count: integer('How many') },
    // @ts-expect-error a positional argument must be one of args
    positional: ['cuont'],
    // @ts-expect-error count is a number
    run: ({ count }) => ({ text: count.toUpperCase() }),
  });
  assert.equal(registry.list().length, 2);
});
