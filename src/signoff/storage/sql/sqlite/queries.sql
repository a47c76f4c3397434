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

-- opening --
-- A switch, and a crossing if there is one.
SELECT s.state, c.id, c.key, c.subject, c.boundary, c.status, c.attempts, c.opened, c.state
FROM signoff_switches s LEFT JOIN signoff_crossings c ON c.id = :id
WHERE s.name = :switch;

-- add_crossing --
INSERT INTO signoff_crossings (id, key, subject, boundary, status, attempts, opened, state, code)
VALUES (:id, :key, :subject, :boundary, :status, :attempts, :opened, :state, :code);

-- save_crossing --
INSERT INTO signoff_crossings (id, key, subject, boundary, status, attempts, opened, state, code)
VALUES (:id, :key, :subject, :boundary, :status, :attempts, :opened, :state, :code)
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
UPDATE signoff_timers SET due = :due, tries = tries + :counted, owner = NULL
WHERE subject = :subject AND name = :name AND armed = :armed;

-- claim_timers --
-- One process runs on a SQLite file, so looking is claiming.
SELECT subject, machine, name, version, due, armed, tries, :careful
FROM signoff_timers
WHERE machine IN (SELECT value FROM json_each(:machines)) AND due <= :now
    AND :subject IN ('', subject)
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

-- settle_durable --
DELETE FROM signoff_effects WHERE crossing = :crossing AND kind = 'durable';

-- postpone_effect --
UPDATE signoff_effects SET due = :due, doubt = :doubt, tries = tries + :counted, owner = :owner
WHERE id = :id RETURNING name, subject;

-- has_effect --
-- One process runs on a SQLite file: what is there is ours.
SELECT 1 FROM signoff_effects WHERE id = :id;

-- postpone_later_effects --
-- The effects of one crossing are performed in order: the later ones wait for an earlier one, and
-- are no longer due at once because a process died over them.
UPDATE signoff_effects SET due = :due, owner = :owner
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
    AND :subject IN ('', subject)
    -- What newer code has begun is left to it.
    AND NOT EXISTS (SELECT 1 FROM signoff_crossings c WHERE c.id = crossing AND c.code > :code)
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

-- in_doubt --
SELECT name, count(*) FROM signoff_effects WHERE doubt AND tries > 0 GROUP BY name ORDER BY name;

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

-- crossings_under_way --
-- Every crossing that has not ended; one pass over them all, since people seldom ask.
SELECT id, key, subject, boundary, status, attempts, opened, state
FROM signoff_crossings
WHERE id > :after AND status IN ('open', 'intended', 'suspended', 'unknown')
ORDER BY id LIMIT :limit;

-- meta --
SELECT value FROM signoff_meta WHERE key = :key;

-- switch --
SELECT state FROM signoff_switches WHERE name = :name;

-- lock_switch --
SELECT state FROM signoff_switches WHERE name = :name;

-- set_switch --
INSERT INTO signoff_switches (name, state) VALUES (:name, :state)
ON CONFLICT (name) DO UPDATE SET state = excluded.state;

-- ticket --
SELECT id, kind, crossing, subject, boundary, status, ask, because, opened, due, closed,
    answered_by, reason, body
FROM signoff_tickets WHERE id = :id;

-- save_ticket --
INSERT INTO signoff_tickets (id, kind, crossing, subject, boundary, status, ask, because, opened,
    due, closed, answered_by, reason, body)
VALUES (:id, :kind, :crossing, :subject, :boundary, :status, :ask, :because, :opened,
    :due, :closed, :by, :reason, :body)
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, ask = excluded.ask, because = excluded.because, due = excluded.due,
    closed = excluded.closed, answered_by = excluded.answered_by, reason = excluded.reason,
    body = excluded.body;

-- tickets --
-- By their opening, oldest first, after a place that the last page ended at.
SELECT id, kind, crossing, subject, boundary, status, ask, because, opened, due, closed,
    answered_by, reason, body
FROM signoff_tickets
WHERE status IN (SELECT value FROM json_each(:statuses)) AND (opened, id) > (:opened, :after)
ORDER BY opened, id LIMIT :limit;

-- tickets_of_subject --
SELECT id, kind, crossing, subject, boundary, status, ask, because, opened, due, closed,
    answered_by, reason, body
FROM signoff_tickets WHERE subject = :subject ORDER BY opened, id;

-- inbox --
-- What waits for people, the most urgent first; those without a deadline last.
SELECT id, kind, subject, boundary, ask, because, opened, due
FROM signoff_tickets WHERE status = 'open' AND (:ask = '' OR ask = :ask)
ORDER BY due = '', due, opened, id LIMIT :limit OFFSET :offset;

-- asks --
-- Who is asked, how often, and how often in vain so far.
SELECT ask, count(*), count(*) FILTER (WHERE due <> '' AND due <= :now)
FROM signoff_tickets WHERE status = 'open' GROUP BY ask ORDER BY ask;

-- closed_tickets --
-- Those of a boundary that are closed, the last one first.
SELECT id, kind, crossing, subject, boundary, status, ask, because, opened, due, closed,
    answered_by, reason, body
FROM signoff_tickets
WHERE boundary = :boundary AND kind = :kind AND status <> 'open'
ORDER BY opened DESC, id DESC LIMIT :limit;

-- timers_of_subject --
SELECT name, machine, version, due, armed, tries FROM signoff_timers
WHERE subject = :subject ORDER BY due, name;

-- tickets_like --
SELECT id FROM signoff_tickets WHERE id >= :low AND id < :high ORDER BY id LIMIT 3;

-- use --
SELECT throttle, crossing, tenant, state, at, usd, spent
FROM signoff_uses WHERE throttle = :throttle AND crossing = :crossing;

-- save_use --
INSERT INTO signoff_uses (throttle, crossing, tenant, state, at, usd, spent)
VALUES (:throttle, :crossing, :tenant, :state, :at, :usd, :spent)
ON CONFLICT (throttle, crossing) DO UPDATE
SET state = excluded.state, at = excluded.at, usd = excluded.usd, spent = excluded.spent;

-- drop_use --
DELETE FROM signoff_uses WHERE throttle = :throttle AND crossing = :crossing;

-- count_uses --
-- Each half by its own stretch of the index.
SELECT (
    SELECT count(*) FROM signoff_uses
    WHERE throttle = :throttle AND state = 'used' AND at > :used
        AND crossing <> :crossing
) + (
    SELECT count(*) FROM signoff_uses
    WHERE throttle = :throttle AND state = 'held' AND at > :held
        AND crossing <> :crossing
);

-- count_uses_of_tenant --
SELECT (
    SELECT count(*) FROM signoff_uses
    WHERE throttle = :throttle AND state = 'used' AND at > :used
        AND crossing <> :crossing AND tenant = :tenant
) + (
    SELECT count(*) FROM signoff_uses
    WHERE throttle = :throttle AND state = 'held' AND at > :held
        AND crossing <> :crossing AND tenant = :tenant
);

-- held_usd --
SELECT coalesce(sum(usd), 0) FROM signoff_uses
WHERE throttle = :throttle AND at > :held AND crossing <> :crossing AND state = 'held';

-- forget_uses --
DELETE FROM signoff_uses WHERE throttle = :throttle AND at < :before;

-- throttles --
-- What is held and used, by throttle.
SELECT throttle, tenant, state, count(*), sum(usd), sum(spent), min(at), max(at)
FROM signoff_uses GROUP BY throttle, tenant, state ORDER BY throttle, tenant, state;

-- held --
-- What crossings under way hold of each throttle.
SELECT throttle, count(*), sum(usd) FROM signoff_uses
WHERE state = 'held' GROUP BY throttle ORDER BY throttle;

-- uses --
-- What is held and used of one throttle now, by tenant. Each state by its own stretch of the index.
SELECT tenant,
    count(CASE WHEN state = 'used' AND at > :minute THEN 1 END),
    coalesce(min(CASE WHEN state = 'used' AND at > :minute THEN at END), ''),
    count(CASE WHEN state = 'used' THEN 1 END),
    coalesce(min(CASE WHEN state = 'used' THEN at END), ''),
    count(CASE WHEN state = 'held' AND at > :held THEN 1 END),
    coalesce(sum(CASE WHEN state = 'held' THEN usd END), 0)
FROM signoff_uses
WHERE throttle = :throttle AND (
    (state = 'used' AND at > :hour) OR (state = 'held' AND at > :day)
)
GROUP BY tenant ORDER BY 4 DESC, tenant;

-- switches --
SELECT name, state FROM signoff_switches ORDER BY name;

-- beat --
INSERT INTO signoff_heartbeats (process, child, at, state, restarts, error)
VALUES (:process, :child, :at, :state, :restarts, :error)
ON CONFLICT (process, child) DO UPDATE
SET at = excluded.at, state = excluded.state, restarts = excluded.restarts, error = excluded.error;

-- heartbeats --
SELECT process, child, at, state, restarts, error FROM signoff_heartbeats ORDER BY process, child;

-- forget_heartbeats --
DELETE FROM signoff_heartbeats WHERE at < :before;

-- begin_timer --
UPDATE signoff_timers SET tries = tries + 1
WHERE subject = :subject AND name = :name AND armed = :armed;

-- reset_timer --
UPDATE signoff_timers SET due = :due, tries = 0, owner = NULL
WHERE subject = :subject AND name = :name AND armed = :armed;

-- reset_effect --
UPDATE signoff_effects SET due = :due, tries = 0, owner = NULL WHERE id = :id
RETURNING name, subject;

-- stream --
-- The lock on the stream's subject guards it.
SELECT version, source, forked FROM signoff_streams WHERE log = :log AND stream = :stream;

-- save_stream --
INSERT INTO signoff_streams (log, stream, version, source, forked)
VALUES (:log, :stream, :version, :source, :forked)
ON CONFLICT (log, stream) DO UPDATE SET version = excluded.version;

-- extend_log --
-- Positions for so many events; the log's row stays locked until the transaction ends.
INSERT INTO signoff_logs (name, position) VALUES (:log, :number)
ON CONFLICT (name) DO UPDATE SET position = signoff_logs.position + excluded.position
RETURNING position;

-- add_event --
INSERT INTO signoff_events (log, position, stream, version, type, data, at, happened, key, caused_by,
    fingerprint, about)
VALUES (:log, :position, :stream, :version, :type, :data, :at, :happened, :key, :caused_by,
    :fingerprint, :about);

-- event --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff_events WHERE log = :log AND stream = :stream AND version = :version;

-- events_named --
-- Events by (log, stream, version).
SELECT e.log, e.stream, e.version, e.type, e.data, e.at, e.happened, e.key, e.caused_by,
    e.fingerprint, e.about, e.position
FROM json_each(:places) p JOIN signoff_events e
ON e.log = json_extract(p.value, '$[0]') AND e.stream = json_extract(p.value, '$[1]')
    AND e.version = json_extract(p.value, '$[2]');

-- event_by_key --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff_events WHERE log = :log AND stream = :stream AND key = :key;

-- events_of_log --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff_events WHERE log = :log AND position > :after ORDER BY position LIMIT :limit;

-- events_of_stream --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff_events
WHERE log = :log AND stream = :stream AND version > :after AND version <= :until
ORDER BY version LIMIT :limit;

-- events_beside --
-- What was said when a question was asked again.
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff_events
WHERE log = :log AND stream = :stream AND version IS NULL AND position > :after
ORDER BY position LIMIT :limit;

-- events_caused_by --
SELECT log, stream, version, type, data, at, happened, key, caused_by, fingerprint, about, position
FROM signoff_events WHERE caused_by = :caused_by AND caused_by <> '' ORDER BY log, position;

-- log_position --
SELECT position FROM signoff_logs WHERE name = :log;

-- logs --
SELECT l.name, l.position, (SELECT count(*) FROM signoff_streams s WHERE s.log = l.name)
FROM signoff_logs l ORDER BY l.name;

-- streams --
SELECT stream, version, source, forked FROM signoff_streams
WHERE log = :log AND stream > :after ORDER BY stream LIMIT :limit;

-- count_events --
SELECT count(*) FROM signoff_events;

-- add_consumer --
INSERT INTO signoff_consumers (name, log, position) VALUES (:name, :log, :position)
ON CONFLICT DO NOTHING;

-- consumer --
SELECT log, position FROM signoff_consumers WHERE name = :name;

-- consumers --
SELECT name, log, position FROM signoff_consumers ORDER BY name;

-- save_position --
-- Whoever comes late with an earlier position takes nothing back.
UPDATE signoff_consumers SET position = :position WHERE name = :name AND position < :position;

-- offset --
SELECT version, seen FROM signoff_offsets WHERE consumer = :consumer AND stream = :stream;

-- offsets --
SELECT stream, version, seen FROM signoff_offsets
WHERE consumer = :consumer AND stream IN (SELECT value FROM json_each(:streams));

-- add_offset --
INSERT INTO signoff_offsets (consumer, stream, version, seen)
VALUES (:consumer, :stream, :version, :seen);

-- move_offset --
UPDATE signoff_offsets SET version = :version, seen = :seen
WHERE consumer = :consumer AND stream = :stream;

-- last_cut --
-- What the beginning of a chain was removed by.
SELECT position, subject, seq, at, crossing, type, body, hash
FROM signoff_records WHERE subject = :subject AND type = 'cut' ORDER BY seq DESC LIMIT 1;

-- chains_begun_before --
-- Subjects, the first of their records that are there, and whether that is all there is.
SELECT s.id, s.length, r.seq, r.type, r.at
FROM signoff_subjects s JOIN signoff_records r ON r.subject = s.id AND r.seq = (
    SELECT min(f.seq) FROM signoff_records f WHERE f.subject = s.id
)
WHERE s.id > :after ORDER BY s.id LIMIT :limit;

-- outline --
-- A chain without what its records say.
SELECT position, seq, at, crossing, type, hash
FROM signoff_records WHERE subject = :subject ORDER BY seq;

-- unsettled --
-- What keeps a chain from being cut: crossings that have not ended or have effects to come, and
-- whether somebody is asked about the subject or a timer is set.
SELECT 'crossing', c.id FROM signoff_crossings c
WHERE c.id IN (SELECT value FROM json_each(:crossings)) AND c.status NOT IN ('committed', 'rejected')
UNION ALL
SELECT 'crossing', e.crossing FROM signoff_effects e
WHERE e.crossing IN (SELECT value FROM json_each(:crossings))
UNION ALL
SELECT 'ticket', t.id FROM signoff_tickets t WHERE t.subject = :subject AND t.status = 'open'
UNION ALL
SELECT 'timer', m.name FROM signoff_timers m WHERE m.subject = :subject;

-- records_until --
SELECT position, subject, seq, at, crossing, type, body, hash
FROM signoff_records WHERE subject = :subject AND seq <= :upto AND seq > :after
ORDER BY seq LIMIT :limit;

-- drop_records --
DELETE FROM signoff_records WHERE subject = :subject AND seq <= :upto;

-- records_referring --
-- Records that refer to values which are kept apart, and perhaps some that only look like it.
SELECT position, body FROM signoff_records
WHERE position > :after AND body LIKE '%"$payload":%' ORDER BY position LIMIT :limit;

-- drop_payloads --
DELETE FROM signoff_payloads WHERE digest IN (SELECT value FROM json_each(:digests));

-- oldest_under_way --
SELECT min(opened) FROM signoff_crossings WHERE status NOT IN ('committed', 'rejected');

-- keys_before --
-- Crossings that ended, by id, whose records are gone.
SELECT c.id, c.subject, c.opened FROM signoff_crossings c
WHERE c.id > :after AND c.opened < :before AND c.status IN ('committed', 'rejected')
    AND NOT EXISTS (SELECT 1 FROM signoff_effects e WHERE e.crossing = c.id)
    AND NOT EXISTS (SELECT 1 FROM signoff_records r WHERE r.subject = c.subject AND r.crossing = c.id)
ORDER BY c.id LIMIT :limit;

-- drop_crossing --
DELETE FROM signoff_crossings WHERE id = :id AND status IN ('committed', 'rejected') RETURNING 1;

-- drop_tickets --
DELETE FROM signoff_tickets
WHERE subject = :subject AND crossing = :id AND status <> 'open' RETURNING 1;

-- payload_digests --
SELECT digest FROM signoff_payloads WHERE digest > :after ORDER BY digest LIMIT :limit;
