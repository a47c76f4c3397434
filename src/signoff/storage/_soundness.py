"""Everything that can be wrong with a store, found without writing to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from signoff.errors import SignoffError, StoreTooNew
from signoff.storage._catalog import META, Table, named, sqlite_tables
from signoff.storage._jobs import JOBS_SCHEMA
from signoff.storage._looking import Counted, Looked, looking
from signoff.storage._marks import FILLING, MOVED
from signoff.storage._migration import missing, newest
from signoff.storage._partitions import partition_size, partitions, room_ahead
from signoff.storage._pointing import DANGLING, MOST, dangling, spine
from signoff.storage._proving import proof
from signoff.storage._sizes import sizes
from signoff.storage._sql import Dialect, schema
from signoff.words import count, plain

#: Called with (what is looked at now, how much of it so far, of how much).
Tell = Callable[[str, int, int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One thing that was looked at.

    Attributes:
        check: What.
        found: How it is, if nothing is wrong with it.
        wrong: What is wrong, one line each.
        remedy: What to do about that.
        sizes: Bytes of each table, where that was asked.
    """

    check: str
    found: str
    wrong: Sequence[str] = ()
    remedy: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])


def check_store(url: str, *, tell: Tell = lambda what, done, total: None) -> Iterator[Checked]:
    """Look at everything in a store, on a connection that cannot write.

    Args:
        url: Of the store.
        tell: Hears how far it has come.

    Raises:
        StorageUnavailable: If it is not there, is not ours or cannot be read at all.
    """
    with looking(url) as store:
        tell("the database", 0, 0)
        yield _database(store)
        current = _version(store)
        yield current
        yield _whole(store)
        tables = _tables(store)
        yield tables
        if current.wrong or tables.wrong:
            return  # what follows would only say the same in worse words
        yield _ledger(store, tell)
        tell("the rows", 0, 0)
        rows, wrong = spine(store)
        yield Checked(
            check="spine",
            found=f"{count(rows, 'row')} stand where the ledger says",
            wrong=wrong,
            remedy="Somebody wrote to the rows beside the ledger: compare with a backup.",
        )
        for kind in DANGLING:
            tell(kind, 0, 0)
            yield Checked(
                check=kind,
                found="everything that is pointed to is there",
                wrong=dangling(store, kind),
                remedy="Somebody deleted rows beside the ledger: compare with a backup.",
            )
        if store.dialect == "postgres":
            yield _partitions(store)
            yield _jobs(store)
        tell("sizes", 0, 0)
        yield _sizes(store)


def _database(store: Looked) -> Checked:
    if store.dialect == "sqlite":
        damaged = [plain(text, 200) for (text,) in store.run("PRAGMA integrity_check(20)")]
        damaged = [] if damaged == ["ok"] else damaged
        broken = store.run("PRAGMA foreign_key_check")
        damaged += [
            f"{table}, row {row}: a foreign key leads to no row of {parent}"
            for table, row, parent, _ in broken[:MOST]
        ]
        return Checked(
            check="database",
            found="its pages, indexes and foreign keys are sound",
            wrong=damaged,
            remedy="Restore it from a backup, and run `signoff ledger verify`.",
        )
    invalid = store.run(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class c ON c.oid = indexrelid "
        "WHERE c.relnamespace = 'signoff'::regnamespace AND NOT indisvalid ORDER BY 1"
    )
    bad = [f"index {name} is not valid" for (name,) in invalid]
    failed = store.run(
        "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
    )
    if failed and failed[0][0]:
        bad.append(f"the server has counted {count(failed[0][0], 'page')} with a wrong checksum")
    return Checked(
        check="database",
        found="its indexes are valid, and no page has failed its checksum",
        wrong=bad,
        remedy="REINDEX what is not valid; restore what is damaged from a backup.",
    )


def _version(store: Looked) -> Checked:
    try:
        found, knows = store.version, newest(store.dialect)
        lacks = list(missing(store.dialect, found, store.url))
    except StoreTooNew as error:
        return Checked(check="version", found="", wrong=[str(error)])
    except SignoffError as error:
        return Checked(check="version", found="", wrong=[str(error)])
    wrong = [f"tables version {found}, and this signoff has {knows}"] if lacks else []
    return Checked(
        check="version",
        found=f"tables version {found}, as this signoff has",
        wrong=wrong,
        remedy="Bring it up to date: signoff store migrate",
    )


def _whole(store: Looked) -> Checked:
    marks = store.marks
    if FILLING in marks:
        other = marks[FILLING].other
        return Checked(
            check="whole",
            found="",
            wrong=[f"a move from {other} into it did not end"],
            remedy=f"Run it again: signoff store move --from {other} --to {store.url}",
        )
    if MOVED in marks:
        told = (
            f"moved to {marks[MOVED].other} on {marks[MOVED].at[:10]}: only there to be looked at"
        )
        return Checked(check="whole", found=told)
    return Checked(check="whole", found="nothing is moved from or to it")


def _tables(store: Looked) -> Checked:
    there = {table.name: {column.name for column in table.columns} for table in store.tables}
    wanted = _columns()
    wrong: list[str] = []
    for name in sorted(named(store.dialect, "TABLE") - {META}):
        if name not in there:
            if not _is_part(store, name):
                wrong.append(f"table {name} is missing")
            continue
        lacks = sorted(wanted.get(name, set()) - there[name])
        wrong += [f"column {column} of {name} is missing" for column in lacks]
    wrong += [f"{what} {name} is missing" for what, name in _lacking(store)]
    return Checked(
        check="tables",
        found=f"{count(len(there), 'table')} with their columns and indexes",
        wrong=wrong,
        remedy="Restore it from a backup.",
    )


def _is_part(store: Looked, name: str) -> bool:
    """Whether a table that the schema makes is there as a partition of another."""
    if store.dialect == "sqlite":
        return False
    found = store.run(
        "SELECT 1 FROM pg_class WHERE relnamespace = 'signoff'::regnamespace AND relname = %s", name
    )
    return bool(found)


def _columns() -> Mapping[str, set[str]]:
    """The columns of each table, which both dialects have alike."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(":memory:")) as built:
        for statement in schema("sqlite"):
            built.execute(statement)
        return {table.name: _names(table) for table in sqlite_tables(built)}


def _names(table: Table) -> set[str]:
    return {column.name for column in table.columns}


_THERE: Mapping[Dialect, str] = {
    "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'index'",
    "postgres": (
        "SELECT relname FROM pg_class WHERE relnamespace = 'signoff'::regnamespace "
        "UNION SELECT proname FROM pg_proc WHERE pronamespace = 'signoff'::regnamespace"
    ),
}


def _lacking(store: Looked) -> Iterator[tuple[str, str]]:
    there = {str(name).removeprefix("signoff_") for (name,) in store.run(_THERE[store.dialect])}
    for what in ("INDEX", "FUNCTION", "SEQUENCE"):
        for name in sorted(named(store.dialect, what) - there):
            yield what.lower(), name


def _ledger(store: Looked, tell: Tell) -> Checked:
    total = int(store.run(f"SELECT count(*) FROM {store.prefix}records")[0][0])
    done = 0

    def more(rows: int) -> None:
        nonlocal done
        done += rows
        tell("the ledger", done, total)

    verification = proof(Counted(store.connection, "records", more))
    faults = [
        f"{plain(fault.subject, 60)}{f', record {fault.seq}' if fault.seq else ''}: {fault.what}"
        for fault in verification.faults
    ]
    return Checked(
        check="ledger",
        found=(
            f"{count(verification.records, 'record')} of "
            f"{count(verification.subjects, 'subject')} prove root {verification.root[:16]}"
        ),
        wrong=faults,
        remedy="Compare with a backup, and with a root that was kept elsewhere.",
    )


def _partitions(store: Looked) -> Checked:
    size = partition_size(store.run)
    if not size:
        return Checked(check="partitions", found="none: the ledger is one table")
    room, number = room_ahead(store.run), len(partitions(store.run))
    wrong = [f"only {count(room, 'more record')} have a partition"] if room < size // 10 else []
    return Checked(
        check="partitions",
        found=f"{number:,} of {size:,} records; the next {room:,} have theirs",
        wrong=wrong,
        remedy="Have the owner of the tables make room: signoff store migrate",
    )


def _jobs(store: Looked) -> Checked:
    there = store.run(
        f"SELECT to_regnamespace('{JOBS_SCHEMA}') IS NOT NULL, "
        f"to_regclass('{JOBS_SCHEMA}.procrastinate_jobs') IS NOT NULL, "
        f"to_regclass('{JOBS_SCHEMA}.signoff_version') IS NOT NULL"
    )[0]
    if not any(there):
        return Checked(check="jobs", found="none: what is due is done by the runtimes themselves")
    remedy = "Bring them up to date: signoff store init --workers"
    if not all(there):
        lacks = [f"schema {JOBS_SCHEMA} is there, but its tables are not"]
        return Checked(check="jobs", found="", wrong=lacks, remedy=remedy)
    made: Any = store.run(f"SELECT version FROM {JOBS_SCHEMA}.signoff_version")
    said = made[0][0] if made else "no version"
    with suppress(PackageNotFoundError):
        has = version("procrastinate")
        if said != has:
            lacks = [f"their tables are of {said}, and procrastinate {has} is installed"]
            return Checked(check="jobs", found="", wrong=lacks, remedy=remedy)
    counts = store.run(
        f"SELECT status::text, count(*) FROM {JOBS_SCHEMA}.procrastinate_jobs GROUP BY 1 ORDER BY 1"
    )
    listed = ", ".join(f"{number:,} {status}" for status, number in counts)
    return Checked(check="jobs", found=f"procrastinate {said}; {listed or 'none waits'}")


def _sizes(store: Looked) -> Checked:
    found = sizes(store)
    if store.dialect == "sqlite":
        pages = store.run("PRAGMA page_count")[0][0] * store.run("PRAGMA page_size")[0][0]
        unused = store.run("PRAGMA freelist_count")[0][0] * store.run("PRAGMA page_size")[0][0]
        told = f"{pages:,} bytes, {unused:,} of them unused"
    else:
        told = f"{sum(found.values()):,} bytes"
    return Checked(check="size", found=told, sizes=found)
