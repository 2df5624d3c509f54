// Writes archives in the folder of its first argument until it is killed. Prints `given ID` before it stores a row,
// `stored NUMBER` once a message is in the archives of both sides, and `forgot GENERATION` once tybalt's rows of that generation and
// all before are removed. Numbers begin at the second argument.

import { writeSync } from 'node:fs';
import { SqliteStorage } from '../../src/storage/drivers/sqlite.ts';
import { type Clock, systemClock } from '../../src/util/clock.ts';

const HOST = 'montague.lit';
const STREAMS = 40;

/** Idle work follows the writes sooner than in a server, so that it is under way when we are killed. */
const clock: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 50, task) };

const storage = await SqliteStorage.open(process.argv[2] ?? '', { clock });
const archive = storage.archive(HOST, 'archive', { isSearchable: true });
let next = Number(process.argv[3]);

async function talkForever(): Promise<void> {
  for (;;) {
    const number = next++;
    await storage.batch(() => {
      append('romeo', 'juliet', number);
      append('juliet', 'romeo', number);
    });
    print(`stored ${number}\n`);
  }
}

function append(owner: string, peer: string, number: number): void {
  const { id } = archive.nextId(owner);
  print(`given ${id}\n`);
  const xml = `<message id='${number}'><body>wherefore ${number}</body></message>`;
  void archive.append(owner, { id, with: `${peer}@capulet.lit`, xml });
}

/** Fills an archive and removes it, again and again. */
async function forgetForever(): Promise<void> {
  for (;;) {
    const generation = next++;
    for (let n = 0; n < 5; n++)
      await storage.batch(() => {
        for (let i = 0; i < 100; i++) append('tybalt', 'nurse', generation);
      });
    await archive.forget('tybalt');
    print(`forgot ${generation}\n`);
  }
}

/** Synchronous: what was acknowledged has left the process. A pipe may be full while its reader is busy. */
function print(line: string): void {
  for (;;) {
    try {
      return void writeSync(1, line);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

await Promise.all([forgetForever(), ...Array.from({ length: STREAMS }, talkForever)]);
