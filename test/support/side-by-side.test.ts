import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from './clean-up.ts';
import { countsOf, runSideBySide, runsAlone, whyNotIsolated } from './side-by-side.ts';

const skip = whyNotIsolated() ?? false;

test('the counts of a file are taken out of its output', () => {
  const output =
    '✔ one (2 ms)\nℹ a word of the test\nℹ tests 3\nℹ pass 2\nℹ fail 1\nℹ duration_ms 30.5\n\n✖ two\n';
  const { counts, rest } = countsOf(output, false);
  assert.deepEqual([counts.tests, counts.pass, counts.fail, counts.skipped], [3, 2, 1, 0]);
  assert.equal(rest, '✔ one (2 ms)\nℹ a word of the test\n\n✖ two\n');
});

test('a file that ends badly without a failed test counts as one', () => {
  assert.equal(countsOf('ℹ tests 2\nℹ pass 2\nℹ fail 0\n', false).counts.fail, 1);
  assert.equal(countsOf('', false).counts.tests, 1);
  assert.equal(countsOf('ℹ tests 2\nℹ cancelled 1\nℹ fail 0\n', false).counts.fail, 0);
  assert.equal(countsOf('ℹ tests 2\nℹ pass 2\nℹ fail 0\n', true).counts.fail, 0);
});

test('files with the same address run simultaneously, and nothing of them remains', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  const mark = `86399.${process.pid}`;
  const meets = (me: string, other: string) => `
    import { spawn } from 'node:child_process';
    import { existsSync, writeFileSync } from 'node:fs';
    import { createServer } from 'node:net';
    import { test } from 'node:test';
    import { setTimeout as pause } from 'node:timers/promises';
    test('${me} meets ${other}', async () => {
      await new Promise((resolve, reject) =>
        createServer().on('error', reject).listen(15_222, '127.0.0.2', resolve).unref());
      spawn('sleep', ['${mark}'], { detached: true, stdio: 'ignore' }).unref();
      writeFileSync('${folder}/${me}', '');
      while (!existsSync('${folder}/${other}')) await pause(20);
    });`;
  const files = await written(folder, { a: meets('romeo', 'juliet'), b: meets('juliet', 'romeo') });
  const { isGood, printed } = await runAll(files, 2);
  assert.ok(isGood, printed.join(''));
  assert.match(printed.find((text) => text.includes('romeo meets juliet')) ?? '', /^== .*a\.test\.mjs \(/);
  assert.match(printed.join(''), /^ℹ tests 2\nℹ suites 0\nℹ pass 2\nℹ fail 0\n/m);
  assert.equal(await isRunning(mark), false);
});

test('files that run alone come last; failures are counted and their files named', { skip }, async (t) => {
  const folder = await temporaryFolder(t);
  const one = (what: string) => `import { test } from 'node:test';\ntest('one', () => {${what}});\n`;
  const files = await written(folder, {
    a: `// Runs alone: a reason.\n${one('')}`,
    b: one('throw new Error("alas")'),
    c: one('process.exit(7)'),
    d: `\n// Runs alone: this is not the first line.\n${one('')}`,
  });
  assert.deepEqual(files.map(runsAlone), [true, false, false, false]);
  const { isGood, printed } = await runAll(files, 2);
  assert.equal(isGood, false);
  const started = printed.filter((text) => text.startsWith('== '));
  assert.ok(started[3]?.includes('a.test.mjs'), started.join(''));
  assert.match(printed.join(''), /^ℹ tests 4\nℹ suites 0\nℹ pass 2\nℹ fail 2\n/m);
  assert.match(printed.at(-1) ?? '', /^failed files:\n.*[bc]\.test\.mjs\n.*[bc]\.test\.mjs\n$/);
});

test('without namespaces one file runs after another', async (t) => {
  const folder = await temporaryFolder(t);
  const takes = `import { createServer } from 'node:net';
    import { test } from 'node:test';
    import { once } from 'node:events';
    test('the address is free', async () => {
      const server = createServer().listen(15_222, '127.0.0.77');
      await once(server, 'listening');
      server.close();
    });`;
  const files = await written(folder, { a: takes, b: takes });
  const { isGood, printed } = await runAll(files, 0);
  assert.ok(isGood, printed.join(''));
  assert.match(printed.join(''), /^ℹ tests 2\nℹ suites 0\nℹ pass 2\n/m);
});

async function written(folder: string, files: Readonly<Record<string, string>>): Promise<string[]> {
  return Promise.all(
    Object.entries(files).map(async ([name, text]) => {
      const path = join(folder, `${name}.test.mjs`);
      await writeFile(path, text);
      return path;
    }),
  );
}

async function runAll(files: readonly string[], width: number) {
  const printed: string[] = [];
  const isGood = await runSideBySide(files, { width, limitMs: 60_000, print: (text) => printed.push(text) });
  return { isGood, printed };
}

/** Whether a process of this machine has this argument. */
async function isRunning(argument: string): Promise<boolean> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    processes.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.some((line) => line.split('\0').includes(argument));
}
