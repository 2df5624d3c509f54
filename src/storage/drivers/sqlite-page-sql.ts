// The SQL that reads rows of an archive. The index is named, so that no statistics of SQLite change the way.

import { ARCHIVE_FLAGS as FLAGS } from '../archive.ts';

/** A row as the statements here return it, without names of columns. */
export type RawRow = [seq: number, flags: number, peer: string, name: string | null, xml: string];

/** What is read of each row. `place`: only its position; `text`: also flags and text. The other members are empty. */
export type Columns = 'row' | 'text' | 'place';

const COLUMNS: Readonly<Record<Columns, string>> = {
  row: 'archive.seq, archive.flags, (SELECT name FROM peer WHERE id = archive.peer), archive.name, archive.xml',
  text: `archive.seq, archive.flags, '', NULL, archive.xml`,
  place: `archive.seq, 0, '', NULL, ''`,
};

export const IS_VISIBLE = `archive.flags & ${FLAGS.hidden} = 0`;
/** As the partial index has it. */
export const IS_WAITING = `archive.flags & ${FLAGS.waiting}`;

export interface Selection {
  readonly columns: Columns;
  readonly isWaiting: boolean;
  readonly isOfPeer: boolean;
  readonly isDescending: boolean;
}

/** Rows of @owner (and @peer) between the positions @low and @high, without the first @skip. */
export function rangeSql(selection: Selection): string {
  const { columns, isDescending } = selection;
  return `SELECT ${COLUMNS[columns]} FROM archive INDEXED BY ${indexFor(selection)}
    WHERE ${conditions(selection)} AND archive.seq > @low AND archive.seq < @high
    ORDER BY archive.seq ${isDescending ? 'DESC' : 'ASC'} LIMIT -1 OFFSET @skip`;
}

/** The same of rows that @match finds in the index of words; @low and @high are bound as integers, which FTS5 wants. */
export function matchSql(selection: Selection): string {
  const { columns, isDescending } = selection;
  return `SELECT ${COLUMNS[columns]} FROM archive_text CROSS JOIN archive ON archive.seq = archive_text.rowid
    WHERE archive_text MATCH @match AND archive_text.rowid > @low AND archive_text.rowid < @high
      AND ${conditions(selection)}
    ORDER BY archive_text.rowid ${isDescending ? 'DESC' : 'ASC'}`;
}

/** The number of rows in the range, at most @limit. No row is read: the index has all that decides. */
export function countSql(selection: Omit<Selection, 'columns' | 'isDescending'>): string {
  return `SELECT COUNT(*) FROM (SELECT 1 FROM archive INDEXED BY ${indexFor(selection)}
    WHERE ${conditions(selection)} AND archive.seq > @low AND archive.seq < @high LIMIT @limit)`;
}

export const BY_NAME = `SELECT ${COLUMNS.row} FROM archive INDEXED BY archive_by_name
  WHERE archive.owner = @owner AND archive.name = @id`;
export const BY_POSITION = `SELECT ${COLUMNS.row} FROM archive
  WHERE archive.seq = @position AND archive.owner = @owner AND archive.name IS NULL`;

function indexFor({ isWaiting, isOfPeer }: Omit<Selection, 'columns' | 'isDescending'>): string {
  if (isWaiting) return 'archive_waiting';
  return isOfPeer ? 'archive_by_peer' : 'archive_by_owner';
}

function conditions({ isWaiting, isOfPeer }: Omit<Selection, 'columns' | 'isDescending'>): string {
  const peer = isOfPeer ? ' AND archive.peer = @peer' : '';
  return `archive.owner = @owner${peer} AND ${isWaiting ? IS_WAITING : IS_VISIBLE}`;
}
