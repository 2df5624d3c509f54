// What the programs in JavaScript read and print: ../scripted.ts.

import { createInterface } from 'node:readline';

/** @type {{ jid: string, password: string, host: string, port: number, url: string, room: string, nick: string }} */
export const ACCOUNT = JSON.parse(process.argv[2] ?? '');

export function report(event, what) {
  process.stdout.write(`${JSON.stringify({ event, what })}\n`);
}

/** Does what standard input says, until it ends. */
export function obey({ say, people }) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const { do: command, text } = JSON.parse(line);
    if (command === 'say') say(text);
    else report('people', people());
  });
  lines.on('close', () => process.exit());
}
