"""What in a store points to nothing, and where a row is not as the ledger tells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from signoff.storage._connection import CHUNK
from signoff.storage._looking import Looked
from signoff.words import count, plain

#: Lines that one kind of thing is given.
MOST: Final = 20

#: Records that tell where a row went.
_TELLING: Final = "('started', 'moved', 'changed', 'cut')"

#: What is looked for -> how its rows are told, and the statement that finds them.
DANGLING: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "outbox": (
        (
            "effect {} ({}) is of crossing {}, which is not there",
            (
                "SELECT e.id, e.name, e.crossing FROM {p}effects e WHERE e.crossing <> '' "
                "AND NOT EXISTS (SELECT 1 FROM {p}crossings c WHERE c.id = e.crossing) "
                "ORDER BY e.id"
            ),
        ),
        (
            "effect {} ({}) is about subject {}, which is not there",
            (
                "SELECT e.id, e.name, e.subject FROM {p}effects e "
                "WHERE NOT EXISTS (SELECT 1 FROM {p}subjects s WHERE s.id = e.subject) "
                "ORDER BY e.id"
            ),
        ),
    ),
    "timers": (
        (
            "timer {} is of subject {}, which has no row of machine {}",
            (
                "SELECT t.name, t.subject, t.machine FROM {p}timers t WHERE NOT EXISTS "
                "(SELECT 1 FROM {p}subjects s WHERE s.id = t.subject AND s.machine = t.machine) "
                "ORDER BY t.subject, t.name"
            ),
        ),
        (
            "timer {} of subject {} was set at version {}, and the row is at version {}",
            (
                "SELECT t.name, t.subject, t.version, s.version FROM {p}timers t "
                "JOIN {p}subjects s ON s.id = t.subject AND s.machine = t.machine "
                "WHERE t.version > s.version ORDER BY t.subject, t.name"
            ),
        ),
    ),
    "tickets": (
        (
            "ticket {} is about subject {}, which is not there",
            (
                "SELECT t.id, t.subject FROM {p}tickets t "
                "WHERE NOT EXISTS (SELECT 1 FROM {p}subjects s WHERE s.id = t.subject) "
                "ORDER BY t.id"
            ),
        ),
        (
            "ticket {} is open for crossing {}, which is not there",
            (
                "SELECT t.id, t.crossing FROM {p}tickets t "
                "WHERE t.status = 'open' AND t.crossing <> '' "
                "AND NOT EXISTS (SELECT 1 FROM {p}crossings c WHERE c.id = t.crossing) "
                "ORDER BY t.id"
            ),
        ),
        (
            "ticket {} is open, and its crossing {} has ended: {}",
            (
                "SELECT t.id, t.crossing, c.status FROM {p}tickets t "
                "JOIN {p}crossings c ON c.id = t.crossing WHERE t.status = 'open' "
                "AND t.kind = 'crossing' AND c.status IN ('committed', 'rejected') ORDER BY t.id"
            ),
        ),
    ),
    "crossings": (
        (
            "crossing {} is about subject {}, which is not there",
            (
                "SELECT c.id, c.subject FROM {p}crossings c "
                "WHERE NOT EXISTS (SELECT 1 FROM {p}subjects s WHERE s.id = c.subject) "
                "ORDER BY c.id"
            ),
        ),
        (
            "subject {} is held by crossing {}, which is not there or has ended",
            (
                "SELECT s.id, s.pending FROM {p}subjects s WHERE s.pending <> '' AND NOT EXISTS "
                "(SELECT 1 FROM {p}crossings c WHERE c.id = s.pending "
                "AND c.status NOT IN ('committed', 'rejected')) ORDER BY s.id"
            ),
        ),
    ),
    "events": (
        (
            "log {} has events up to {}, and says {}",
            (
                "SELECT e.log, max(e.position), coalesce(l.position, 0) FROM {p}events e "
                "LEFT JOIN {p}logs l ON l.name = e.log GROUP BY e.log, l.position "
                "HAVING max(e.position) > coalesce(l.position, 0) ORDER BY e.log"
            ),
        ),
        (
            "stream {} of log {} has events up to version {}, and says {}",
            (
                "SELECT e.stream, e.log, max(e.version), coalesce(s.version, 0) FROM {p}events e "
                "LEFT JOIN {p}streams s ON s.log = e.log AND s.stream = e.stream "
                "GROUP BY e.stream, e.log, s.version "
                "HAVING max(e.version) > coalesce(s.version, 0) ORDER BY e.log, e.stream"
            ),
        ),
        (
            "consumer {} has come to {} in log {}, which ends at {}",
            (
                "SELECT c.name, c.position, c.log, coalesce(l.position, 0) FROM {p}consumers c "
                "LEFT JOIN {p}logs l ON l.name = c.log WHERE c.position > coalesce(l.position, 0) "
                "ORDER BY c.name"
            ),
        ),
        (
            "an offset of consumer {} in stream {} is of nobody that is known",
            (
                "SELECT o.consumer, o.stream FROM {p}offsets o WHERE NOT EXISTS "
                "(SELECT 1 FROM {p}consumers c WHERE c.name = o.consumer) "
                "ORDER BY o.consumer, o.stream"
            ),
        ),
    ),
}


def dangling(store: Looked, kind: str) -> list[str]:
    """What of a kind points to nothing, one line each."""
    lines: list[str] = []
    for told, sql in DANGLING[kind]:
        rows = store.run(sql.format(p=store.prefix))
        lines += [told.format(*(plain(str(value), 60) for value in row)) for row in rows[:MOST]]
        if len(rows) > MOST:
            lines.append(f"and {count(len(rows) - MOST, 'more such', 'more such')}")
    return lines


def spine(store: Looked) -> tuple[int, list[str]]:
    """How many rows there are, and which of them are not where their last record says."""
    p, wrong, rows, more = store.prefix, list[str](), 0, 0
    for id, machine, state, version, body in _rows(store, p):
        rows += 1
        told = _fields(body)
        if told is None:
            what = f"subject {plain(id, 60)} has a row, and no record of it"
        elif (told.get("machine"), told.get("state"), told.get("version")) == (
            machine,
            state,
            version,
        ):
            continue
        else:
            what = (
                f"subject {plain(id, 60)} stands at {plain(str(state), 40)}, version {version}, "
                f"and the ledger says {plain(str(told.get('state')), 40)}, version "
                f"{told.get('version')}"
            )
        more += 1
        if len(wrong) < MOST:
            wrong.append(what)
    if more > MOST:
        wrong.append(f"and {more - MOST:,} more such")
    return rows, wrong


def _rows(store: Looked, p: str) -> Iterator[tuple[Any, ...]]:
    # An index of PostgreSQL's serves comparisons in its own collation alone.
    mark, plainly = ("?", "") if store.dialect == "sqlite" else ("%s", ' COLLATE "default"')
    after = ""
    while True:
        page = store.run(
            f"SELECT s.id, s.machine, s.state, s.version, (SELECT r.body FROM {p}records r "
            f"WHERE r.subject = s.id{plainly} AND r.type IN {_TELLING} "
            "ORDER BY r.seq DESC LIMIT 1) "
            f"FROM {p}subjects s WHERE s.machine IS NOT NULL AND s.id > {mark} "
            f"ORDER BY s.id LIMIT {CHUNK}",
            after,
        )
        yield from page
        if len(page) < CHUNK:
            return
        after = page[-1][0]


def _fields(body: str | None) -> dict[str, Any] | None:
    try:
        fields: object = json.loads(body or "null")
    except ValueError:
        return {}
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else None
