// The generated pages are up to date, and all pages agree with the code.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MODULE_ERRORS, NET_ERRORS, STORAGE_ERRORS } from '../../scripts/docs/error-texts.ts';
import { LOG_LINES } from '../../scripts/docs/log-texts.ts';
import { CORE } from '../../scripts/docs/xeps.ts';
import { generatePages } from '../../scripts/docs.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const pages = await generatePages();

for (const [path, text] of pages) {
  test(`${path} is what \`npm run docs\` writes`, () => {
    assert.equal(read(path), text, `${path} is stale: run \`npm run docs\` and commit what it changes`);
  });
}

test('links between the pages have existing targets', () => {
  const files = [...globSync('docs/*.md', { cwd: ROOT }), 'README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md'];
  const broken = files.flatMap((file) => {
    const links = [...read(file).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)];
    return links
      .filter(([, path, anchor]) => !leads(file, path ?? '', anchor))
      .map(([link]) => `${file}: ${link}`);
  });
  assert.deepEqual(broken, []);
});

test('docs/errors.md explains every log line of level warn and error, and no others', () => {
  const sources = globSync('{src,modules}/**/*.ts', { cwd: ROOT }).map(read).join('\n');
  const logged = [
    ...sources.matchAll(/\b(?:log|logger)\b[\w.#?]*(?:\([\w.]+\))?\)?\.(?:warn|error)\(\s*'([^']+)'/g),
  ];
  const byLevel = [...sources.matchAll(/\blog\[level\]\('([^']+)'/g)];
  const faults = [...(/const MESSAGES = \{(.*?)\}/s.exec(sources)?.[1] ?? '').matchAll(/: '([^']+)'/g)];
  const lines = new Set([...logged, ...byLevel, ...faults].map(([, line]) => line));
  assert.deepEqual([...lines].sort(), Object.keys(LOG_LINES).sort());
});

/** Headings are anchors: lower case, hyphens for spaces, no punctuation. */
function leads(from: string, path: string, anchor: string | undefined): boolean {
  const target = path === '' ? from : join(from, '..', path);
  if (globSync(target, { cwd: ROOT }).length === 0) return false;
  if (anchor === undefined) return true;
  const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
  return headings.includes(anchor);
}

test('folders of src in the table of specifications cite the specification', () => {
  const missing = CORE.filter(([specification, folders]) => {
    const [name = ''] = /^(RFC \d+|XEP-\d+)/.exec(specification) ?? [];
    const files = folders.split(', ').flatMap((folder) => globSync(`src/${folder}/**/*.ts`, { cwd: ROOT }));
    return !files.some((file) => read(file).includes(name));
  });
  assert.deepEqual(missing, []);
});

test('every module and option has a description of one line without a full stop', () => {
  const modules = pages.get('docs/modules.md')!;
  assert.doesNotMatch(modules, /\.\.$/m);
  assert.doesNotMatch(modules, /\| {2}\|/);
});

test('every listed error code occurs in the sources', () => {
  const sources = globSync('src/**/*.ts', { cwd: ROOT }).map(read);
  const words = Object.keys({ ...MODULE_ERRORS, ...NET_ERRORS, ...STORAGE_ERRORS });
  const idle = words.filter((word) => {
    const mentions = sources.join('\n').split(`'${word}'`).length - 1;
    return mentions < 2; // one is the declaration
  });
  assert.deepEqual(idle, []);
});
