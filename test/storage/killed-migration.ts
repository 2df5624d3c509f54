// Opens the database in the folder of its first argument, and is killed when the first rows are converted.

import { openDatabase } from '../../src/storage/drivers/sqlite-open.ts';

const file = `${process.argv[2]}/enjamb.sqlite`;
openDatabase({
  file,
  isBackedUp: true,
  report: (what) => {
    if (what === 'converting archives') process.kill(process.pid, 'SIGKILL');
  },
});
console.error(`${file} was opened`);
