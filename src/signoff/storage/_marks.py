"""What a store says of itself when it was copied: that it is not whole yet, or that it was moved.

Both stand in the table `meta`. A store that was moved refuses every write as well, by triggers: of
whoever had it open before, too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from signoff.errors import StoreMoved, StoreUnfinished

FILLING: Final = "filling"
MOVED: Final = "moved"

#: SQLSTATE of a write to a store that was moved.
REFUSED: Final = "SGN01"

#: How the refusal of a write begins, in either dialect.
SAYS: Final = "this store was moved to "

Run = Callable[..., list[tuple[object, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One end of a move.

    Attributes:
        move: Id of the move, the same at both ends.
        other: URL of the other store, without its password.
        at: When the mark was made.
    """

    move: str
    other: str
    at: str

    @property
    def text(self) -> str:
        """As it stands in the table."""
        return json.dumps(asdict(self))

    @property
    def refusal(self) -> str:
        """What a write to a store that was moved is told."""
        return (
            f"{SAYS}{self.other} on {self.at[:10]}, and is kept as it was then: work on "
            f"{self.other} instead"
        )


def marks(run: Run, meta: str) -> Mapping[str, Mark]:
    """The marks of a store, by their kind.

    Args:
        run: Runs a statement on it.
        meta: Name of its table `meta`.
    """
    rows = run(f"SELECT key, value FROM {meta} WHERE key IN ('{FILLING}', '{MOVED}')")
    return {str(kind): Mark(**json.loads(str(text))) for kind, text in rows}


def refuse_marked(run: Run, meta: str, where: str, *, works: bool) -> None:
    """Let nobody near what is not whole yet, and nobody work on what was moved.

    Args:
        run: Runs a statement on the store.
        meta: Name of its table `meta`.
        where: What it is called.
        works: Whether it is opened to be worked on, rather than to be looked at.

    Raises:
        StoreMoved: If it was moved, and is opened to be worked on.
        StoreUnfinished: If a move into it has not come to its end.
    """
    found = marks(run, meta)
    if FILLING in found:
        other = found[FILLING].other
        raise StoreUnfinished(
            f"{where} is not whole: a move from {other} fills it, or was interrupted. Wait for it, "
            f"or run it again: signoff store move --from {other} --to {where}"
        )
    if works and MOVED in found:
        other = found[MOVED].other
        raise StoreMoved(
            f"{where} was moved to {other} on {found[MOVED].at[:10]}: work on {other} instead. "
            "What is here is kept as it was, to be looked at"
        )


def refuse_marked_file(connection: sqlite3.Connection, path: str, *, works: bool) -> None:
    """See `refuse_marked`; a file that is still empty has no marks."""

    def run(sql: str) -> list[tuple[object, ...]]:
        return connection.execute(sql).fetchall()

    if run("SELECT 1 FROM sqlite_schema WHERE name = 'signoff_meta'"):
        refuse_marked(run, "signoff_meta", f"sqlite:///{path}", works=works)


def freeze_sqlite(tables: Iterable[str], mark: Mark) -> Iterator[str]:
    """The statements after which no table can be written to.

    Args:
        tables: Their full names.
        mark: Says where everything went.
    """
    told = _quoted(mark.refusal)
    for table in tables:
        for verb in ("INSERT", "UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_moved_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, {told}); END"
            )


def freeze_postgres(tables: Iterable[str], mark: Mark) -> Iterator[str]:
    """See `freeze_sqlite`."""
    yield (
        "CREATE FUNCTION signoff.refuse_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION USING ERRCODE = '{REFUSED}', MESSAGE = {_quoted(mark.refusal)}; END $$"
    )
    for table in tables:
        yield (
            f"CREATE TRIGGER moved BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION signoff.refuse_moved()"
        )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\\", "/").replace("$", "") + "'"
