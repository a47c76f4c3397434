-- The version of the code that opened a crossing: older code leaves it alone.
ALTER TABLE signoff.crossings ADD COLUMN code INTEGER NOT NULL DEFAULT 0;

-- What is due, of whatever machine: workers look for it together.
CREATE INDEX timers_all_due ON signoff.timers (due);

CREATE INDEX effects_subject ON signoff.effects (subject);
