-- A database as the first version of the server left it. Frozen: every later version must be able to open it.

CREATE TABLE store (
  id INTEGER PRIMARY KEY,
  host TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (host, kind, name)
) STRICT;

CREATE TABLE keyval (
  store INTEGER NOT NULL REFERENCES store,
  owner TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (store, owner)
) STRICT;

CREATE TABLE map (
  store INTEGER NOT NULL REFERENCES store,
  owner TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (store, owner, key)
) STRICT;

CREATE TABLE archive (
  seq INTEGER PRIMARY KEY,
  store INTEGER NOT NULL REFERENCES store,
  owner TEXT NOT NULL,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  peer TEXT NOT NULL,
  xml TEXT NOT NULL,
  UNIQUE (store, owner, id)
) STRICT;
CREATE INDEX archive_by_time ON archive (store, owner, at);
CREATE INDEX archive_by_peer ON archive (store, owner, peer, at);

INSERT INTO store VALUES (1, 'montague.lit', 'keyval', 'vcard'), (2, 'montague.lit', 'map', 'pep'),
  (3, 'montague.lit', 'archive', 'mam');
INSERT INTO keyval VALUES (1, 'romeo', '{"name":"Romeo"}');
INSERT INTO map VALUES (2, 'romeo', 'mood', '"sad"');
INSERT INTO archive VALUES (1, 3, 'romeo', 'first', 1000, 'juliet@capulet.lit', '<message/>'),
  (2, 3, 'romeo', 'second', 1000, 'juliet@capulet.lit', '<message/>');

PRAGMA user_version = 1;
