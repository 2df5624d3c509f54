// docs/api-examples.md: every value that the doors export has an example there or on the page about modules, and all run.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as api from '../../src/api/index.ts';
import * as stream from '../../src/api/stream.ts';
import * as xep from '../../src/xep/index.ts';
import { startServer } from '../support/server.ts';

const ROOT = join(import.meta.dirname, '../..');

const folder = mkdtempSync(join(tmpdir(), 'enjamb-examples-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'node_modules'));
symlinkSync(ROOT, join(folder, 'node_modules/enjamb'));
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');

const examples = blocksOf('docs/api-examples.md').map((text, index) => {
  const isModule = text.includes('export default defineModule(');
  const [, module] = /^ {2}name: '(\w+)',$/m.exec(text) ?? [];
  const name = isModule ? module! : `example-${index + 1}`;
  const path = join(folder, `${name}.ts`);
  writeFileSync(path, text);
  return { name, path, isModule };
});

function blocksOf(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
}

/** The names that a block imports from the doors. */
function imported(block: string): string[] {
  return [...block.matchAll(/^import \{([^}]*)\} from 'enjamb\/(?:api|api\/stream|xep)';/gm)].flatMap(
    ([, names]) => names!.split(',').map((name) => name.trim()),
  );
}

test('every value that a door exports has an example', () => {
  const shown = new Set([
    ...[...blocksOf('docs/api-examples.md'), ...blocksOf('docs/writing-a-module.md')].flatMap(imported),
    ...imported(readFileSync(join(ROOT, 'test/api/plugins/doors.ts'), 'utf8')),
  ]);
  assert.deepEqual(
    [api, stream, xep].flatMap(Object.keys).filter((name) => !shown.has(name)),
    [],
  );
});

test('every member of a module has an example', () => {
  const text = [...blocksOf('docs/api-examples.md'), ...blocksOf('docs/writing-a-module.md')].join('\n');
  const declared = readFileSync(join(ROOT, 'test/api/api.txt'), 'utf8');
  const [, body = ''] = /^interface Module<[^\n]*\n([\s\S]*?)^\}/m.exec(declared) ?? [];
  const members = [...body.matchAll(/^ {4}(?:readonly )?(\w+)[<(:]/gm)].map(([, name]) => name!);
  assert.ok(members.length > 30, `only ${members.length} members found`);
  assert.deepEqual(
    members.filter(
      (name) =>
        !new RegExp(`\\bmodule\\.${name}\\b|\\{[^}\\n]*\\b${name}\\b[^}\\n]*\\} = module;`).test(text),
    ),
    [],
  );
});

test('the examples pass the type check of a project that depends on enjamb', () => {
  const settings = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { typeRoots: [join(ROOT, 'node_modules/@types')], noUnusedLocals: true },
    include: ['*.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  assert.deepEqual(
    stdout.split('\n').filter((line) => /^[\w./-]*(?:example-\d+|budgeted|bounded|tour)\.ts/.test(line)),
    [],
  );
});

for (const { name, path, isModule } of examples) {
  if (!isModule) test(`${name} runs`, async () => void (await import(path)));
}

test('a server loads the modules of the page', async (t) => {
  const modules = examples.filter(({ isModule }) => isModule).map(({ name }) => name);
  assert.deepEqual(modules, ['budgeted', 'bounded', 'tour']);
  const config = `[hosts."localhost"]\nmodules_enabled = ${JSON.stringify(['message', ...modules])}`;
  const server = await startServer(t, { config, plugins: folder });
  const romeo = await server.client('romeo@localhost/orchard');
  romeo.send(`<iq type='get' id='1' to='${romeo.jid}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  assert.equal((await romeo.next()).attrs.id, '1');
});
