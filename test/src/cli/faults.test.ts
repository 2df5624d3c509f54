// Exceptions without an owner (docs/adr/0024): a running server goes on, a starting one ends.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { enjamb, QUIET, siteFolder } from './folder.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

const CONFIG = `${QUIET}data_path = "data"\nplugin_paths = ["plugins"]\n[hosts."montague.lit"]\n`;

/** Throws from callbacks that no caller catches. */
const CLUMSY = `
  import { defineModule, oneOf } from 'enjamb/api';

  function fail(code) {
    throw Object.assign(new Error('nobody owns this'), { code });
  }

  const WAYS = {
    tick: () => setTimeout(fail, 0),
    microtask: () => queueMicrotask(fail),
    promise: () => void Promise.reject(new Error('nobody owns this')),
    timer: (module) => module.after(0, fail),
    work: (module) => module.spawn(Promise.reject(new Error('nobody owns this'))),
    command: () => fail(),
    slow: (module) => module.onUnload(() => new Promise((resolve) => setTimeout(resolve, 1_000))),
    nothing: () => setTimeout(() => { throw undefined; }, 0),
    runtime: () => setTimeout(() => fail('ERR_INTERNAL_ASSERTION'), 0),
  };

  export default defineModule({
    name: 'clumsy',
    summary: 'Throws',
    load(module) {
      module.command({
        name: 'clumsy',
        summary: 'Throws',
        args: { way: oneOf('Where', Object.keys(WAYS)) },
        positional: ['way'],
        run({ way }) {
          WAYS[way](module);
          return { text: 'done' };
        },
      });
    },
  });
`;

const EARLY = `
  import { defineModule } from 'enjamb/api';
  export default defineModule({
    name: 'early',
    summary: 'Throws while the server starts, which then waits for ever',
    load: () => new Promise(() => setTimeout(() => { throw new Error('too early'); }, 0)),
  });
`;

interface Running {
  readonly folder: string;
  readonly child: ChildProcess;
  readonly stderr: Promise<string>;
  metrics(): Promise<string[]>;
}

async function start(t: TestContext, modules: string): Promise<Running> {
  const config = `modules_enabled = [${modules}]\n${CONFIG}`;
  const files = { 'enjamb.toml': config, 'plugins/clumsy.ts': CLUMSY, 'plugins/early.ts': EARLY };
  const folder = siteFolder(t, files);
  const child = spawn(process.execPath, ['--conditions=source', MAIN, 'start'], { cwd: folder });
  t.after(() => child.kill('SIGKILL'));
  const metrics = async (): Promise<string[]> => {
    const { out } = await enjamb(folder, 'metrics');
    return out.split('\n').filter((line) => line.startsWith('enjamb_internal_errors_total'));
  };
  return { folder, child, stderr: text(child.stderr), metrics };
}

test('logs an unexpected exception with its stack, counts it, and continues', async (t) => {
  const { folder, child, stderr, metrics } = await start(t, '"clumsy"');
  await once(child.stdout!, 'data'); // ready
  for (const way of ['tick', 'microtask', 'promise', 'nothing', 'timer', 'work'])
    assert.deepEqual(await enjamb(folder, 'clumsy', way), { code: 0, out: 'done\n', err: '' }, way);
  const refused = await enjamb(folder, 'clumsy', 'command');
  assert.deepEqual([refused.code, refused.err], [1, 'enjamb: clumsy failed: nobody owns this\n']);
  assert.deepEqual((await metrics()).sort(), [
    'enjamb_internal_errors_total{place="command"} 1',
    'enjamb_internal_errors_total{place="task"} 1',
    'enjamb_internal_errors_total{place="uncaught"} 4',
    'enjamb_internal_errors_total{place="work"} 1',
  ]);
  child.kill('SIGTERM');
  assert.deepEqual(await ended(child), [0, null]);
  const lines = (await stderr).split('\n').filter((line) => line.startsWith('{'));
  const errors = lines
    .map((line) => JSON.parse(line) as { msg: string; error?: { stack: string } })
    .filter(({ msg }) => msg !== 'certificate problem');
  const uncaught = ['internal error', 'internal error', 'internal error', 'internal error'];
  assert.deepEqual(
    errors.map(({ msg }) => msg),
    [...uncaught, 'task failed', 'background work failed', 'command failed'],
  );
  const stacks = errors.flatMap(({ error }) => error?.stack ?? []);
  assert.equal(stacks.filter((stack) => /clumsy\.ts/.test(stack)).length, 6);
});

test('SIGHUP during the stop changes nothing', async (t) => {
  const { folder, child } = await start(t, '"clumsy"');
  await once(child.stdout!, 'data');
  await enjamb(folder, 'clumsy', 'slow');
  child.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 300));
  child.kill('SIGHUP');
  assert.deepEqual(await ended(child), [0, null]);
});

test('the process ends after an assertion inside Node', async (t) => {
  const { folder, child, stderr } = await start(t, '"clumsy"');
  await once(child.stdout!, 'data');
  await enjamb(folder, 'clumsy', 'runtime');
  assert.deepEqual(await ended(child), [1, null]);
  assert.match(await stderr, /ERR_INTERNAL_ASSERTION.*fatal internal error, exiting/);
});

test('an unexpected exception during the start ends the process', async (t) => {
  const { child, stderr } = await start(t, '"early"');
  assert.deepEqual(await ended(child), [1, null]);
  assert.match(await stderr, /too early.*fatal internal error, exiting/);
});

function ended(child: ChildProcess): Promise<unknown[]> {
  return once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
}
