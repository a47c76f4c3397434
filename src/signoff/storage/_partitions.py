"""The ledger of a PostgreSQL store in partitions, each of which holds a range of positions.

The newest is small enough for its indexes to stay in memory, and one that a retention policy has
emptied is dropped whole. No index spans them all: that a chain is linear is what the row of its
subject is for, and each partition refuses what it could not hold twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from signoff.errors import UsageError

Run = Callable[..., list[tuple[Any, ...]]]

#: Where the size of a partition is kept.
KEY: Final = "partition"

#: The fewest records that a partition is made for.
LEAST: Final = 1000

#: Held while partitions are made or dropped.
_LOCK: Final = 1936287603

_PARTS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'signoff.records'::regclass
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A part of the ledger.

    Attributes:
        name: Of its table, in the schema `signoff`.
        low: The first position that belongs into it; 0 if nothing bounds it.
        high: The first that no longer does.
    """

    name: str
    low: int
    high: int


def partition_size(run: Run) -> int:
    """For how many records a partition is made; 0 if the ledger is one table."""
    rows = run("SELECT value FROM signoff.meta WHERE key = %s", KEY)
    return int(rows[0][0]) if rows else 0


def partitions(run: Run) -> Sequence[Partition]:
    """The partitions that there are, by their positions."""
    found: list[Partition] = []
    for name, bounds in run(_PARTS):
        # FOR VALUES FROM ('1') TO ('1001'), or FROM (MINVALUE)
        low, high = (part.split(")")[0].strip("'") for part in str(bounds).split("(")[1:3])
        found.append(Partition(name=name, low=0 if low == "MINVALUE" else int(low), high=int(high)))
    return sorted(found, key=lambda part: part.low)


def prepare_partitions(run: Run, size: int) -> None:
    """Begin to divide the ledger: bound what is there, so that it can become the first partition.

    Writers go on meanwhile. To be run where each statement is a transaction of its own.

    Raises:
        UsageError: If it is divided already, into others.
    """
    made = partition_size(run)
    if made and made != size:
        raise UsageError(f"the ledger is in partitions of {made:,} records already")
    if made:
        return
    # A bound of before may be passed by now. This one has room for what is written meanwhile.
    bound = ((_last_given(run) + size // 10) // size + 1) * size + 1
    run("ALTER TABLE signoff.records DROP CONSTRAINT IF EXISTS records_bound")
    run(
        f"ALTER TABLE signoff.records ADD CONSTRAINT records_bound CHECK (position < {bound}) "
        "NOT VALID"
    )
    run("ALTER TABLE signoff.records VALIDATE CONSTRAINT records_bound")


def divide(run: Run, size: int) -> None:
    """Divide the ledger, in the caller's transaction, once what is there is known to be bounded."""
    run("SELECT pg_advisory_xact_lock(%s)", _LOCK)
    if partition_size(run):
        return
    run("SET LOCAL lock_timeout = '10s'")
    run("LOCK TABLE signoff.records IN ACCESS EXCLUSIVE MODE")
    ((told,),) = run(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'records_bound'"
    )
    bound = int("".join(filter(str.isdigit, told)))
    last = _last_given(run)
    for statement in (
        "ALTER TABLE signoff.records RENAME TO records_first",
        "ALTER TABLE signoff.records_first RENAME CONSTRAINT records_pkey TO records_first_pkey",
        "ALTER TABLE signoff.records_first ALTER COLUMN position DROP IDENTITY",
        f"""
        CREATE TABLE signoff.records (
            position BIGINT GENERATED ALWAYS AS IDENTITY (START WITH {last + 1}) PRIMARY KEY,
            subject TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL,
            crossing TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL
        ) PARTITION BY RANGE (position)
        """,
        _attach("records_first", "MINVALUE", bound),
        "ALTER TABLE signoff.records_first DROP CONSTRAINT records_bound",
    ):
        run(statement)
    run("INSERT INTO signoff.meta (key, value) VALUES (%s, %s)", KEY, str(size))
    make_room(run)


def _attach(name: str, low: int | str, high: int) -> str:
    bounds = f"FOR VALUES FROM ({low}) TO ({high})"
    return f"ALTER TABLE signoff.records ATTACH PARTITION signoff.{name} {bounds}"


def make_room(run: Run, upto: int = 0) -> int:
    """Make the partitions that are needed next, in the caller's transaction; how many.

    Args:
        run: Runs statements.
        upto: A position that must have its place; by default the last that was given.
    """
    size = partition_size(run)
    if not size:
        return 0
    run("SELECT pg_advisory_xact_lock(%s)", _LOCK)
    there = partitions(run)
    low = max((part.high for part in there), default=1)
    made = 0
    # A whole one ahead of what is being filled.
    while low <= max(upto, _last_given(run)) + size:
        high = low + size
        name = f"records_{low}"
        for statement in (
            f"CREATE TABLE signoff.{name} (LIKE signoff.records INCLUDING STORAGE)",
            f"ALTER TABLE signoff.{name} ADD PRIMARY KEY (position)",
            f"ALTER TABLE signoff.{name} ADD UNIQUE (subject, seq)",
            _attach(name, low, high),
        ):
            run(statement)
        low, made = high, made + 1
    return made


def room_ahead(run: Run) -> int:
    """How many more records have their partition."""
    return max((part.high for part in partitions(run)), default=1) - 1 - _last_given(run)


def emptied(run: Run) -> Sequence[Partition]:
    """Partitions that are behind the last position, and hold nothing any more."""
    last = _last_given(run)
    return [
        part
        for part in partitions(run)
        if part.high <= last and not run(f"SELECT 1 FROM signoff.{part.name} LIMIT 1")
    ]


def drop(run: Run, part: Partition) -> bool:
    """Drop a partition, in the caller's transaction, if it is still empty."""
    run("SELECT pg_advisory_xact_lock(%s)", _LOCK)
    run("SET LOCAL lock_timeout = '2s'")
    run("LOCK TABLE signoff.records IN ACCESS EXCLUSIVE MODE")
    if run(f"SELECT 1 FROM signoff.{part.name} LIMIT 1"):
        return False
    run(f"DROP TABLE signoff.{part.name}")
    return True


def _last_given(run: Run) -> int:
    ((sequence,),) = run("SELECT pg_get_serial_sequence('signoff.records', 'position')")
    ((last,),) = run(
        f"SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {sequence}"
    )
    return int(last)
