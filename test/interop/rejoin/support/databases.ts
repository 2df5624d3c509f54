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

/** The first column of the rows that a query returns; none before the program has created its tables. */
export function column(file: string, sql: string): string[] {
  try {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      return database
        .prepare(sql)
        .all()
        .map((row) => String(Object.values(row)[0]));
    } finally {
      database.close();
    }
  } catch (error) {
    if (/unable to open|no such table|locked/.test(String(error))) return [];
    throw error;
  }
}
