-- Event logs: streams, events, consumers.

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
