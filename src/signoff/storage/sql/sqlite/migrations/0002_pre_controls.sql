-- Controls: switches, tickets, throttles, heartbeats.

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
