"""The tables of an index file."""

from __future__ import annotations

#: Of the tables and of how they are filled; an index of another form is thrown away.
FORM = "6"

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE crossings (
    number INTEGER PRIMARY KEY,          -- ledger position of its first record
    -- `code` is that of the last objection, whatever became of it then
    id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, boundary TEXT NOT NULL, subject TEXT NOT NULL,
    outcome TEXT NOT NULL, code TEXT NOT NULL, model TEXT NOT NULL, attempts INTEGER NOT NULL,
    opened TEXT NOT NULL, usd REAL NOT NULL, tenant TEXT NOT NULL, switches TEXT NOT NULL
);
CREATE INDEX crossings_key ON crossings (key);
CREATE INDEX crossings_subject ON crossings (subject, number);
CREATE INDEX crossings_alike ON crossings (boundary, outcome, code, model, number);
CREATE INDEX crossings_under_way ON crossings (boundary, subject, outcome, tenant, switches)
    WHERE outcome IN ('open', 'intended', 'suspended', 'unknown');

-- What crossings have, or had, in common: every search by these looks each of them up.
CREATE TABLE alike (
    boundary TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT NOT NULL, model TEXT NOT NULL,
    PRIMARY KEY (boundary, outcome, code, model)
) WITHOUT ROWID;

-- The first and the last number of the crossings that were opened on a day.
CREATE TABLE opened (day TEXT PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL)
WITHOUT ROWID;

-- What happened at a boundary within an hour, and within a day: a bucket is the beginning of a
-- stamp. `what` is opened, attempts, committed, rejected, suspended, unknown, usd, `code:…`, or
-- `span:…`, a class of how long crossings took.
CREATE TABLE hours (
    bucket TEXT NOT NULL, boundary TEXT NOT NULL, what TEXT NOT NULL, number REAL NOT NULL,
    PRIMARY KEY (bucket, boundary, what)
) WITHOUT ROWID;
CREATE TABLE days (
    bucket TEXT NOT NULL, boundary TEXT NOT NULL, what TEXT NOT NULL, number REAL NOT NULL,
    PRIMARY KEY (bucket, boundary, what)
) WITHOUT ROWID;

-- What each boundary was wired like when it was last crossed, and which model was asked last:
-- `asked` is the position of its answer.
CREATE TABLE boundaries (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, strength TEXT NOT NULL,
    verifiers TEXT NOT NULL, controls TEXT NOT NULL, model TEXT NOT NULL, asked INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE subjects (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL,
    at TEXT NOT NULL, last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX subjects_last ON subjects (last);
CREATE INDEX subjects_state ON subjects (machine, state, last);

-- Each value once: for the choices of a search.
CREATE TABLE facets (kind TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, value))
WITHOUT ROWID;
"""
