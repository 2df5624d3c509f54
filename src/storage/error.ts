// The errors of storage. Peers see only `item-not-found`, `resource-constraint` or `internal-server-error`.

import { OperatorError } from '../util/operator-error.ts';

export type StorageCondition =
  /** The archive has no row of that id (XEP-0059 §2.2 wants the stanza error of the same name). */
  | 'item-not-found'
  /** Too much is waiting to be written; try again later. */
  | 'resource-constraint'
  /** The disk is full; try again later. Reads go on. */
  | 'full'
  /** The database is damaged. Writes are refused, reads go on as far as they can. */
  | 'damaged'
  /** The database was written by a newer version of the server. */
  | 'newer-database'
  /** The driver was closed. */
  | 'closed'
  /** A table was asked for an owner whose rows are not in memory: a mistake of the module. */
  | 'not-loaded'
  /** Any other failure, such as a locked or unreadable file; see `cause`. */
  | 'failed';

export interface StorageErrorDetails {
  driver: string;
  /** Name of the store; absent when the whole database is meant. */
  store?: string | undefined;
  cause?: unknown;
}

/** A failed storage operation. Its message may contain paths: for the log, never for a peer. */
export class StorageError extends OperatorError {
  readonly condition: StorageCondition;
  readonly driver: string;
  readonly store: string | undefined;

  constructor(condition: StorageCondition, message: string, details: StorageErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'StorageError';
    this.condition = condition;
    this.driver = details.driver;
    this.store = details.store;
  }

  override get documentedAs(): string {
    return this.condition;
  }

  override get isFault(): boolean {
    return true;
  }

  /** A read of an owner who is not loaded is a bug of the module. */
  override get isOfStorage(): boolean {
    return this.condition !== 'not-loaded';
  }
}

/** A change must read first, but the writes of a batch are collected in one tick. */
export function inBatch(driver: string): StorageError {
  return new StorageError('failed', 'A change cannot be part of a batch', { driver });
}
