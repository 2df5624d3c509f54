-- A database as version 0.1.0 of the server left it, before archives had positions. Frozen: every later version must be able
-- to open it.

CREATE TABLE store (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL, shared INTEGER NOT NULL DEFAULT 0,
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

INSERT INTO store (id, host, kind, name, shared) VALUES (1, 'montague.lit', 'keyval', 'accounts', 0);
INSERT INTO store (id, host, kind, name, shared) VALUES (2, 'montague.lit', 'map', 'pep', 0);
INSERT INTO store (id, host, kind, name, shared) VALUES (3, 'montague.lit', 'keyval', 'invites', 1);
INSERT INTO store (id, host, kind, name, shared) VALUES (4, 'montague.lit', 'archive', 'offline', 0);
INSERT INTO store (id, host, kind, name, shared) VALUES (5, 'montague.lit', 'archive', 'notes', 0);
INSERT INTO keyval (store, owner, value) VALUES (1, 'romeo', '{"enabled":true}');
INSERT INTO keyval (store, owner, value) VALUES (3, 'token', '1');
INSERT INTO map (store, owner, key, value) VALUES (2, 'romeo', 'mood', '"sad"');
INSERT INTO archive (seq, store, owner, id, at, peer, xml) VALUES (1, 4, 'romeo', 'one', 1795982400000, 'juliet@capulet.lit/balcony', '<message xmlns=''jabber:client'' from=''juliet@capulet.lit/balcony'' to=''romeo@montague.lit'' id=''m0''><body>Wherefore 0é</body><delay xmlns=''urn:xmpp:delay'' from=''montague.lit'' stamp=''2026-11-29T20:00:00Z''/></message>');
INSERT INTO archive (seq, store, owner, id, at, peer, xml) VALUES (2, 4, 'romeo', 'two', 1795982400000, 'juliet@capulet.lit/balcony', '<message xmlns=''jabber:client'' from=''juliet@capulet.lit/balcony'' to=''romeo@montague.lit'' id=''m1''><body>Wherefore 1é</body><delay xmlns=''urn:xmpp:delay'' from=''montague.lit'' stamp=''2026-11-29T20:00:01Z''/></message>');
INSERT INTO archive (seq, store, owner, id, at, peer, xml) VALUES (3, 4, 'romeo', 'three', 1795982402000, 'nurse@capulet.lit', '<message xmlns=''jabber:client'' from=''nurse@capulet.lit'' to=''romeo@montague.lit'' id=''m2''><body>Wherefore 2é</body><delay xmlns=''urn:xmpp:delay'' from=''montague.lit'' stamp=''2026-11-29T20:00:02Z''/></message>');
INSERT INTO archive (seq, store, owner, id, at, peer, xml) VALUES (4, 4, 'tybalt', 'four', 1795982401000, 'juliet@capulet.lit', '<message xmlns=''jabber:client'' from=''juliet@capulet.lit'' to=''romeo@montague.lit'' id=''m3''><body>Wherefore 3é</body><delay xmlns=''urn:xmpp:delay'' from=''montague.lit'' stamp=''2026-11-29T20:00:03Z''/></message>');
INSERT INTO archive (seq, store, owner, id, at, peer, xml) VALUES (5, 5, 'romeo', 'first', 1795982400500, 'list', '<note/>');

PRAGMA user_version = 2;
