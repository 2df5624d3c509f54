// Undoes what a test has set up.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** The part of a test's context that takes tasks for its end. */
export interface Clean {
  after(task: Task): void;
}

type Task = () => unknown;

const stacks = new WeakMap<Clean, Task[]>();

/**
 * Runs the task when the test ends: the last one first, and all of them even if some fail. The hooks of node:test run
 * in the order of their registration and stop at the first failure, so a folder would be removed while a program still
 * writes to it, and the program would then never be killed.
 */
export function atEnd(t: Clean, task: Task): void {
  const stack = stacks.get(t) ?? [];
  stack.push(task);
  if (stacks.has(t)) return;
  stacks.set(t, stack);
  t.after(() => undo(stack));
}

/** A new folder that is removed at the end of the test, unless the test fails: then its output names the folder. */
export async function temporaryFolder(t: TestContext, parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, 'enjamb-interop-'));
  atEnd(t, async () => {
    // The types of Node 24 do not know `passed` yet.
    const { passed } = t as TestContext & { readonly passed: boolean };
    // Some programs go on writing for a moment after their terminal is gone.
    if (passed) await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    else t.diagnostic(`logs of this test: ${folder}`);
  });
  return folder;
}

/** Takes tasks that are added meanwhile, too. @throws AggregateError of all failures */
async function undo(stack: Task[]): Promise<void> {
  const errors: unknown[] = [];
  for (let task = stack.pop(); task !== undefined; task = stack.pop()) {
    try {
      await task();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, `cleaning up failed: ${errors.join('; ')}`);
}
