-- Event logs: streams, events, consumers.

-- How far each event log has come. Its row is locked while events are added: a position is given
-- when every earlier one is durable, so that no reader can pass an event that commits late.
CREATE TABLE signoff.logs (
    name TEXT COLLATE "C" PRIMARY KEY,
    position BIGINT NOT NULL
);

-- A stream's version, and where it was forked from: its history up to there is the source's.
CREATE TABLE signoff.streams (
    log TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    source TEXT NOT NULL,
    forked INTEGER NOT NULL,
    PRIMARY KEY (log, stream)
);

-- Events. Those that were said when a question was asked again have no version.
CREATE TABLE signoff.events (
    log TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
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
);

CREATE UNIQUE INDEX events_key ON signoff.events (log, stream, key) WHERE key IS NOT NULL;

CREATE INDEX events_caused_by ON signoff.events (caused_by) WHERE caused_by <> '';

-- Consumers: everything up to the position is handled.
CREATE TABLE signoff.consumers (
    name TEXT COLLATE "C" PRIMARY KEY,
    log TEXT NOT NULL,
    position BIGINT NOT NULL,
    owner INTEGER
);

-- How far a consumer has come in each stream, and the latest event time that it has seen there.
CREATE TABLE signoff.offsets (
    consumer TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    seen TEXT NOT NULL,
    PRIMARY KEY (consumer, stream)
);
