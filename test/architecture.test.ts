// The rules of ARCHITECTURE.md: imports point downwards, and one folder imports each dependency.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');

/** What each part of `src` may import besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  util: [],
  xml: ['util'],
  xep: ['util', 'xml'],
  net: ['util'],
  config: ['util', 'xml'],
  storage: ['util', 'xml'],
  stream: ['util', 'xml', 'net'],
  session: ['util', 'xml', 'stream', 'api', 'core'],
  admin: ['util', 'xml', 'config', 'storage'],
  sasl: ['util', 'xml', 'storage'],
  api: ['util', 'xml', 'net', 'config', 'storage', 'stream', 'sasl', 'admin'],
  core: ['util', 'xml', 'config', 'storage', 'admin', 'sasl', 'net', 'api'],
  c2s: ['util', 'xml', 'config', 'net', 'stream', 'session', 'sasl', 'api', 'core'],
  s2s: ['util', 'xml', 'xep', 'config', 'net', 'stream', 'session', 'admin', 'api', 'core'],
  component: ['util', 'xml', 'xep', 'config', 'net', 'stream', 'session', 'admin', 'sasl', 'api', 'core'],
  'server.ts': [
    'util',
    'xml',
    'config',
    'net',
    'storage',
    'session',
    'admin',
    'sasl',
    'core',
    'c2s',
    's2s',
    'component',
  ],
  cli: ['util', 'xml', 'config', 'net', 'storage', 'admin', 'sasl', 'core', 'server.ts'],
  'main.ts': ['cli', 'util'],
};

/** What modules may import of the server. */
const MODULE_DOORS: Record<string, string> = {
  'enjamb/api': 'src/api/index.ts',
  'enjamb/api/stream': 'src/api/stream.ts',
  'enjamb/xep': 'src/xep/index.ts',
};

/** The one folder that may import a package; replacing it is then a change in one place. */
const DOORS: Record<string, string> = {
  ltx: 'src/xml',
  'better-sqlite3': 'src/storage',
  'dns-packet': 'src/net',
  pino: 'src/util',
  'smol-toml': 'src/config',
  commander: 'src/cli',
  '@mongodb-js/saslprep': 'src/sasl',
};

/** The folders of a module, lowest first: a file imports from its own or a lower one. Files beside them may import all. */
const LAYERS: Record<string, readonly string[]> = {
  'modules/muc': ['model', 'engine', 'acts', 'stanzas'],
  'modules/muc_autorejoin': [
    'memory',
    'shared',
    'answer',
    'gap',
    'settings',
    'founding',
    'join',
    'assisted',
    'takeover',
  ],
};

/**
 * Files that may use system modules with asynchronous errors. Before adding a file, review each of its error paths: none
 * may throw past its owner (docs/adr/0024).
 */
const SYSTEM: Record<string, readonly string[]> = {
  'node:dgram': ['src/net/dns-query.ts'],
  'node:tls': [
    'src/net/certificate-files.ts',
    'src/net/certificates.ts',
    'src/net/client-context.ts',
    'src/net/tls-info.ts',
    'src/net/tls-unique.ts',
    'src/net/tls.ts',
    'src/net/trust.ts',
  ],
  'node:worker_threads': [
    'src/storage/drivers/sqlite-reader-thread.ts',
    'src/storage/drivers/sqlite-thread.ts',
    'src/storage/drivers/sqlite-writer.ts',
  ],
  'node:child_process': [],
  'node:http': [],
  'node:https': [],
};

/** Files with timers of their own: for a limit around a promise, or the end of a turn of the event loop. */
const TIMERS = [
  'src/cli/start.ts',
  'src/net/dns-query.ts',
  'src/net/event-loop.ts',
  'src/net/tls.ts',
  'src/server.ts',
  'src/storage/drivers/sqlite.ts',
  'src/util/clock.ts',
];

/** Imports in any form: of types, of effects, dynamic, over several lines. */
const IMPORT = /\b(?:from|import|import\()\s*'([\w@#./-]+)'/g;
/** They may quote an import. */
const COMMENT_LINE = /^\s*(?:\/\/|\/?\*).*$/gm;

interface Import {
  readonly file: string;
  readonly specifier: string;
}

test('these tests find imports in every form', () => {
  const text = `
import a from './1.ts';
import type { B } from './2.ts';
  import { type C as Ç } from './3.ts'; import * as d from './4.ts';
import {
  // It's a comment.
  e,
} from './5.ts';
export * from './6.ts';
export type { F } from './7.ts';
import './8.ts';
type G = import('./9.ts').G;
const h = await import('./10.ts');
// import i from './none.ts';
`;
  assert.deepEqual(
    specifiersIn(text),
    Array.from({ length: 10 }, (_, i) => `./${i + 1}.ts`),
  );
});

test('imports inside src point downwards', () => {
  const wrong = importsOf('src/**/*.ts').filter(({ file, specifier }) => {
    if (!specifier.startsWith('.')) return false;
    const [from, to] = [partOf(file), partOf(normalize(join(dirname(file), specifier)))];
    return from !== to && !MAY_IMPORT[from]?.includes(to);
  });
  assert.deepEqual(wrong, []);
});

test('every part of src is named in the table, and nothing else is', () => {
  const parts = new Set(globSync('src/**/*.ts', { cwd: ROOT }).map(partOf));
  assert.deepEqual([...parts].sort(), Object.keys(MAY_IMPORT).sort());
});

test('a module imports the doors of the server, node:* and its own folder', () => {
  const wrong = importsOf('modules/**/*.ts').filter(({ file, specifier }) => {
    if (specifier in MODULE_DOORS || specifier.startsWith('node:')) return false;
    const target = normalize(join(dirname(file), specifier));
    return !specifier.startsWith('.') || dirname(file) === 'modules' || moduleOf(target) !== moduleOf(file);
  });
  assert.deepEqual(wrong, []);
});

test('each dependency has one door', () => {
  const wrong = importsOf('{src,modules}/**/*.ts').filter(({ file, specifier }) => {
    if (specifier.startsWith('.') || specifier.startsWith('node:') || specifier in MODULE_DOORS) return false;
    const door = DOORS[specifier];
    return door === undefined || !file.startsWith(`${door}/`);
  });
  assert.deepEqual(wrong, []);
});

test('system modules with asynchronous errors are used in reviewed files only', () => {
  const wrong = importsOf('{src,modules}/**/*.ts').filter(
    ({ file, specifier }) => SYSTEM[specifier]?.includes(file) === false,
  );
  assert.deepEqual(wrong, []);
});

test('only listed files set timers of their own', () => {
  const files = globSync('{src,modules}/**/*.ts', { cwd: ROOT });
  const own = files.filter((file) => /(?<!\.)\bset(Timeout|Interval|Immediate)\(/.test(read(file)));
  assert.deepEqual(own.sort(), TIMERS);
});

test('no file is in an import circle, type imports included', () => {
  assert.deepEqual(circlesOf(importGraph()), []);
});

test('nothing behind enjamb/api or enjamb/xep imports enjamb/api/stream, which would show all modules what it adds', () => {
  const graph = importGraph();
  const reached = new Set(['src/api/index.ts', 'src/xep/index.ts']);
  for (const file of reached) for (const target of graph.get(file) ?? []) reached.add(target);
  assert.equal(reached.has('src/api/session.ts'), true);
  assert.equal(reached.has('src/api/stream.ts'), false);
});

test('inside a module, files import from their own or a lower layer', () => {
  for (const [module, layers] of Object.entries(LAYERS)) {
    const folders = globSync(`${module}/*/`, { cwd: ROOT }).map((folder) => relative(module, folder));
    assert.deepEqual(folders.sort(), [...layers].sort(), `the layers of ${module}`);
    const heightOf = (file: string) => {
      const height = layers.indexOf(relative(module, dirname(file)));
      return height === -1 ? layers.length : height;
    };
    for (const [file, targets] of importGraph()) {
      if (!file.startsWith(`${module}/`)) continue;
      const own = targets.filter((target) => target.startsWith(`${module}/`));
      assert.deepEqual(
        own.filter((target) => heightOf(target) > heightOf(file)),
        [],
        file,
      );
    }
  }
});

test('modules write only their own state of a session', () => {
  const files = globSync('modules/**/*.ts', { cwd: ROOT }).map((file) => ({ file, text: read(file) }));
  const owners = new Map<string, string>();
  for (const { file, text } of files) {
    for (const [, body] of text.matchAll(/^ {2}interface (?:C2S|S2S)State \{\n([\s\S]*?)^ {2}\}/gm)) {
      for (const [, slot] of body!.matchAll(/^ {4}(\w+)\?:/gm)) owners.set(slot!, moduleOf(file));
    }
  }
  assert.ok(owners.size > 8, `only ${owners.size} slots found`);
  const foreign = files.flatMap(({ file, text }) => {
    const written = text.matchAll(/\bstate\.(\w+) (?:\?\?)?= |\bdelete [\w.]*\bstate\.(\w+)/g);
    return [...written]
      .map(([, set, deleted]) => set ?? deleted!)
      .filter((slot) => owners.has(slot) && owners.get(slot) !== moduleOf(file))
      .map((slot) => `${file}: ${slot} of ${owners.get(slot)}`);
  });
  assert.deepEqual(foreign, []);
});

test('no file is longer than 400 lines', () => {
  const files = globSync('{src,modules}/**/*.ts', { cwd: ROOT });
  const long = files.filter((file) => read(file).split('\n').length > 400);
  assert.deepEqual(long, []);
});

/** The files of src and modules, each with those that it imports. */
function importGraph(): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  for (const file of globSync('{src,modules}/**/*.ts', { cwd: ROOT })) graph.set(file, []);
  for (const { file, specifier } of importsOf('{src,modules}/**/*.ts')) {
    const target = MODULE_DOORS[specifier] ?? normalize(join(dirname(file), specifier));
    if (graph.has(target)) graph.get(file)!.push(target);
  }
  return graph;
}

/** The groups of files that import each other: strongly connected components of more than one file (Tarjan). */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const path: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    path.push(file);
    for (const target of graph.get(file)!) {
      if (!order.has(target)) visit(target);
      if (path.includes(target)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = path.splice(path.indexOf(file));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return circles;
}

function importsOf(pattern: string): Import[] {
  return globSync(pattern, { cwd: ROOT })
    .filter((file) => !file.endsWith('.d.ts'))
    .flatMap((file) => specifiersIn(read(file)).map((specifier) => ({ file, specifier })));
}

function specifiersIn(text: string): string[] {
  return [...text.replace(COMMENT_LINE, '').matchAll(IMPORT)].map(([, specifier]) => specifier!);
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** `src/xml/jid.ts` → `xml`, `src/main.ts` → `main.ts`. */
function partOf(file: string): string {
  return file.split('/')[1]!;
}

/** `modules/muc/room.ts` → `muc`. */
function moduleOf(file: string): string {
  return file.split('/')[1]!;
}
