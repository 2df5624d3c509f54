// Our writing thread on a disk that holds 40 pages of a database.

import Database from 'better-sqlite3';

const { pragma } = Database.prototype;

Database.prototype.pragma = function limited(source, options) {
  const result = pragma.call(this, source, options);
  if (source.startsWith('cache_size')) pragma.call(this, 'max_page_count = 40');
  return result;
};

await import('../../src/storage/drivers/sqlite-writer.ts');
