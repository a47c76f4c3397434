"""Moving a store into another database: copied whole, proved there, and only then worked there.

The order of the steps is what a process that is killed leaves behind: the destination says that it
is not whole before anything is in it, and until the source says that it was moved. At no time may
both be worked on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from signoff.clock import SystemClock, stamp
from signoff.errors import BadInput, StorageUnavailable, UsageError
from signoff.ledger import Verification
from signoff.storage._copied import Hostile, Pair, Tally, pairs, tally
from signoff.storage._marks import FILLING, MOVED, Mark
from signoff.storage._moving_sqlite import SQLiteEnd
from signoff.storage._open import storage_at
from signoff.storage._sqlite import SQLiteStorage
from signoff.words import count

if TYPE_CHECKING:
    from signoff.storage._moving_postgres import PostgresEnd

End: TypeAlias = Union[SQLiteEnd, "PostgresEnd"]

#: Called with (what is done now, rows so far, rows in all).
Tell = Callable[[str, int, int], object]

#: What a switch is set to when nobody has set it.
_UNSET = ("[]", "{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a move came to.

    Attributes:
        source: URL of the store that was read, without its password.
        destination: URL of the store that holds everything now.
        rows: Rows of each table.
        digests: SHA-256 of each table's rows, in whatever order, added up.
        verification: What both ledgers prove.
        copied: Whether the source can still be worked on.
        others: Tables beside the store that are not ours, and were left where they are.
    """

    source: str
    destination: str
    rows: Mapping[str, int]
    digests: Mapping[str, str]
    verification: Verification
    copied: bool
    others: Sequence[str]


def move(
    source: str,
    destination: str,
    *,
    copy: bool = False,
    again: bool = False,
    faulty: bool = False,
    tell: Tell = lambda what, done, total: None,
    step: Callable[[str], object] = lambda name: None,
) -> Moved:
    """Copy everything from one store into another, empty one, and prove that it is the same.

    Whatever happens meanwhile, run the same again: it begins anew, or only ends what was left.

    Args:
        source: URL of the store that is read. No runtime may have it.
        destination: URL of the store that is filled; it is made if it is not there.
        copy: Leave the source as it is, to be worked on as before; otherwise it is only there to be
            looked at afterwards.
        again: Fill a destination anew that a move from elsewhere left unfinished.
        faulty: Move a ledger that is not intact, with its faults.
        tell: Hears how far it has come.
        step: Called before every step; for tests that kill it there.

    Raises:
        BadInput: If the source holds what the destination cannot, or is not intact.
        StoreInUse: If a runtime has one of them.
        StorageUnavailable: If one of them cannot be used, or the copy is not the same.
        UsageError: If both are one, or one of them is in memory.
    """
    there = _end(destination, step)
    here = _end(source, step)
    if here.url == there.url or _same_file(here, there):
        raise UsageError(f"{here} and {there} are the same store")
    with ExitStack() as stack:
        stack.enter_context(here.opened(makes=False))
        stack.enter_context(there.opened(makes=True))
        return _Move(here, there, copy=copy, again=again, faulty=faulty, tell=tell).run()


def _end(url: str, step: Callable[[str], object]) -> End:
    storage = storage_at(url)
    if isinstance(storage, SQLiteStorage):
        if storage.path == ":memory:":
            raise UsageError("a store in memory ends with its process: it cannot be moved")
        return SQLiteEnd(storage.path, step)
    from signoff.storage._moving_postgres import PostgresEnd

    return PostgresEnd(url, step)


def _same_file(here: End, there: End) -> bool:
    if not isinstance(here, SQLiteEnd) or not isinstance(there, SQLiteEnd):
        return False
    one, other = Path(here.path), Path(there.path)
    return one.exists() and other.exists() and one.samefile(other)


@dataclass(slots=True)
class _Seen:
    """What is in a store: compared, it tells whether two hold the same."""

    tallies: Mapping[str, Tally]
    verification: Verification


class _Move:
    def __init__(
        self, here: End, there: End, *, copy: bool, again: bool, faulty: bool, tell: Tell
    ) -> None:
        self._here = here
        self._there = there
        self._copy = copy
        self._again = again
        self._faulty = faulty
        self._tell = tell

    def run(self) -> Moved:
        here, there = self._here, self._there
        here.begin()
        try:
            here.refuse_company()
            went, left = self._went(), there.marks().get(FILLING)
            paired = pairs(here.tables(), there.tables())
            total = sum(here.count(pair.source) for pair in paired)
            ends = went is not None and left is not None and went.move == left.move
            if not ends:
                self._check_empty(paired, went, left)
            seen = self._examine(paired, total)
            if not ends:
                self._fill(paired, seen, total, fresh=left is None)
            self._compare(paired, seen, total)
            self._let_go(ends=ends)
        except BaseException:
            here.rollback()
            raise
        there.unmark(FILLING)
        return Moved(
            source=here.url,
            destination=there.url,
            rows={name: each.rows for name, each in seen.tallies.items()},
            digests={name: each.digest for name, each in seen.tallies.items()},
            verification=seen.verification,
            copied=self._copy,
            others=here.others(),
        )

    def _went(self) -> Mark | None:
        """The mark of a source that was moved before."""
        found = self._here.marks()
        if FILLING in found:
            raise StorageUnavailable(
                f"{self._here} is not whole itself: a move from {found[FILLING].other} did not end"
            )
        return found.get(MOVED)

    def _check_empty(self, paired: Sequence[Pair], went: Mark | None, left: Mark | None) -> None:
        here, there = self._here, self._there
        if went is not None and not self._copy:
            raise StorageUnavailable(
                f"{here} was moved to {went.other} on {went.at[:10]} already: move that one, or "
                "take a copy of this one with --copy"
            )
        if MOVED in there.marks():
            raise StorageUnavailable(f"{there} was moved elsewhere: give an empty database")
        if left is not None:
            if left.other != here.url and not self._again:
                raise StorageUnavailable(
                    f"{there} is half filled by a move from {left.other}: end that one, or fill it "
                    "anew from here with --again"
                )
            return
        for pair in paired:
            held = there.count(pair.destination)
            if held and pair.source.name == "switches":
                rows = there.rows(pair.destination, ["state"])
                held = sum(state not in _UNSET for batch in rows for (state,) in batch)
            if held:
                raise StorageUnavailable(
                    f"{there} is not empty, its table {pair.source.name} has "
                    f"{count(held, 'row')}: give an empty database"
                )

    def _examine(self, paired: Sequence[Pair], total: int) -> _Seen:
        """Look through the source, before anything is written anywhere."""
        here = self._here
        hostile = Hostile(self._there.dialect, here.url)
        with self._bar("looking through the source", total) as more:
            tallies = {
                pair.source.name: hostile.examine(
                    pair, pair.read(here.rows(pair.source, pair.names)), more
                )
                for pair in paired
            }
        hostile.refuse()
        self._tell("proving the source", 0, 0)
        verification = here.prove()
        if verification.faults and not self._faulty:
            fault = verification.faults[0]
            raise BadInput(
                f"nothing was copied: the ledger of {here} is not intact "
                f"({count(len(verification.faults), 'fault')}, the first: {fault.subject}, record "
                f"{fault.seq}: {fault.what}). See `signoff ledger verify`; --faulty moves it as "
                "it is"
            )
        return _Seen(tallies, verification)

    def _fill(self, paired: Sequence[Pair], seen: _Seen, total: int, *, fresh: bool) -> None:
        here, there = self._here, self._there
        mark = Mark(move=secrets.token_hex(16), other=here.url, at=stamp(SystemClock().now()))
        there.mark(FILLING, mark)
        try:
            # With the mark in place no runtime comes; whoever came before it is seen now.
            there.refuse_company()
            there.begin()
            try:
                counters = here.counters()
                there.make_room(counters)
                there.clear([pair.destination for pair in paired])
                with self._bar("copying", total) as more:
                    for pair in paired:
                        rows = here.rows(pair.source, pair.names)
                        there.write(pair.destination, pair.names, pair.written(_heard(rows, more)))
                there.set_counters(counters, max(here.owner(), self._owners(paired)))
                there.commit()
            except BaseException:
                there.rollback()
                raise
        except BaseException:
            if fresh:
                # Nothing is in it, as before. Without its database it stays marked.
                with suppress(StorageUnavailable):
                    there.unmark(FILLING)
            raise

    def _owners(self, paired: Sequence[Pair]) -> int:
        """The highest number of a run that anything was in the hands of."""
        return max(
            (
                row[0] or 0
                for pair in paired
                if "owner" in pair.names
                for batch in self._here.rows(pair.source, ["owner"])
                for row in batch
            ),
            default=0,
        )

    def _compare(self, paired: Sequence[Pair], seen: _Seen, total: int) -> None:
        """Read the destination as anybody would, and recompute it."""
        with self._there.read_anew() as there:
            with self._bar("comparing", total) as more:
                tallies = {
                    pair.source.name: tally(
                        pair.read_back(there.rows(pair.destination, pair.names)), more
                    )
                    for pair in paired
                }
            self._tell("proving the destination", 0, 0)
            verification = there.prove()
        for name, each in seen.tallies.items():
            if tallies[name] != each:
                raise StorageUnavailable(
                    f"the copy in {self._there} is not the same: {name} has "
                    f"{count(tallies[name].rows, 'row')} with digest {tallies[name].digest[:16]}, "
                    f"not {each.rows:,} with {each.digest[:16]}. It stays closed; "
                    "run the same again"
                )
        if verification != seen.verification:
            raise StorageUnavailable(
                f"the ledger in {self._there} does not prove what that of {self._here} proves "
                f"(root {verification.root[:16]}, not {seen.verification.root[:16]}). It stays "
                "closed; run the same again"
            )

    def _let_go(self, *, ends: bool) -> None:
        """The source first: were it the other way round, both could be worked on for a moment."""
        here, there = self._here, self._there
        if self._copy or ends:
            here.rollback()
            return
        mark = there.marks()[FILLING]
        gone = replace(mark, other=there.url, at=stamp(SystemClock().now()))
        here.mark(MOVED, gone)
        here.freeze(gone)
        here.commit()

    @contextmanager
    def _bar(self, what: str, total: int) -> Generator[Callable[[int], None]]:
        done = 0

        def more(rows: int) -> None:
            nonlocal done
            done += rows
            self._tell(what, done, total)

        self._tell(what, 0, total)
        yield more


def _heard(
    batches: Iterator[Sequence[tuple[object, ...]]], more: Callable[[int], None]
) -> Iterator[Sequence[tuple[object, ...]]]:
    for batch in batches:
        yield batch
        more(len(batch))
