// Measures one library in its own process: `measure.ts parse NAME CHUNK_BYTES` or `measure.ts serialise NAME text|bytes`.
// Prints the figures of the quietest pass as JSON.

import { PARSERS, SERIALIZERS } from './contenders.ts';
import { chunksOf, traffic } from './traffic.ts';

export interface Sample {
  /** In one second of CPU time. */
  readonly megabytes: number;
  readonly stanzas: number;
}

const PARSED_BYTES = 24_000_000;
const SERIALISED_BYTES = 4_000_000;
const PASSES = 8;

if (import.meta.main) {
  const [what, name, how] = process.argv.slice(2);
  const sample = what === 'parse' ? parse(name!, Number(how)) : serialise(name!, how === 'bytes');
  process.stdout.write(JSON.stringify(sample));
}

/** One long stream: each pass continues where the previous one ended. */
function parse(name: string, chunkBytes: number): Sample {
  const { header, stanzas, count } = traffic(PARSED_BYTES);
  const chunks = chunksOf(stanzas, chunkBytes);
  let seen = 0;
  const write = PARSERS[name as keyof typeof PARSERS](() => {
    seen++;
  });
  write(header);
  const seconds = quietest(() => {
    for (const chunk of chunks) write(chunk);
  });
  // ltx reports a stanza when the next one begins.
  if (Math.abs(seen - count * PASSES) > 1) throw new Error(`${seen} stanzas instead of ${count * PASSES}`);
  return { megabytes: stanzas.length / 1e6 / seconds, stanzas: count / seconds };
}

function serialise(name: string, toBytes: boolean): Sample {
  const { parser, write } = SERIALIZERS[name as keyof typeof SERIALIZERS] as (typeof SERIALIZERS)['enjamb'];
  const { header, stanzas } = traffic(SERIALISED_BYTES);
  const trees: Parameters<typeof write>[0][] = [];
  const feed = parser((stanza) => trees.push(stanza));
  feed(header);
  feed(stanzas);
  let bytes = 0;
  let characters = 0;
  const seconds = quietest(() => {
    bytes = 0;
    for (const tree of trees) {
      const text = write(tree);
      if (toBytes) bytes += Buffer.from(text).length;
      else characters += text.length;
    }
  });
  if (!toBytes) bytes = characters / PASSES;
  return { megabytes: bytes / 1e6 / seconds, stanzas: trees.length / seconds };
}

function quietest(pass: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PASSES; i++) {
    const begin = process.cpuUsage();
    pass();
    const { user, system } = process.cpuUsage(begin);
    least = Math.min(least, (user + system) / 1e6);
  }
  return least;
}
