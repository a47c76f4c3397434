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

-- opening --
-- A switch, and a crossing if there is one.
SELECT s.state, c.id, c.key, c.subject, c.boundary, c.status, c.attempts, c.opened, c.state
FROM signoff.switches s LEFT JOIN signoff.crossings c ON c.id = %(id)s
WHERE s.name = %(switch)s;

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
UPDATE signoff.timers SET due = %(due)s, tries = tries + %(counted)s, owner = NULL
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
    SELECT subject, name, owner FROM signoff.timers
    WHERE machine IN (SELECT json_array_elements_text(%(machines)s::json)) AND due <= %(now)s
        AND (owner IS NULL OR owner <> ALL (%(others)s::int[]))
    ORDER BY due LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) mine
WHERE t.subject = mine.subject AND t.name = mine.name
RETURNING t.subject, t.machine, t.name, t.version, t.due, t.armed, t.tries,
    coalesce(mine.owner <> %(owner)s, false);

-- release_timers --
-- A process that ends as it should leaves nothing in doubt.
UPDATE signoff.timers SET owner = NULL WHERE owner = %(owner)s;

-- next_timer --
SELECT min(due) FROM signoff.timers WHERE machine IN (SELECT json_array_elements_text(%(machines)s::json));

-- add_effect --
INSERT INTO signoff.effects
    (kind, crossing, subject, name, key, payload, due, doubt, owner)
VALUES (%(kind)s, %(crossing)s, %(subject)s, %(name)s, %(key)s, %(payload)s, %(due)s, %(doubt)s, %(owner)s)
RETURNING id;

-- settle_effect --
DELETE FROM signoff.effects WHERE id = %(id)s RETURNING id;

-- settle_durable --
DELETE FROM signoff.effects WHERE crossing = %(crossing)s AND kind = 'durable';

-- postpone_effect --
UPDATE signoff.effects SET due = %(due)s, doubt = %(doubt)s, tries = tries + %(counted)s, owner = %(owner)s
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
    AND (due <= %(now)s OR owner <> %(owner)s)
LIMIT 1;

-- claim_effects --
-- Due effects that no other living process has, marked as ours. A commit of a process that is
-- gone is due at once, whatever grace it was given.
UPDATE signoff.effects e SET owner = %(owner)s
FROM (
    SELECT id, owner FROM signoff.effects
    WHERE name IN (SELECT json_array_elements_text(%(names)s::json))
        AND (owner IS NULL OR owner <> ALL (%(others)s::int[]))
        AND (due <= %(now)s OR owner <> %(owner)s)
    ORDER BY id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) mine
WHERE e.id = mine.id
RETURNING e.id, kind, crossing, subject, name, key, payload, due, tries, doubt,
    coalesce(mine.owner <> %(owner)s, false);

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

-- crossings_under_way --
-- Every crossing that has not ended; one pass over them all, since people seldom ask.
SELECT id, key, subject, boundary, status, attempts, opened, state
FROM signoff.crossings
WHERE id > %(after)s AND status IN ('open', 'intended', 'suspended', 'unknown')
ORDER BY id LIMIT %(limit)s;

-- meta --
SELECT value FROM signoff.meta WHERE key = %(key)s;

-- switch --
SELECT state FROM signoff.switches WHERE name = %(name)s;

-- share_switch --
SELECT signoff.rely_on(%(name)s);

-- lock_switch --
SELECT signoff.take_over(%(name)s);

-- set_switch --
INSERT INTO signoff.switches (name, state) VALUES (%(name)s, %(state)s)
ON CONFLICT (name) DO UPDATE SET state = excluded.state;

-- ticket --
SELECT id, kind, crossing, subject, boundary, status, ask, because, opened, due, closed,
    answered_by, reason, body
FROM signoff.tickets WHERE id = %(id)s;

-- lock_ticket --
SELECT id, kind, crossing, subject, boundary, status, ask, because, opened, due, closed,
    answered_by, reason, body
FROM signoff.tickets WHERE id = %(id)s FOR UPDATE;

-- save_ticket --
INSERT INTO signoff.tickets (id, kind, crossing, subject, boundary, status, ask, because, opened,
    due, closed, answered_by, reason, body)
VALUES (%(id)s, %(kind)s, %(crossing)s, %(subject)s, %(boundary)s, %(status)s, %(ask)s, %(because)s, %(opened)s,
    %(due)s, %(closed)s, %(by)s, %(reason)s, %(body)s)
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, ask = excluded.ask, because = excluded.because, due = excluded.due,
    closed = excluded.closed, answered_by = excluded.answered_by, reason = excluded.reason,
    body = excluded.body;

-- tickets --
-- By their opening, oldest first, after a place that the last page ended at.
SELECT id, kind, crossing, subject, boundary, status, ask, because, opened, due, closed,
    answered_by, reason, body
FROM signoff.tickets
WHERE status IN (SELECT json_array_elements_text(%(statuses)s::json)) AND (opened, id) > (%(opened)s, %(after)s)
ORDER BY opened, id LIMIT %(limit)s;

-- tickets_of_subject --
SELECT id, kind, crossing, subject, boundary, status, ask, because, opened, due, closed,
    answered_by, reason, body
FROM signoff.tickets WHERE subject = %(subject)s ORDER BY opened, id;

-- tickets_like --
SELECT id FROM signoff.tickets WHERE id >= %(low)s AND id < %(high)s ORDER BY id LIMIT 3;

-- use --
SELECT throttle, crossing, tenant, state, at, usd, spent
FROM signoff.uses WHERE throttle = %(throttle)s AND crossing = %(crossing)s;

-- save_use --
INSERT INTO signoff.uses (throttle, crossing, tenant, state, at, usd, spent)
VALUES (%(throttle)s, %(crossing)s, %(tenant)s, %(state)s, %(at)s, %(usd)s, %(spent)s)
ON CONFLICT (throttle, crossing) DO UPDATE
SET state = excluded.state, at = excluded.at, usd = excluded.usd, spent = excluded.spent;

-- drop_use --
DELETE FROM signoff.uses WHERE throttle = %(throttle)s AND crossing = %(crossing)s;

-- count_uses --
-- Each half by its own stretch of the index.
SELECT (
    SELECT count(*) FROM signoff.uses
    WHERE throttle = %(throttle)s AND state = 'used' AND at > %(used)s
        AND crossing <> %(crossing)s
) + (
    SELECT count(*) FROM signoff.uses
    WHERE throttle = %(throttle)s AND state = 'held' AND at > %(held)s
        AND crossing <> %(crossing)s
);

-- count_uses_of_tenant --
SELECT (
    SELECT count(*) FROM signoff.uses
    WHERE throttle = %(throttle)s AND state = 'used' AND at > %(used)s
        AND crossing <> %(crossing)s AND tenant = %(tenant)s
) + (
    SELECT count(*) FROM signoff.uses
    WHERE throttle = %(throttle)s AND state = 'held' AND at > %(held)s
        AND crossing <> %(crossing)s AND tenant = %(tenant)s
);

-- held_usd --
SELECT coalesce(sum(usd), 0) FROM signoff.uses
WHERE throttle = %(throttle)s AND at > %(held)s AND crossing <> %(crossing)s AND state = 'held';

-- forget_uses --
DELETE FROM signoff.uses WHERE throttle = %(throttle)s AND at < %(before)s;

-- throttles --
-- What is held and used, by throttle.
SELECT throttle, tenant, state, count(*), sum(usd), sum(spent), min(at), max(at)
FROM signoff.uses GROUP BY throttle, tenant, state ORDER BY throttle, tenant, state;

-- switches --
SELECT name, state FROM signoff.switches ORDER BY name;

-- beat --
INSERT INTO signoff.heartbeats (process, child, at, state, restarts, error)
VALUES (%(process)s, %(child)s, %(at)s, %(state)s, %(restarts)s, %(error)s)
ON CONFLICT (process, child) DO UPDATE
SET at = excluded.at, state = excluded.state, restarts = excluded.restarts, error = excluded.error;

-- heartbeats --
SELECT process, child, at, state, restarts, error FROM signoff.heartbeats ORDER BY process, child;

-- forget_heartbeats --
DELETE FROM signoff.heartbeats WHERE at < %(before)s;

-- begin_timer --
UPDATE signoff.timers SET tries = tries + 1
WHERE subject = %(subject)s AND name = %(name)s AND armed = %(armed)s;

-- reset_timer --
UPDATE signoff.timers SET due = %(due)s, tries = 0, owner = NULL
WHERE subject = %(subject)s AND name = %(name)s AND armed = %(armed)s;

-- reset_effect --
UPDATE signoff.effects SET due = %(due)s, tries = 0, owner = NULL WHERE id = %(id)s;
