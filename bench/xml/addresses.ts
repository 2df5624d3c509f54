// The cost of preparing an address: usual addresses, and addresses that used to be slow.

import { Jid } from '../../src/xml/jid.ts';

const marks = (count: number) =>
  Array.from({ length: count }, (_, n) => '\u0323\u0307\u0302'[n % 3]).join('');

const LOCALS: Record<string, string> = {
  ASCII: 'romeo.montague',
  'capitals of ASCII': 'Romeo.Montague',
  'an umlaut': 'jürgen',
  '3,000 marks out of order': `a${marks(3000)}`,
  '511 marks out of order': `a${marks(511)}`,
  '1,500 Arabic digits': '\u0661'.repeat(1500),
  '1,500 full-width letters': '\uFF21'.repeat(1500),
  '1,500 İ': '\u0130'.repeat(1500),
};
const PASSES = 5;

/** Prints microseconds of CPU for each kind of local part, and for the same text as a resource. The quietest pass counts. */
export function benchAddresses(): void {
  process.stdout.write('\naddress: µs of CPU as a local part, as a resource\n');
  for (const [what, text] of Object.entries(LOCALS)) {
    const costs = [`${text}@im.example`, `im.example/${text}`].map((address) =>
      cost(address).toFixed(1).padStart(8),
    );
    process.stdout.write(`  ${what.padEnd(28)}${costs.join('')}\n`);
  }
}

/** Uses `Jid.of`, which has no cache, unlike `Jid.parse`. */
function cost(address: string): number {
  const [bare = '', resource] = address.split('/');
  const [domain = '', local] = bare.split('@').reverse();
  const runs = address.length > 100 ? 100 : 10_000;
  let least = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < PASSES; pass++) {
    const begin = process.cpuUsage();
    for (let i = 0; i < runs; i++) prepare(local, domain, resource);
    const { user, system } = process.cpuUsage(begin);
    least = Math.min(least, (user + system) / runs);
  }
  return least;
}

function prepare(local: string | undefined, domain: string, resource: string | undefined): void {
  try {
    Jid.of(local, domain, resource);
  } catch {
    // Most of the long addresses are refused.
  }
}
