// What programs with windows keep in SQLite: their settings, and the messages that they show.

import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/** Runs statements on a database that is made when it is not there. */
export function write(
  file: string,
  statements: readonly (readonly [sql: string, ...SQLInputValue[]])[],
): void {
  const database = new DatabaseSync(file);
  try {
    for (const [sql, ...values] of statements) database.prepare(sql).run(...values);
  } finally {
    database.close();
  }
}

/** The number that a query gives; 0 while the program has not made its tables. */
export function count(file: string, sql: string, ...values: SQLInputValue[]): number {
  try {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      const [row] = database.prepare(sql).all(...values);
      return Number(Object.values(row ?? { none: 0 })[0]);
    } finally {
      database.close();
    }
  } catch (error) {
    if (/unable to open|no such table|locked/.test(String(error))) return 0;
    throw error;
  }
}
