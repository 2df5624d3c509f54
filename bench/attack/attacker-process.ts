// The process of an attacker. Arguments: the name of the attack and the world, as JSON. It sends "ready", begins at the first
// message, sends its result at the second one, and ends with the channel.

import { Attacker } from './attacker.ts';
import { ATTACKS } from './attacks/index.ts';
import type { World } from './world.ts';

const [name = '', world = ''] = process.argv.slice(2);
const attack = ATTACKS.find((attack) => attack.name === name)!;
const attacker = new Attacker(JSON.parse(world) as World);
let fault: string | undefined;

process.on('disconnect', () => process.exit());
process.once('message', () => {
  // A server that prevents the preparation has prevented the attack. That is a result, not a bug.
  attack.run(attacker).catch((error) => attacker.tally.gaveUp(error));
  process.once('message', () => {
    const { tally } = attacker;
    process.send!({ outcome: tally.text(), fault: fault ?? tally.fault }, () => process.exit());
  });
});
process.on('uncaughtException', (error) => {
  fault ??= error.stack;
});
process.send!('ready');
