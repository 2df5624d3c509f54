// The measurements of `npm run bench rejoin`, in their own process (see rejoin.ts).

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Table } from '../limits-table.ts';
import { measureAlive, measureFloods } from './alive.ts';
import { measureLive } from './live.ts';
import { measureMemory } from './memory.ts';

const PARTS = ['live', 'memory', 'alive', 'floods'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rooms: { type: 'string', default: '1000' },
    users: { type: 'string', default: '50' },
    people: { type: 'string', default: '100' },
    speed: { type: 'string', default: '8' },
    json: { type: 'string' },
  },
});
const unknown = positionals.filter((part) => !PARTS.includes(part));
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(' ')}\nparts: ${PARTS.join(' ')}\n`);
  process.exit(2);
}
const parts = positionals.length > 0 ? positionals : PARTS;
const size = { rooms: Number(values.rooms), users: Number(values.users), people: Number(values.people) };
const speed = Number(values.speed);
const table = new Table();

process.stdout.write(
  `${size.users} users in ${size.rooms} rooms each, with ${size.people} other people. Times are by the server's clock,\n` +
    `which runs ${speed} times as fast as real time in the large outage. Blocks and costs are in real time.\n\n`,
);
if (parts.includes('live')) await measureLive(table);
if (parts.includes('memory')) await measureMemory(table, size);
if (parts.includes('alive')) await measureAlive(table, size, speed);
if (parts.includes('floods')) await measureFloods(table);
table.print();
if (values.json !== undefined) await writeFile(values.json, table.json());
process.exit(table.isMet ? 0 : 1);
