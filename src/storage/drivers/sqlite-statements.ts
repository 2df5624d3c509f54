// The prepared statements of one connection.

import type Database from 'better-sqlite3';

export class Statements {
  readonly #db: Database.Database;
  /** By their SQL. Bounded by the texts in the code, few of which have variants. */
  readonly #prepared = new Map<string, Database.Statement>();

  constructor(db: Database.Database) {
    this.#db = db;
  }

  /** Prepares a statement once. `R`: its rows. */
  get<R>(sql: string): Database.Statement<unknown[], R> {
    const known = this.#prepared.get(sql);
    const statement = known ?? this.#db.prepare(sql);
    if (!known) this.#prepared.set(sql, statement);
    return statement as Database.Statement<unknown[], R>;
  }

  /** The same, for a statement whose rows are tuples of values. */
  raw<R extends readonly unknown[]>(sql: string): Database.Statement<unknown[], R> {
    return this.get<R>(sql).raw();
  }
}
