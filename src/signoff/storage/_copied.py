"""What is copied from one store into another: which columns, and whether the other can hold it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from signoff.errors import BadInput, StorageUnavailable
from signoff.storage._catalog import Column, Table
from signoff.storage._sql import Dialect
from signoff.words import plain

Batch = Sequence[tuple[Any, ...]]

#: Bytes of a value that PostgreSQL is asked to take; it takes a row of a gibibyte, with escapes.
HUGE = 256 * 1024 * 1024

#: Rows, and characters, that are read and written at a time.
BATCH, WEIGHT = 1000, 8 * 1024 * 1024

#: Bytes of the columns of an index; a B-tree of PostgreSQL's refuses more than 2,704 a row.
_LONGEST_KEY = 2600

#: Characters below which no key can be so long.
_SHORT = 600

#: Values that a refusal names.
_NAMED = 5


def batched(fetch: Callable[[int], Batch]) -> Iterator[Batch]:
    """Rows, fewer at a time where they are heavy."""
    size = 16
    while batch := fetch(size):
        yield batch
        heaviest = max(sum(len(v) for v in row if isinstance(v, str)) for row in batch)
        size = max(1, min(BATCH, size * 4, WEIGHT // (heaviest + 1)))


@dataclass(frozen=True, slots=True)
class Pair:
    """A table at both ends.

    Attributes:
        source: Where its rows are read.
        destination: Where they are written.
        columns: Of each column that is copied, how it is made there and here.
    """

    source: Table
    destination: Table
    columns: Sequence[tuple[Column, Column]]

    @property
    def names(self) -> list[str]:
        """The columns that are copied."""
        return [column.name for column, _ in self.columns]

    def read(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Rows of the source, in values that both dialects have: a truth is 0 or 1."""
        return _turned(batches, [source.kind == "boolean" for source, _ in self.columns], int)

    def written(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Such rows, as the destination takes them."""
        return _turned(batches, [there.kind == "boolean" for _, there in self.columns], bool)

    def read_back(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Rows of the destination, in values that both dialects have."""
        return _turned(batches, [there.kind == "boolean" for _, there in self.columns], int)


def _turned(
    batches: Iterable[Batch], which: Sequence[bool], turn: Callable[[Any], Any]
) -> Iterator[Batch]:
    if not any(which):
        yield from batches
        return
    for batch in batches:
        yield [
            tuple(
                turn(value) if it and value is not None else value
                for value, it in zip(row, which, strict=True)
            )
            for row in batch
        ]


def pairs(source: Sequence[Table], destination: Sequence[Table]) -> list[Pair]:
    """The tables that both have, with the columns that are copied.

    Raises:
        StorageUnavailable: If the destination has no place for something.
    """
    there = {table.name: table for table in destination}
    paired: list[Pair] = []
    for table in source:
        other = there.get(table.name)
        if other is None:
            raise StorageUnavailable(f"the destination has no table for {table.name}")
        columns = {column.name: column for column in other.columns}
        lacking = [column.name for column in table.columns if column.name not in columns]
        had = {column.name for column in table.columns}
        lacking += [c.name for c in other.columns if c.name not in had and not c.optional]
        if lacking:
            raise StorageUnavailable(
                f"{table.name} has other columns there: {', '.join(lacking)}. Bring both stores to "
                "one version: signoff store migrate"
            )
        both = [(column, columns[column.name]) for column in table.columns]
        paired.append(Pair(table, other, both))
    return paired


@dataclass(slots=True)
class Tally:
    """Rows that were seen, in whatever order.

    The digest is the sum of the SHA-256 of each row, modulo 2^256: it does not depend on the order,
    and two tables with the same rows have the same.
    """

    rows: int = 0
    total: int = 0

    def take(self, told: str) -> None:
        """Take a row, as `repr` tells it."""
        self.rows += 1
        one = hashlib.sha256(told.encode()).digest()
        self.total = (self.total + int.from_bytes(one)) & ((1 << 256) - 1)

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return f"{self.total:064x}"


def tally(batches: Iterable[Batch], tell: Callable[[int], object]) -> Tally:
    """Count and digest rows; `tell` hears of how many more, batch by batch."""
    counted = Tally()
    for batch in batches:
        for row in batch:
            counted.take(repr(row))
        tell(len(batch))
    return counted


@dataclass(slots=True)
class Hostile:
    """Looks for what the destination cannot hold.

    Args:
        dialect: Of the destination.
        source: What the store is called that it is read from.
    """

    dialect: Dialect
    source: str
    number: int = 0
    named: list[str] = field(default_factory=list[str])

    def examine(self, pair: Pair, batches: Iterable[Batch], tell: Callable[[int], object]) -> Tally:
        """Count and digest rows, and remember which cannot be held."""
        if self.dialect == "sqlite":
            return tally(batches, tell)
        counted, names = Tally(), pair.names
        keys = [
            [names.index(name) for name in key if name in names] for key in pair.destination.keys
        ]
        keyed = sorted({at for key in keys for at in key})
        small = [at for at, (_, column) in enumerate(pair.columns) if _narrow(column)]
        for batch in batches:
            for row in batch:
                told = repr(row)
                counted.take(told)
                # What is written as such in a text is told with two strokes, and looked at, too.
                if "\\x00" in told or len(told) > HUGE // 4:
                    self._texts(pair, row)
                if any(isinstance(row[at], str) and len(row[at]) > _SHORT for at in keyed):
                    self._keys(pair, row, keys)
                for at in small:
                    value = row[at]
                    if value is not None and not -(1 << 31) <= value < 1 << 31:
                        self._note(pair, row, at, "is a number of more than 32 bits")
            tell(len(batch))
        return counted

    def _texts(self, pair: Pair, row: tuple[Any, ...]) -> None:
        for at, value in enumerate(row):
            if not isinstance(value, str):
                continue
            if "\0" in value:
                self._note(pair, row, at, "has a NUL character in it")
            elif len(value) > HUGE // 4 and len(value.encode()) > HUGE:
                self._note(pair, row, at, f"has more than {HUGE // 2**20} MiB")

    def _keys(self, pair: Pair, row: tuple[Any, ...], keys: Sequence[Sequence[int]]) -> None:
        for key in keys:
            texts = [row[at] for at in key if isinstance(row[at], str)]
            if sum(len(text.encode()) for text in texts) > _LONGEST_KEY:
                longest = max(key, key=lambda at: len(str(row[at])))
                self._note(
                    pair, row, longest, f"is longer than {_LONGEST_KEY:,} bytes, in an index"
                )
                return

    def _note(self, pair: Pair, row: tuple[Any, ...], at: int, what: str) -> None:
        self.number += 1
        if len(self.named) < _NAMED:
            column = pair.columns[at][0].name
            where = plain(str(row[0]), 40)
            self.named.append(f"{column} of {pair.source.name} {where!r} {what}")

    def refuse(self) -> None:
        """Say what cannot be held, if anything.

        Raises:
            BadInput: With the first of it.
        """
        if not self.number:
            return
        more = self.number - len(self.named)
        raise BadInput(
            f"nothing was copied: {self.source} holds what PostgreSQL cannot: "
            + "; ".join(self.named)
            + (f"; and {more:,} more" if more else "")
            + ". It can be moved into another SQLite file, but not there"
        )


def _narrow(column: Column) -> bool:
    return column.kind == "integer" and column.bits <= 32
