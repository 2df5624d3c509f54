// Runs and measures one attack: servers, honest clients and attacker, each in its own process.

import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, givePrecedence, isAlive, machineCpuSeconds, peakMiB } from '../process.ts';
import type { Attack, Finding } from './attacker.ts';
import { HelperProcess } from './helper-process.ts';
import type { Figures } from './prober.ts';
import type { RunningSite, Stage } from './stage.ts';
import type { Site, World } from './world.ts';

const READY_MS = 40_000;
/** The witness checks once more after the attack, when the server may be busy. */
const REPORT_MS = 30_000;
const WATCH_EVERY_MS = 500;
/** The lowest priority. */
const LAST = 19;

export interface Result {
  readonly attack: string;
  readonly who: string;
  readonly seconds: number;
  readonly figures: Figures;
  /** Largest resident set of the server, MiB. */
  readonly rss: number;
  /** CPU seconds of the server during the attack, user and system. */
  readonly cpu: number;
  /** CPU seconds of other programs, which disturb the benchmark. */
  readonly cpuOfOthers: number;
  readonly isAlive: boolean;
  /** The attacker's result, in words. */
  readonly outcome: string;
  /** The observation of the witness. */
  readonly finding?: Finding;
  readonly log: {
    readonly kiB: number;
    readonly lines: number;
    readonly errors: readonly string[];
    readonly warnings: readonly string[];
  };
}

export interface TrialOptions {
  readonly seconds: number;
  /** Whether the servers and the honest clients have precedence over all other programs. */
  readonly isRealtime?: boolean;
  /** Priority of the attacker. Default: the lowest, so that its own work does not slow the honest clients down. */
  readonly nice?: number;
}

/** @throws Error if the benchmark itself fails */
export async function tryAttack(
  stage: Stage,
  attack: Attack,
  { seconds, isRealtime = false, nice = LAST }: TrialOptions,
): Promise<Result> {
  const cleaning: (() => unknown)[] = [];
  try {
    const scene = await stage.scene(seconds);
    const { world } = scene;
    cleaning.push(() => scene.close());
    const start = async (site: Site): Promise<RunningSite> => {
      const running = await scene.start(site);
      cleaning.push(() => running.kill());
      return running;
    };
    const home = await start(world.home);
    const others = attack.needsAway === true ? [await start(world.away)] : [];
    const [honest, attacker] = startHelpers(attack, world, isRealtime ? 0 : nice);
    cleaning.push(() => [honest, attacker].map((helper) => helper.kill()));
    await Promise.all([honest.hears(READY_MS), attacker.hears(READY_MS)]);
    const first = [home.server.pid, ...others.map(({ server }) => server.pid), honest.pid];
    if (isRealtime) for (const pid of first) givePrecedence(pid);
    return await measure({ attack, seconds, home, honest, attacker });
  } finally {
    for (const clean of cleaning.reverse()) await clean();
  }
}

function startHelpers(attack: Attack, world: World, nice: number): [HelperProcess, HelperProcess] {
  const args = [attack.name, JSON.stringify(world)];
  return [
    HelperProcess.start('prober-process.ts', args),
    HelperProcess.start('attacker-process.ts', args, nice),
  ];
}

interface Parts {
  readonly attack: Attack;
  readonly seconds: number;
  readonly home: RunningSite;
  readonly honest: HelperProcess;
  readonly attacker: HelperProcess;
}

async function measure({ attack, seconds, home, honest, attacker }: Parts): Promise<Result> {
  const { pid } = home.server;
  const watch = new Watch(pid);
  honest.tell('begin');
  attacker.tell('begin');
  await watch.during(seconds * 1_000);
  attacker.tell('end');
  honest.tell('end');
  const [{ outcome }, { figures, finding }] = await Promise.all([
    attacker.hears<{ outcome: string }>(REPORT_MS),
    honest.hears<{ figures: Figures; finding?: Finding }>(REPORT_MS),
  ]);
  watch.look();
  return {
    attack: attack.name,
    who: attack.who,
    seconds,
    figures,
    rss: watch.peak,
    cpu: watch.cpu,
    cpuOfOthers: watch.cpuOfOthers,
    isAlive: isAlive(pid),
    outcome,
    ...(finding === undefined ? {} : { finding }),
    log: summaryOf(await home.log()),
  };
}

/** Samples memory and processor time, so that they are known if the server dies. */
class Watch {
  peak = 0;
  cpu = 0;
  readonly #pid: number;
  readonly #cpuBefore: number;
  readonly #othersBefore = othersCpuSeconds();

  constructor(pid: number) {
    this.#pid = pid;
    this.#cpuBefore = cpuSeconds(pid);
  }

  async during(ms: number): Promise<void> {
    const end = performance.now() + ms;
    for (let left = ms; left > 0; left = end - performance.now()) {
      await sleep(Math.min(WATCH_EVERY_MS, left));
      this.look();
    }
  }

  get cpuOfOthers(): number {
    return Math.max(0, othersCpuSeconds() - this.#othersBefore);
  }

  look(): void {
    if (!isAlive(this.#pid)) return;
    this.peak = Math.max(this.peak, peakMiB(this.#pid));
    this.cpu = Math.max(this.cpu, cpuSeconds(this.#pid) - this.#cpuBefore);
  }
}

function othersCpuSeconds(): number {
  return machineCpuSeconds() - cpuSeconds(process.pid);
}

function summaryOf(log: string): Result['log'] {
  const lines = log.split('\n').filter((line) => line !== '');
  const ofLevel = (level: string) => {
    const messages = lines.filter((line) => line.includes(`"level":"${level}"`)).map(messageOf);
    return [...new Set(messages)];
  };
  const [errors, warnings] = [ofLevel('error'), ofLevel('warn')];
  return { kiB: Math.round(log.length / 1024), lines: lines.length, errors, warnings };
}

function messageOf(line: string): string {
  try {
    return (JSON.parse(line) as { msg: string }).msg;
  } catch {
    return line.slice(0, 100);
  }
}
