// Makes a run from its seed, and shortens it when it fails.

import { configWith, HandClock, startHarness } from '../../../support/module-harness.ts';
import { randomFrom } from '../../../support/random.ts';
import type { Ignored } from './judge.ts';
import { describeStep, type Plan, plan, type Step } from './steps.ts';
import { World } from './world.ts';

/** Steps of one run. */
export const STEPS = 200;
/** A shortened run is tried so many times. */
const TRIES = 300;
/** Silent rooms are asked so early that six quiet minutes are enough. */
const CONFIG = `
ping_muc_give_up = "never"
ping_muc_silence = "3 minutes"
muc_autorejoin_patience = "never"`;
/** Two values of an option that does not matter here: a change of it reloads the module. */
const [NO_PASSWORDS, PASSWORDS] = ['muc_autorejoin_passwords = false', 'muc_autorejoin_passwords = true'];

export type Mode = 'silent' | 'assisted' | 'off';

export interface Options {
  readonly mode: Mode;
  /** Puts a bug into the double, to prove that the judge sees it. */
  readonly spoil?: (world: World) => void;
  readonly ignores?: readonly Ignored[];
}

export interface Outcome {
  readonly wrong: string | undefined;
  readonly notices: number;
  readonly joins: number;
}

/** One run. `story`: what happened, for a reader. */
export async function run(
  { seed, setting, steps }: Plan,
  { mode, spoil, ignores = [] }: Options,
  story?: string[],
): Promise<Outcome> {
  const { random: chance } = Math;
  Math.random = randomFrom(seed);
  const config = `${CONFIG}\nping_muc_fast = ${setting.isFast}\nmuc_autorejoin = "${mode}"`;
  const h = await startHarness(new HandClock(), `${config}\n${NO_PASSWORDS}`);
  let reloads = 0;
  const reload = async () =>
    h.server.reload(await configWith(`${config}\n${++reloads % 2 === 0 ? NO_PASSWORDS : PASSWORDS}`));
  try {
    const world = new World(h, setting, reload);
    spoil?.(world);
    world.judge.ignores = new Set(ignores);
    if (story) world.judge.note = (line) => story.push(line);
    if (story) world.trace((line) => story.push(`   ${time(h.clock)} ${line}`));
    for (const [i, step] of steps.entries()) {
      story?.push(`${time(h.clock)} ${i}: ${describeStep(step)}`);
      await world.step(step);
      if (world.judge.wrong !== undefined) break;
    }
    if (world.judge.wrong === undefined) {
      story?.push(`${time(h.clock)} end`);
      world.calm();
    }
    const { wrong, notices, joins } = world.judge;
    return { wrong, notices, joins };
  } finally {
    Math.random = chance;
    await h.server.stop();
  }
}

/** @throws Error with the seed and the shortened steps */
export async function runSeed(seed: number, options: Options, length = STEPS): Promise<Outcome> {
  const made = plan(seed, length, randomFrom(seed));
  const outcome = await run(made, options);
  if (outcome.wrong === undefined) return outcome;
  const shortest = await shorten(made, options, kindOf(outcome.wrong));
  const story: string[] = [];
  const { wrong } = await run(shortest, options, story);
  const setting = JSON.stringify(made.setting);
  throw new Error(`seed ${seed}: ${wrong}\nsetting: ${setting}\n${story.join('\n')}`);
}

/** Leaves out steps as long as the run fails in the same way: first large parts, then single steps. */
async function shorten(made: Plan, options: Options, kind: string): Promise<Plan> {
  let steps = made.steps;
  let tries = 0;
  const fails = async (fewer: readonly Step[]) => {
    const { wrong } = await run({ ...made, steps: fewer }, options);
    return wrong !== undefined && kindOf(wrong) === kind;
  };
  for (let size = Math.ceil(steps.length / 2); size >= 1 && tries < TRIES; size = Math.floor(size / 2)) {
    for (let at = 0; at < steps.length && tries < TRIES; tries++) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      if (await fails(fewer)) steps = fewer;
      else at += size;
    }
  }
  return { ...made, steps };
}

/** What is wrong, without who and where. */
function kindOf(wrong: string): string {
  return wrong
    .replaceAll(/\S+@\S+/g, '')
    .replaceAll(/\d+/g, '')
    .split(/[\n<]/)[0]!;
}

function time(clock: { now(): number }): string {
  return new Date(clock.now()).toISOString().slice(11, 19);
}
