// The process of the honest clients. Arguments: the name of the attack and the world, as JSON. It sends "ready" when all clients
// are logged in, measures from the first message to the second, and then sends its figures.

import type { Finding } from './attacker.ts';
import { ATTACKS } from './attacks/index.ts';
import { Prober } from './prober.ts';
import type { World } from './world.ts';

const WARM_UP_MS = 1_000;

const [name = '', text = ''] = process.argv.slice(2);
const world = JSON.parse(text) as World;
const witness = ATTACKS.find((attack) => attack.name === name)?.witness;

process.on('disconnect', () => process.exit());
process.on('uncaughtException', (error) => {
  process.send!({ fault: error.stack }, () => process.exit(1));
});

const watch = await witness?.(world);
const prober = await Prober.connect(world.home);
prober.begin();
await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
process.once('message', () => void measure());
process.send!('ready');

async function measure(): Promise<void> {
  const over = new AbortController();
  prober.forget();
  const finding = watch?.(over.signal).catch(
    (error: Error): Finding => ({ text: `the witness failed: ${error.message}`, isGood: false }),
  );
  process.once('message', async () => {
    over.abort();
    const [figures, found] = await Promise.all([prober.end(), finding]);
    process.send!({ figures, finding: found }, () => process.exit());
  });
}
