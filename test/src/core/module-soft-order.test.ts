// `after`, `before` and `find` on a running host: modules come and go, and the order holds.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startServer } from '../../support/server.ts';

const plugin = (name: string, more: string, body = '') => `
  import { defineModule } from 'enjamb/api';
  const told: string[] = Reflect.get(globalThis, 'softly');
  export default defineModule({
    name: '${name}', summary: 'A test', ${more}
    load(module) {
      module.hook('user-create', () => void told.push('${name}'));
      ${body}
    },
  });
`;
const PLUGINS = {
  archive: plugin('archive', '', 'return { size: 3 };'),
  marks: plugin('marks', `before: ['archive'],`),
  reader: plugin(
    'reader',
    `after: ['archive'],`,
    `module.hook('host-stop', () => void told.push(String(module.find('archive')?.size)));`,
  ),
  thief: plugin('thief', '', `module.find('archive');`),
  turned: plugin('turned', `before: ['marks'], after: ['archive'],`),
};

async function start(t: TestContext, enabled: string) {
  const told: string[] = [];
  Object.assign(globalThis, { softly: told });
  const plugins = await mkdtemp(join(tmpdir(), 'enjamb-soft-'));
  t.after(() => rm(plugins, { recursive: true }));
  for (const [name, text] of Object.entries(PLUGINS)) await writeFile(join(plugins, `${name}.ts`), text);
  const config = `modules_enabled = ${enabled}\n[hosts."montague.lit"]\n`;
  const { server } = await startServer(t, { config, plugins });
  const { hooks } = server.router.hosts.get('montague.lit')!;
  const heard = (event: 'user-create' | 'host-stop') => {
    told.length = 0;
    hooks.notify(event, { user: 'x', domain: 'montague.lit' });
    return told.join(' ');
  };
  const run = (what: string, name: string) =>
    server.commands.run(`module ${what}`, { name, host: 'montague.lit' }, { by: 'test' });
  return { heard, run };
}

test('a module that loads later, or again, still runs before the module that it names', async (t) => {
  const { heard, run } = await start(t, '["archive"]');
  await run('load', 'marks');
  assert.equal(heard('user-create'), 'marks archive');
  await run('reload', 'marks');
  assert.equal(heard('user-create'), 'marks archive');
  await run('reload', 'archive');
  assert.equal(heard('user-create'), 'marks archive');
});

test('`find` returns a module while it is loaded, and requires its name in `after`', async (t) => {
  const { heard, run } = await start(t, '["reader"]');
  assert.equal(heard('host-stop'), 'undefined');
  await run('load', 'archive');
  assert.equal(heard('host-stop'), '3');
  assert.equal(heard('user-create'), 'archive reader');
  await run('unload', 'archive');
  assert.equal(heard('host-stop'), 'undefined');
  await assert.rejects(
    run('load', 'thief'),
    /"thief" calls `find` for "archive", which its `after` does not name/,
  );
});

test('refuses a module that would close a circle, and keeps the order', async (t) => {
  const { heard, run } = await start(t, '["archive", "marks"]');
  await assert.rejects(run('load', 'turned'), /come after each other in a circle .*turned/);
  assert.equal(heard('user-create'), 'marks archive');
});
