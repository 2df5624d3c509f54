// The only door for modules: `import { … } from 'enjamb/api'`.

export {
  type Command,
  CommandError,
  type CommandResult,
  defineCommand,
  runCommand,
} from '../admin/commands.ts';
export * from '../config/options.ts';
export * from '../storage/stores.ts';
export { ByteBudget } from '../util/byte-budget.ts';
export { type Clock, type ElapsedClock, type Timer, wallTime } from '../util/clock.ts';
export * from '../util/flow/index.ts';
export { newId } from '../util/ids.ts';
export type { Counter, Histogram, Labelled, Metrics, Reading } from '../util/metrics.ts';
export { type Holder, SharedBudget } from '../util/shared-budget.ts';
export * from '../xml/index.ts';
export * from './bounces.ts';
export * from './events.ts';
export * from './iq.ts';
export type * from './login.ts';
export * from './module.ts';
export { payerOf } from './payer.ts';
export { refusalFor } from './refusal.ts';
export * from './session.ts';
