// A small disk that a test can fill.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { atEnd } from '../../support/clean-up.ts';
import { run } from '../support/program.ts';

/** An empty disk in memory, with these options of mount(8); gone when the test ends. Returns where it is. */
export async function smallDisk(t: TestContext, options: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-disk-'));
  const { code, stderr } = await run('mount', ['-t', 'tmpfs', '-o', options, 'enjamb-test', folder]);
  assert.equal(code, 0, `mount (as root?): ${stderr}`);
  atEnd(t, async () => {
    await run('umount', ['--lazy', folder]);
    await rm(folder, { recursive: true });
  });
  return folder;
}

/** Fills the disk. */
export async function fill(file: string): Promise<void> {
  await run('dd', ['if=/dev/zero', `of=${file}`, 'bs=4096']);
}
