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
INSERT INTO signoff.crossings (id, key, subject, boundary, status, attempts, opened, state, code)
VALUES (%(id)s, %(key)s, %(subject)s, %(boundary)s, %(status)s, %(attempts)s, %(opened)s, %(state)s, %(code)s);

-- save_crossing --
INSERT INTO signoff.crossings (id, key, subject, boundary, status, attempts, opened, state, code)
VALUES (%(id)s, %(key)s, %(subject)s, %(boundary)s, %(status)s, %(attempts)s, %(opened)s, %(state)s, %(code)s)
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
WHERE subject = %(subject)s AND name = %(name)s AND armed = %(armed)s
    AND (owner IS NULL OR owner = %(by)s);

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

-- claim_timers_of --
-- The same, of one subject. Whoever can be seen to have a row had begun to live before, so that one
-- statement may ask who lives.
UPDATE signoff.timers t SET owner = %(owner)s
FROM (
    SELECT subject, name, owner FROM signoff.timers
    WHERE subject = %(subject)s AND due <= %(now)s
        AND machine IN (SELECT json_array_elements_text(%(machines)s::json))
        AND (owner IS NULL OR owner = %(owner)s OR NOT EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND classid = 1936287598 AND objsubid = 2 AND granted
            AND objid = owner::oid
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ))
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
WHERE id = %(id)s AND (owner IS NULL OR owner = %(by)s) RETURNING name, subject;

-- has_effect --
-- Whether it is still ours: whoever takes us for dead takes what we had.
SELECT 1 FROM signoff.effects
WHERE id = %(id)s AND (owner IS NULL OR owner = %(by)s) FOR UPDATE;

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
        -- What newer code has begun is left to it.
        AND NOT EXISTS (
            SELECT 1 FROM signoff.crossings c WHERE c.id = crossing AND c.code > %(code)s
        )
    ORDER BY id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) mine
WHERE e.id = mine.id
RETURNING e.id, kind, crossing, subject, name, key, payload, due, tries, doubt,
    coalesce(mine.owner <> %(owner)s, false);

-- claim_effects_of --
-- The same, of one subject; see claim_timers_of.
UPDATE signoff.effects e SET owner = %(owner)s
FROM (
    SELECT id, owner FROM signoff.effects
    WHERE subject = %(subject)s AND name IN (SELECT json_array_elements_text(%(names)s::json))
        AND (due <= %(now)s OR owner <> %(owner)s)
        AND NOT EXISTS (
            SELECT 1 FROM signoff.crossings c WHERE c.id = crossing AND c.code > %(code)s
        )
        AND (owner IS NULL OR owner = %(owner)s OR NOT EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND classid = 1936287598 AND objsubid = 2 AND granted
            AND objid = owner::oid
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ))
    ORDER BY id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) mine
WHERE e.id = mine.id
RETURNING e.id, kind, crossing, subject, name, key, payload, due, tries, doubt,
    coalesce(mine.owner <> %(owner)s, false);

-- own_effects --
-- Effects in the hands of this process that are due.
SELECT id, kind, crossing, subject, name, key, payload, due, tries, doubt, false
FROM signoff.effects
WHERE owner = %(owner)s AND due <= %(now)s
    AND name IN (SELECT json_array_elements_text(%(names)s::json))
ORDER BY id LIMIT %(limit)s;

-- next_own_effect --
SELECT min(due) FROM signoff.effects
WHERE owner = %(owner)s AND name IN (SELECT json_array_elements_text(%(names)s::json));

-- next_effect --
SELECT min(due) FROM signoff.effects WHERE name IN (SELECT json_array_elements_text(%(names)s::json));

-- commit_effect --
UPDATE signoff.effects SET owner = %(owner)s
WHERE crossing = %(crossing)s AND kind = 'commit'
    AND (owner IS NULL OR owner <> ALL (%(others)s::int[]))
RETURNING id, kind, crossing, subject, name, key, payload, due, tries, doubt, true;

-- new_owner --
SELECT nextval('signoff.owners')::int;

-- live_owners --
-- Every runtime holds an advisory lock on its number for as long as its connection lives.
SELECT objid::int FROM pg_locks
WHERE locktype = 'advisory' AND classid = 1936287598 AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- end_ghost --
-- A connection of ours that broke, and that the server still believes in.
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND classid = 1936287598 AND objsubid = 2 AND granted
    AND objid = %(owner)s::int::oid AND pid <> pg_backend_pid()
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

-- soon --
-- What is due before long, or was in the hands of a process that is gone, and that no job is for:
-- (queue, subject, when).
SELECT queue, subject, min(due) FROM (
    SELECT machine AS queue, subject, due FROM signoff.timers WHERE due <= %(until)s
    UNION ALL
    SELECT name, subject, due FROM signoff.effects
    WHERE due <= %(until)s AND (owner IS NULL OR owner <> ALL (%(live)s::int[]))
    UNION ALL
    SELECT name, subject, %(now)s FROM signoff.effects
    WHERE owner IS NOT NULL AND owner <> ALL (%(live)s::int[])
) work
WHERE NOT EXISTS (
    SELECT 1 FROM signoff_jobs.procrastinate_jobs j
    WHERE j.lock = work.subject AND j.queue_name = work.queue AND j.status IN ('todo', 'doing')
        -- By the server's clock its time may be far off: whoever made it had another hour.
        AND (j.scheduled_at IS NULL OR j.scheduled_at <= clock_timestamp() OR work.due > %(now)s)
)
GROUP BY queue, subject ORDER BY 3 LIMIT %(limit)s;

-- jobs_made --
SELECT to_regclass('signoff_jobs.procrastinate_jobs') IS NOT NULL;

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

-- in_doubt --
SELECT name, count(*) FROM signoff.effects WHERE doubt AND tries > 0 GROUP BY name ORDER BY name;

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

-- inbox --
-- What waits for people, the most urgent first; those without a deadline last.
SELECT id, kind, subject, boundary, ask, because, opened, due
FROM signoff.tickets WHERE status = 'open' AND (%(ask)s = '' OR ask = %(ask)s)
ORDER BY due = '', due, opened, id LIMIT %(limit)s OFFSET %(offset)s;

-- asks --
-- Who is asked, how often, and how often in vain so far.
SELECT ask, count(*), count(*) FILTER (WHERE due <> '' AND due <= %(now)s)
FROM signoff.tickets WHERE status = 'open' GROUP BY ask ORDER BY ask;

-- closed_tickets --
-- Those of a boundary that are closed, the last one first.
SELECT id, kind, crossing, subject, boundary, status, ask, because, opened, due, closed,
    answered_by, reason, body
FROM signoff.tickets
WHERE boundary = %(boundary)s AND kind = %(kind)s AND status <> 'open'
ORDER BY opened DESC, id DESC LIMIT %(limit)s;

-- timers_of_subject --
SELECT name, machine, version, due, armed, tries FROM signoff.timers
WHERE subject = %(subject)s ORDER BY due, name;

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

-- held --
-- What crossings under way hold of each throttle.
SELECT throttle, count(*), sum(usd) FROM signoff.uses
WHERE state = 'held' GROUP BY throttle ORDER BY throttle;

-- uses --
-- What is held and used of one throttle now, by tenant. Each state by its own stretch of the index.
SELECT tenant,
    count(CASE WHEN state = 'used' AND at > %(minute)s THEN 1 END),
    coalesce(min(CASE WHEN state = 'used' AND at > %(minute)s THEN at END), ''),
    count(CASE WHEN state = 'used' THEN 1 END),
    coalesce(min(CASE WHEN state = 'used' THEN at END), ''),
    count(CASE WHEN state = 'held' AND at > %(held)s THEN 1 END),
    coalesce(sum(CASE WHEN state = 'held' THEN usd END), 0)
FROM signoff.uses
WHERE throttle = %(throttle)s AND (
    (state = 'used' AND at > %(hour)s) OR (state = 'held' AND at > %(day)s)
)
GROUP BY tenant ORDER BY 4 DESC, tenant;

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
UPDATE signoff.effects SET due = %(due)s, tries = 0, owner = NULL WHERE id = %(id)s
RETURNING name, subject;

-- stream --
-- The lock on the stream's subject guards it.
SELECT version, source, forked FROM signoff.streams WHERE log = %(log)s AND stream = %(stream)s;

-- save_stream --
INSERT INTO signoff.streams (log, stream, version, source, forked)
VALUES (%(log)s, %(stream)s, %(version)s, %(source)s, %(forked)s)
ON CONFLICT (log, stream) DO UPDATE SET version = excluded.version;

-- extend_log --
-- Positions for so many events; the log's row stays locked until the transaction ends.
INSERT INTO signoff.logs (name, position) VALUES (%(log)s, %(number)s)
ON CONFLICT (name) DO UPDATE SET position = logs.position + excluded.position
RETURNING position;

-- add_event --
INSERT INTO signoff.events (log, position, stream, version, type, data, at, happened, key, caused_by,
    fingerprint, about)
VALUES (%(log)s, %(position)s, %(stream)s, %(version)s, %(type)s, %(data)s, %(at)s, %(happened)s, %(key)s, %(caused_by)s,
    %(fingerprint)s, %(about)s);

-- event --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff.events WHERE log = %(log)s AND stream = %(stream)s AND version = %(version)s;

-- events_named --
-- Events by (log, stream, version).
SELECT e.log, e.stream, e.version, e.type, e.data, e.at, e.happened, e.key, e.caused_by,
    e.fingerprint, e.about, e.position
FROM json_array_elements(%(places)s::json) p JOIN signoff.events e
ON e.log = p ->> 0 AND e.stream = p ->> 1 AND e.version = (p ->> 2)::int;

-- event_by_key --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff.events WHERE log = %(log)s AND stream = %(stream)s AND key = %(key)s;

-- events_of_log --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff.events WHERE log = %(log)s AND position > %(after)s ORDER BY position LIMIT %(limit)s;

-- events_of_stream --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff.events
WHERE log = %(log)s AND stream = %(stream)s AND version > %(after)s AND version <= %(until)s
ORDER BY version LIMIT %(limit)s;

-- events_beside --
-- What was said when a question was asked again.
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff.events
WHERE log = %(log)s AND stream = %(stream)s AND version IS NULL AND position > %(after)s
ORDER BY position LIMIT %(limit)s;

-- events_caused_by --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff.events WHERE caused_by = %(caused_by)s AND caused_by <> '' ORDER BY log, position;

-- log_position --
SELECT position FROM signoff.logs WHERE name = %(log)s;

-- logs --
SELECT l.name, l.position, (SELECT count(*) FROM signoff.streams s WHERE s.log = l.name)
FROM signoff.logs l ORDER BY l.name;

-- streams --
SELECT stream, version, source, forked FROM signoff.streams
WHERE log = %(log)s AND stream > %(after)s ORDER BY stream LIMIT %(limit)s;

-- count_events --
SELECT count(*) FROM signoff.events;

-- add_consumer --
INSERT INTO signoff.consumers (name, log, position) VALUES (%(name)s, %(log)s, %(position)s)
ON CONFLICT DO NOTHING;

-- consumer --
SELECT log, position FROM signoff.consumers WHERE name = %(name)s;

-- consumers --
SELECT name, log, position FROM signoff.consumers ORDER BY name;

-- save_position --
-- Whoever comes late with an earlier position takes nothing back.
UPDATE signoff.consumers SET position = %(position)s WHERE name = %(name)s AND position < %(position)s;

-- offset --
SELECT version, seen FROM signoff.offsets WHERE consumer = %(consumer)s AND stream = %(stream)s;

-- offsets --
SELECT stream, version, seen FROM signoff.offsets
WHERE consumer = %(consumer)s AND stream IN (SELECT json_array_elements_text(%(streams)s::json));

-- add_offset --
INSERT INTO signoff.offsets (consumer, stream, version, seen)
VALUES (%(consumer)s, %(stream)s, %(version)s, %(seen)s);

-- move_offset --
UPDATE signoff.offsets SET version = %(version)s, seen = %(seen)s
WHERE consumer = %(consumer)s AND stream = %(stream)s;

-- lock_offset --
SELECT version, seen FROM signoff.offsets
WHERE consumer = %(consumer)s AND stream = %(stream)s FOR UPDATE;

-- claims_of_consumer --
-- Ours already: by far the most frequent answer.
SELECT position FROM signoff.consumers WHERE name = %(name)s AND owner = %(owner)s;

-- claim_consumer --
-- A consumer that no other living process has, marked as ours.
UPDATE signoff.consumers SET owner = %(owner)s
WHERE name = %(name)s AND (owner IS NULL OR owner <> ALL (%(others)s::int[]))
RETURNING position;

-- release_consumers --
UPDATE signoff.consumers SET owner = NULL WHERE owner = %(owner)s;

-- last_cut --
-- What the beginning of a chain was removed by.
SELECT position, subject, seq, at, crossing, type, body, hash
FROM signoff.records WHERE subject = %(subject)s AND type = 'cut' ORDER BY seq DESC LIMIT 1;

-- chains_begun_before --
-- Subjects, the first of their records that are there, and whether that is all there is.
SELECT s.id, s.length, r.seq, r.type, r.at
FROM signoff.subjects s JOIN signoff.records r ON r.subject = s.id COLLATE "default" AND r.seq = (
    SELECT min(f.seq) FROM signoff.records f WHERE f.subject = s.id COLLATE "default"
)
WHERE s.id > %(after)s ORDER BY s.id LIMIT %(limit)s;

-- outline --
-- A chain without what its records say.
SELECT position, seq, at, crossing, type, hash
FROM signoff.records WHERE subject = %(subject)s ORDER BY seq;

-- unsettled --
-- What keeps a chain from being cut: crossings that have not ended or have effects to come, and
-- whether somebody is asked about the subject or a timer is set.
SELECT 'crossing', c.id FROM signoff.crossings c
WHERE c.id IN (SELECT json_array_elements_text(%(crossings)s::json)) AND c.status NOT IN ('committed', 'rejected')
UNION ALL
SELECT 'crossing', e.crossing FROM signoff.effects e
WHERE e.crossing IN (SELECT json_array_elements_text(%(crossings)s::json))
UNION ALL
SELECT 'ticket', t.id FROM signoff.tickets t WHERE t.subject = %(subject)s AND t.status = 'open'
UNION ALL
SELECT 'timer', m.name FROM signoff.timers m WHERE m.subject = %(subject)s;

-- records_until --
SELECT position, subject, seq, at, crossing, type, body, hash
FROM signoff.records WHERE subject = %(subject)s AND seq <= %(upto)s AND seq > %(after)s
ORDER BY seq LIMIT %(limit)s;

-- drop_records --
DELETE FROM signoff.records WHERE subject = %(subject)s AND seq <= %(upto)s;

-- records_referring --
-- Records that refer to values which are kept apart, and perhaps some that only look like it.
SELECT position, body FROM signoff.records
WHERE position > %(after)s AND body LIKE '%%"$payload":%%' ORDER BY position LIMIT %(limit)s;

-- drop_payloads --
DELETE FROM signoff.payloads WHERE digest IN (SELECT json_array_elements_text(%(digests)s::json));

-- oldest_under_way --
SELECT min(opened) FROM signoff.crossings WHERE status NOT IN ('committed', 'rejected');

-- keys_before --
-- Crossings that ended, by id, whose records are gone.
SELECT c.id, c.subject, c.opened FROM signoff.crossings c
WHERE c.id > %(after)s AND c.opened < %(before)s AND c.status IN ('committed', 'rejected')
    AND NOT EXISTS (SELECT 1 FROM signoff.effects e WHERE e.crossing = c.id)
    AND NOT EXISTS (SELECT 1 FROM signoff.records r WHERE r.subject = c.subject AND r.crossing = c.id)
ORDER BY c.id LIMIT %(limit)s;

-- drop_crossing --
DELETE FROM signoff.crossings WHERE id = %(id)s AND status IN ('committed', 'rejected') RETURNING 1;

-- drop_tickets --
DELETE FROM signoff.tickets
WHERE subject = %(subject)s AND crossing = %(id)s AND status <> 'open' RETURNING 1;

-- payload_digests --
SELECT digest FROM signoff.payloads WHERE digest > %(after)s ORDER BY digest LIMIT %(limit)s;

-- lock_payloads --
-- Waits for everybody who refers to a value, and keeps new ones out: until the end, what nothing
-- refers to stays like that.
LOCK TABLE signoff.payloads IN SHARE ROW EXCLUSIVE MODE;
