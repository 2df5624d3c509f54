// The SQLite databases of graphical programs: their settings, and the messages that they show.

import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/** Runs statements on a database, which is created if necessary. */
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

/** The number that a query returns; 0 before the program has created its tables. */
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
