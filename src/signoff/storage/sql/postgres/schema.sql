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
    state TEXT NOT NULL,
    code INTEGER NOT NULL DEFAULT 0
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

-- What is due, of whatever machine: workers look for it together.
CREATE INDEX timers_all_due ON signoff.timers (due);

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

CREATE INDEX effects_subject ON signoff.effects (subject);

-- Large values of records, once each, under the SHA-256 of their text.
CREATE TABLE signoff.payloads (
    digest TEXT COLLATE "C" PRIMARY KEY,
    body TEXT NOT NULL
);

-- Settings that every transaction can rely on while it lasts; a row must exist to be locked.
CREATE TABLE signoff.switches (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL
);

INSERT INTO signoff.switches (name, state) VALUES ('kills', '[]'), ('policies', '{}');

-- What a switch is set to, relied on until the transaction ends. An advisory lock queues fairly, so
-- that a kill is not kept waiting by commits that never stop coming; and each statement of a
-- volatile function sees what was committed while the one before it waited.
CREATE FUNCTION signoff.rely_on(wanted TEXT) RETURNS TEXT LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1936287600, hashtext(wanted));
    RETURN (SELECT state FROM signoff.switches WHERE name = wanted);
END $$;

-- The same, once everybody who relies on it has ended.
CREATE FUNCTION signoff.take_over(wanted TEXT) RETURNS TEXT LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1936287600, hashtext(wanted));
    RETURN (SELECT state FROM signoff.switches WHERE name = wanted);
END $$;

-- Questions to people.
CREATE TABLE signoff.tickets (
    id TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT NOT NULL,
    crossing TEXT NOT NULL,
    subject TEXT NOT NULL,
    boundary TEXT NOT NULL,
    status TEXT NOT NULL,
    ask TEXT NOT NULL,
    because TEXT NOT NULL,
    opened TEXT COLLATE "C" NOT NULL,
    due TEXT COLLATE "C" NOT NULL,
    closed TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL
);

CREATE INDEX tickets_status ON signoff.tickets (status, opened, id);

CREATE INDEX tickets_subject ON signoff.tickets (subject);

-- Shares of a throttle's caps.
CREATE TABLE signoff.uses (
    throttle TEXT NOT NULL,
    crossing TEXT NOT NULL,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    at TEXT COLLATE "C" NOT NULL,
    usd DOUBLE PRECISION NOT NULL,
    spent DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (throttle, crossing)
);

CREATE INDEX uses_at ON signoff.uses (throttle, state, at, tenant);

-- Who is at work, and since when nobody has heard of them.
CREATE TABLE signoff.heartbeats (
    process TEXT NOT NULL,
    child TEXT NOT NULL,
    at TEXT COLLATE "C" NOT NULL,
    state TEXT NOT NULL,
    restarts INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (process, child)
);

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
