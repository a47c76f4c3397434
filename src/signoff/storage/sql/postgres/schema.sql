-- Every table of a signoff store. The sum of migrations/ must build the same.

CREATE SCHEMA signoff;

CREATE SEQUENCE signoff.owners AS INTEGER CYCLE;

CREATE TABLE signoff.meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- A subject's row: the head of its chain, and its spine if it has one.
CREATE TABLE signoff.subjects (
    id TEXT COLLATE "C" PRIMARY KEY,
    length INTEGER NOT NULL,
    head TEXT NOT NULL,
    machine TEXT,
    state TEXT,
    version INTEGER,
    data TEXT,
    pending TEXT
);

CREATE TABLE signoff.records (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    crossing TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (subject, seq)
);

CREATE TABLE signoff.crossings (
    id TEXT COLLATE "C" PRIMARY KEY,
    key TEXT NOT NULL,
    subject TEXT NOT NULL,
    boundary TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    opened TEXT NOT NULL,
    state TEXT NOT NULL
);

CREATE TABLE signoff.timers (
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    machine TEXT NOT NULL,
    version INTEGER NOT NULL,
    due TEXT COLLATE "C" NOT NULL,
    armed INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    owner INTEGER,
    PRIMARY KEY (subject, name)
);

CREATE INDEX timers_due ON signoff.timers (machine, due);

CREATE TABLE signoff.effects (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    crossing TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    payload TEXT NOT NULL,
    due TEXT COLLATE "C" NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    doubt BOOLEAN NOT NULL,
    owner INTEGER
);

CREATE INDEX effects_due ON signoff.effects (due);

CREATE INDEX effects_crossing ON signoff.effects (crossing);

-- Large values of records, once each, under the SHA-256 of their text.
CREATE TABLE signoff.payloads (
    digest TEXT COLLATE "C" PRIMARY KEY,
    body TEXT NOT NULL
);
