-- subject --
-- A subject's row, as last committed.
SELECT length, head, machine, state, version, data, pending
FROM signoff.subjects WHERE id = %(id)s;

-- lock_subject --
-- A subject's row, locked until the transaction ends.
SELECT length, head, machine, state, version, data, pending
FROM signoff.subjects WHERE id = %(id)s FOR UPDATE;

-- add_subject --
INSERT INTO signoff.subjects (id, length, head, machine, state, version, data, pending)
VALUES (%(id)s, %(length)s, %(head)s, %(machine)s, %(state)s, %(version)s, %(data)s, %(pending)s);

-- extend_subject --
-- New head only: the spine did not move.
UPDATE signoff.subjects SET length = %(length)s, head = %(head)s, pending = %(pending)s
WHERE id = %(id)s AND length = %(was)s
RETURNING 1;

-- swap_subject --
-- New head and new row, if the chain is still as long as it was when it was read.
UPDATE signoff.subjects
SET length = %(length)s, head = %(head)s, machine = %(machine)s, state = %(state)s, version = %(version)s,
    data = %(data)s, pending = %(pending)s
WHERE id = %(id)s AND length = %(was)s
RETURNING 1;

-- add_record --
INSERT INTO signoff.records (subject, seq, at, crossing, type, body, hash)
VALUES (%(subject)s, %(seq)s, %(at)s, %(crossing)s, %(type)s, %(body)s, %(hash)s);

-- add_payload --
INSERT INTO signoff.payloads (digest, body) VALUES (%(digest)s, %(body)s) ON CONFLICT DO NOTHING;

-- crossing --
SELECT id, key, subject, boundary, status, attempts, opened, state
FROM signoff.crossings WHERE id = %(id)s;

-- lock_crossing --
-- A crossing, locked until the transaction ends.
SELECT id, key, subject, boundary, status, attempts, opened, state
FROM signoff.crossings WHERE id = %(id)s FOR UPDATE;

-- add_crossing --
INSERT INTO signoff.crossings (id, key, subject, boundary, status, attempts, opened, state)
VALUES (%(id)s, %(key)s, %(subject)s, %(boundary)s, %(status)s, %(attempts)s, %(opened)s, %(state)s);

-- save_crossing --
INSERT INTO signoff.crossings (id, key, subject, boundary, status, attempts, opened, state)
VALUES (%(id)s, %(key)s, %(subject)s, %(boundary)s, %(status)s, %(attempts)s, %(opened)s, %(state)s)
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, attempts = excluded.attempts, state = excluded.state;

-- drop_timers --
DELETE FROM signoff.timers WHERE subject = %(subject)s;

-- add_timer --
INSERT INTO signoff.timers (subject, name, machine, version, due, armed)
VALUES (%(subject)s, %(name)s, %(machine)s, %(version)s, %(due)s, %(armed)s);

-- carry_timers --
UPDATE signoff.timers SET version = %(version)s WHERE subject = %(subject)s;

-- timer --
SELECT 1 FROM signoff.timers
WHERE subject = %(subject)s AND name = %(name)s AND armed = %(armed)s;

-- drop_timer --
DELETE FROM signoff.timers WHERE subject = %(subject)s AND name = %(name)s AND armed = %(armed)s;

-- postpone_timer --
UPDATE signoff.timers SET due = %(due)s, tries = tries + 1, owner = NULL
WHERE subject = %(subject)s AND name = %(name)s AND armed = %(armed)s;

-- claims_of_timers --
-- Whether a claim could find anything; whose it is, the claim decides.
SELECT 1 FROM signoff.timers
WHERE machine IN (SELECT json_array_elements_text(%(machines)s::json)) AND due <= %(now)s
LIMIT 1;

-- claim_timers --
-- Due timers that no other living process has, marked as ours.
UPDATE signoff.timers t SET owner = %(owner)s
FROM (
    SELECT subject, name FROM signoff.timers
    WHERE machine IN (SELECT json_array_elements_text(%(machines)s::json)) AND due <= %(now)s
        AND (owner IS NULL OR owner <> ALL (%(others)s::int[]))
    ORDER BY due LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) mine
WHERE t.subject = mine.subject AND t.name = mine.name
RETURNING t.subject, t.machine, t.name, t.version, t.due, t.armed, t.tries;

-- next_timer --
SELECT min(due) FROM signoff.timers WHERE machine IN (SELECT json_array_elements_text(%(machines)s::json));

-- add_effect --
INSERT INTO signoff.effects
    (kind, crossing, subject, name, key, payload, due, doubt, owner)
VALUES (%(kind)s, %(crossing)s, %(subject)s, %(name)s, %(key)s, %(payload)s, %(due)s, %(doubt)s, %(owner)s)
RETURNING id;

-- settle_effect --
DELETE FROM signoff.effects WHERE id = %(id)s RETURNING id;

-- postpone_effect --
UPDATE signoff.effects SET due = %(due)s, doubt = %(doubt)s, tries = tries + 1, owner = %(owner)s
WHERE id = %(id)s;

-- postpone_later_effects --
-- The effects of one crossing are performed in order: the later ones wait for an earlier one.
UPDATE signoff.effects SET due = %(due)s
WHERE crossing = (SELECT crossing FROM signoff.effects WHERE id = %(id)s)
    AND id > %(id)s AND due < %(due)s;

-- claims_of_effects --
-- Whether a claim could find anything; whose it is, the claim decides.
SELECT 1 FROM signoff.effects
WHERE name IN (SELECT json_array_elements_text(%(names)s::json))
    AND (due <= %(now)s OR owner IS DISTINCT FROM %(owner)s)
LIMIT 1;

-- claim_effects --
-- Due effects that no other living process has, marked as ours. A commit of a process that is
-- gone is due at once, whatever grace it was given.
UPDATE signoff.effects e SET owner = %(owner)s
FROM (
    SELECT id, owner FROM signoff.effects
    WHERE name IN (SELECT json_array_elements_text(%(names)s::json))
        AND owner <> ALL (%(others)s::int[])
        AND (due <= %(now)s OR owner <> %(owner)s)
    ORDER BY id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) mine
WHERE e.id = mine.id
RETURNING e.id, kind, crossing, subject, name, key, payload, due, tries, doubt,
    mine.owner <> %(owner)s;

-- next_effect --
SELECT min(due) FROM signoff.effects WHERE name IN (SELECT json_array_elements_text(%(names)s::json));

-- commit_effect --
UPDATE signoff.effects SET owner = %(owner)s
WHERE crossing = %(crossing)s AND kind = 'commit' AND owner <> ALL (%(others)s::int[])
RETURNING id, kind, crossing, subject, name, key, payload, due, tries, doubt, true;

-- new_owner --
SELECT nextval('signoff.owners')::int;

-- live_owners --
-- Every runtime holds an advisory lock on its number for as long as its connection lives.
SELECT objid::int FROM pg_locks
WHERE locktype = 'advisory' AND classid = 1936287598 AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- hold_owner --
SELECT pg_advisory_lock(1936287598, %(owner)s);

-- enter_claims --
-- Between the list of the living and the claim, nobody may begin to live; see hold_claims.
SELECT pg_advisory_xact_lock_shared(1936287599);

-- hold_claims --
-- Waits until every claim that was made without knowing of us has ended.
SELECT pg_advisory_lock(1936287599);

-- release_claims --
SELECT pg_advisory_unlock(1936287599);

-- lock_records --
-- Waits for every writer and keeps new ones out, so that a seal covers a clean cut.
LOCK TABLE signoff.records IN SHARE MODE;

-- pending --
-- What waits, by name: for doctor and for the end of a run.
SELECT 'effect', name, count(*), min(due) FROM signoff.effects GROUP BY name
UNION ALL
SELECT 'timer', machine, count(*), min(due) FROM signoff.timers GROUP BY machine;

-- records_of_subject --
SELECT position, subject, seq, at, crossing, type, body, hash
FROM signoff.records WHERE subject = %(subject)s AND seq > %(after)s ORDER BY seq LIMIT %(limit)s;

-- records --
SELECT position, subject, seq, at, crossing, type, body, hash
FROM signoff.records WHERE position > %(after)s ORDER BY position LIMIT %(limit)s;

-- crossings_like --
-- Ids that begin as given; ids are hexadecimal, so the range is exact.
SELECT id, subject FROM signoff.crossings WHERE id >= %(low)s AND id < %(high)s LIMIT 3;

-- heads --
SELECT id, length, head FROM signoff.subjects WHERE length > 0 AND id > %(after)s
ORDER BY id LIMIT %(limit)s;

-- last --
SELECT max(position) FROM signoff.records;

-- last_at --
SELECT at FROM signoff.records WHERE position = (SELECT max(position) FROM signoff.records);

-- payload --
SELECT body FROM signoff.payloads WHERE digest = %(digest)s;

-- payloads --
SELECT digest, body FROM signoff.payloads WHERE digest > %(after)s ORDER BY digest LIMIT %(limit)s;

-- rows_by_state --
SELECT state, count(*) FROM signoff.subjects WHERE machine = %(machine)s GROUP BY state;

-- rows --
SELECT id, machine, state, version, data, pending
FROM signoff.subjects WHERE machine = %(machine)s AND id > %(after)s ORDER BY id LIMIT %(limit)s;

-- crossings_by_status --
SELECT boundary, status, count(*), sum(attempts)
FROM signoff.crossings GROUP BY boundary, status ORDER BY boundary, status;

-- meta --
SELECT value FROM signoff.meta WHERE key = %(key)s;
