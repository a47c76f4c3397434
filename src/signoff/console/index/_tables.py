"""The tables of an index file."""

from __future__ import annotations

#: Of the tables and of how they are filled; an index of another form is thrown away.
FORM = "2"

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE crossings (
    number INTEGER PRIMARY KEY,          -- ledger position of its first record
    id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, boundary TEXT NOT NULL, subject TEXT NOT NULL,
    outcome TEXT NOT NULL, code TEXT NOT NULL, model TEXT NOT NULL, attempts INTEGER NOT NULL,
    opened TEXT NOT NULL, usd REAL NOT NULL
);
CREATE INDEX crossings_key ON crossings (key);
CREATE INDEX crossings_subject ON crossings (subject, number);
CREATE INDEX crossings_boundary ON crossings (boundary, number);
CREATE INDEX crossings_outcome ON crossings (outcome, number);
CREATE INDEX crossings_code ON crossings (code, number) WHERE code <> '';
CREATE INDEX crossings_model ON crossings (model, number);
CREATE INDEX crossings_opened ON crossings (opened);

-- Each value once: for the choices of a search.
CREATE TABLE facets (kind TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, value))
WITHOUT ROWID;
"""
