-- subject --
-- A subject's row. The write transaction that reads it holds the only write lock there is.
SELECT length, head, machine, state, version, data, pending
FROM signoff_subjects WHERE id = :id;

-- add_subject --
INSERT INTO signoff_subjects (id, length, head, machine, state, version, data, pending)
VALUES (:id, :length, :head, :machine, :state, :version, :data, :pending);

-- extend_subject --
-- New head only: the spine did not move.
UPDATE signoff_subjects SET length = :length, head = :head, pending = :pending
WHERE id = :id AND length = :was
RETURNING 1;

-- swap_subject --
-- New head and new row, if the chain is still as long as it was when it was read.
UPDATE signoff_subjects
SET length = :length, head = :head, machine = :machine, state = :state, version = :version,
    data = :data, pending = :pending
WHERE id = :id AND length = :was
RETURNING 1;

-- add_record --
INSERT INTO signoff_records (subject, seq, at, crossing, type, body, hash)
VALUES (:subject, :seq, :at, :crossing, :type, :body, :hash);

-- add_payload --
INSERT INTO signoff_payloads (digest, body) VALUES (:digest, :body) ON CONFLICT DO NOTHING;

-- crossing --
SELECT id, key, subject, boundary, status, attempts, opened, state
FROM signoff_crossings WHERE id = :id;

-- add_crossing --
INSERT INTO signoff_crossings (id, key, subject, boundary, status, attempts, opened, state)
VALUES (:id, :key, :subject, :boundary, :status, :attempts, :opened, :state);

-- save_crossing --
INSERT INTO signoff_crossings (id, key, subject, boundary, status, attempts, opened, state)
VALUES (:id, :key, :subject, :boundary, :status, :attempts, :opened, :state)
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, attempts = excluded.attempts, state = excluded.state;

-- drop_timers --
DELETE FROM signoff_timers WHERE subject = :subject;

-- add_timer --
INSERT INTO signoff_timers (subject, name, machine, version, due, armed)
VALUES (:subject, :name, :machine, :version, :due, :armed);

-- carry_timers --
UPDATE signoff_timers SET version = :version WHERE subject = :subject;

-- timer --
SELECT 1 FROM signoff_timers WHERE subject = :subject AND name = :name AND armed = :armed;

-- drop_timer --
DELETE FROM signoff_timers WHERE subject = :subject AND name = :name AND armed = :armed;

-- postpone_timer --
UPDATE signoff_timers SET due = :due, tries = tries + 1, owner = NULL
WHERE subject = :subject AND name = :name AND armed = :armed;

-- claim_timers --
-- One process runs on a SQLite file, so looking is claiming.
SELECT subject, machine, name, version, due, armed, tries
FROM signoff_timers
WHERE machine IN (SELECT value FROM json_each(:machines)) AND due <= :now
ORDER BY due LIMIT :limit;

-- next_timer --
SELECT min(due) FROM signoff_timers WHERE machine IN (SELECT value FROM json_each(:machines));

-- add_effect --
INSERT INTO signoff_effects
    (kind, crossing, subject, name, key, payload, due, doubt, owner)
VALUES (:kind, :crossing, :subject, :name, :key, :payload, :due, :doubt, :owner)
RETURNING id;

-- settle_effect --
DELETE FROM signoff_effects WHERE id = :id RETURNING id;

-- postpone_effect --
UPDATE signoff_effects SET due = :due, doubt = :doubt, tries = tries + 1, owner = :owner
WHERE id = :id;

-- postpone_later_effects --
-- The effects of one crossing are performed in order: the later ones wait for an earlier one.
UPDATE signoff_effects SET due = :due
WHERE crossing = (SELECT crossing FROM signoff_effects WHERE id = :id)
    AND id > :id AND due < :due;

-- claim_effects --
-- What a process that is gone had in hand is due at once, whatever grace it was given; owners are
-- numbered upwards. Ids first, each half by its own index: an OR would scan everything that waits.
SELECT id, kind, crossing, subject, name, key, payload, due, tries, doubt,
    owner IS NOT :owner AS adopted
FROM signoff_effects
WHERE id IN (
    SELECT id FROM (
        SELECT id FROM signoff_effects
        WHERE due <= :now AND name IN (SELECT value FROM json_each(:names))
        ORDER BY due, id LIMIT :limit
    )
    UNION ALL
    SELECT id FROM signoff_effects
    WHERE owner < :owner AND name IN (SELECT value FROM json_each(:names))
)
ORDER BY id LIMIT :limit;

-- next_effect --
SELECT min(due) FROM signoff_effects WHERE name IN (SELECT value FROM json_each(:names));

-- commit_effect --
SELECT id, kind, crossing, subject, name, key, payload, due, tries, doubt,
    owner IS NOT :owner AS adopted
FROM signoff_effects WHERE crossing = :crossing AND kind = 'commit';

-- pending --
-- What waits, by name: for doctor and for the end of a run.
SELECT 'effect', name, count(*), min(due) FROM signoff_effects GROUP BY name
UNION ALL
SELECT 'timer', machine, count(*), min(due) FROM signoff_timers GROUP BY machine;

-- records_of_subject --
SELECT position, subject, seq, at, crossing, type, body, hash
FROM signoff_records WHERE subject = :subject AND seq > :after ORDER BY seq LIMIT :limit;

-- records --
SELECT position, subject, seq, at, crossing, type, body, hash
FROM signoff_records WHERE position > :after ORDER BY position LIMIT :limit;

-- crossings_like --
-- Ids that begin as given; ids are hexadecimal, so the range is exact.
SELECT id, subject FROM signoff_crossings WHERE id >= :low AND id < :high LIMIT 3;

-- heads --
SELECT id, length, head FROM signoff_subjects WHERE length > 0 AND id > :after
ORDER BY id LIMIT :limit;

-- last --
SELECT max(position) FROM signoff_records;

-- last_at --
SELECT at FROM signoff_records WHERE position = (SELECT max(position) FROM signoff_records);

-- payload --
SELECT body FROM signoff_payloads WHERE digest = :digest;

-- payloads --
SELECT digest, body FROM signoff_payloads WHERE digest > :after ORDER BY digest LIMIT :limit;

-- rows_by_state --
SELECT state, count(*) FROM signoff_subjects WHERE machine = :machine GROUP BY state;

-- rows --
SELECT id, machine, state, version, data, pending
FROM signoff_subjects WHERE machine = :machine AND id > :after ORDER BY id LIMIT :limit;

-- crossings_by_status --
SELECT boundary, status, count(*), sum(attempts)
FROM signoff_crossings GROUP BY boundary, status ORDER BY boundary, status;

-- meta --
SELECT value FROM signoff_meta WHERE key = :key;
