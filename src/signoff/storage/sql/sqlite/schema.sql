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
, code INTEGER NOT NULL DEFAULT 0) STRICT;

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

-- Settings that every transaction can rely on while it lasts; a row must exist to be locked.
CREATE TABLE signoff_switches (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO signoff_switches (name, state) VALUES ('kills', '[]'), ('policies', '{}');

-- Questions to people.
CREATE TABLE signoff_tickets (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    crossing TEXT NOT NULL,
    subject TEXT NOT NULL,
    boundary TEXT NOT NULL,
    status TEXT NOT NULL,
    ask TEXT NOT NULL,
    because TEXT NOT NULL,
    opened TEXT NOT NULL,
    due TEXT NOT NULL,
    closed TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX signoff_tickets_status ON signoff_tickets (status, opened, id);

CREATE INDEX signoff_tickets_subject ON signoff_tickets (subject);

-- Shares of a throttle's caps.
CREATE TABLE signoff_uses (
    throttle TEXT NOT NULL,
    crossing TEXT NOT NULL,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    at TEXT NOT NULL,
    usd REAL NOT NULL,
    spent REAL NOT NULL,
    PRIMARY KEY (throttle, crossing)
) STRICT, WITHOUT ROWID;

CREATE INDEX signoff_uses_at ON signoff_uses (throttle, state, at, tenant);

-- Who is at work, and since when nobody has heard of them.
CREATE TABLE signoff_heartbeats (
    process TEXT NOT NULL,
    child TEXT NOT NULL,
    at TEXT NOT NULL,
    state TEXT NOT NULL,
    restarts INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (process, child)
) STRICT, WITHOUT ROWID;

-- How far each event log has come. Its row is locked while events are added: a position is given
-- when every earlier one is durable, so that no reader can pass an event that commits late.
CREATE TABLE signoff_logs (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A stream's version, and where it was forked from: its history up to there is the source's.
CREATE TABLE signoff_streams (
    log TEXT NOT NULL,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    source TEXT NOT NULL,
    forked INTEGER NOT NULL,
    PRIMARY KEY (log, stream)
) STRICT, WITHOUT ROWID;

-- Events. Those that were said when a question was asked again have no version.
CREATE TABLE signoff_events (
    log TEXT NOT NULL,
    position INTEGER NOT NULL,
    stream TEXT NOT NULL,
    version INTEGER,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    at TEXT NOT NULL,
    happened TEXT NOT NULL,
    key TEXT,
    caused_by TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    about INTEGER,
    PRIMARY KEY (log, position),
    UNIQUE (log, stream, version)
) STRICT;

CREATE UNIQUE INDEX signoff_events_key ON signoff_events (log, stream, key) WHERE key IS NOT NULL;

CREATE INDEX signoff_events_caused_by ON signoff_events (caused_by) WHERE caused_by <> '';

-- Consumers: everything up to the position is handled.
CREATE TABLE signoff_consumers (
    name TEXT PRIMARY KEY,
    log TEXT NOT NULL,
    position INTEGER NOT NULL,
    owner INTEGER
) STRICT, WITHOUT ROWID;

-- How far a consumer has come in each stream, and the latest event time that it has seen there.
CREATE TABLE signoff_offsets (
    consumer TEXT NOT NULL,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    seen TEXT NOT NULL,
    PRIMARY KEY (consumer, stream)
) STRICT, WITHOUT ROWID;
