-- Every table of a signoff store. The sum of migrations/ must build the same.

CREATE TABLE signoff_meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A subject's row: the head of its chain, and its spine if it has one.
CREATE TABLE signoff_subjects (
    id TEXT PRIMARY KEY,
    length INTEGER NOT NULL,
    head TEXT NOT NULL,
    machine TEXT,
    state TEXT,
    version INTEGER,
    data TEXT,
    pending TEXT
) STRICT;

CREATE TABLE signoff_records (
    position INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    crossing TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (subject, seq)
) STRICT;

CREATE TABLE signoff_crossings (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    subject TEXT NOT NULL,
    boundary TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    opened TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT;

CREATE TABLE signoff_timers (
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    machine TEXT NOT NULL,
    version INTEGER NOT NULL,
    due TEXT NOT NULL,
    armed INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    owner INTEGER,
    PRIMARY KEY (subject, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX signoff_timers_due ON signoff_timers (machine, due);

CREATE TABLE signoff_effects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    crossing TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    payload TEXT NOT NULL,
    due TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    doubt INTEGER NOT NULL,
    owner INTEGER
) STRICT;

CREATE INDEX signoff_effects_due ON signoff_effects (due);

CREATE INDEX signoff_effects_owner ON signoff_effects (owner);

CREATE INDEX signoff_effects_crossing ON signoff_effects (crossing);

-- Large values of records, once each, under the SHA-256 of their text.
CREATE TABLE signoff_payloads (
    digest TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
