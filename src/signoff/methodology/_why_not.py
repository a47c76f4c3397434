"""What would have to be different for another pattern to be chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations, product

from signoff.errors import UsageError
from signoff.methodology._decision_record import DecisionRecord
from signoff.methodology._line import Line
from signoff.methodology._markdown import said
from signoff.methodology._patterns import (
    DECIDED_BY,
    LEFT_OUT,
    NO_SPINE,
    NUMBERS,
    patterns,
    step_of,
    when_wrong,
)
from signoff.methodology._select import select
from signoff.methodology._span import spelled
from signoff.methodology._workload import PLANES, Contradiction, Workload

#: Answers that are changed at the same time, at most.
_MOST_CHANGES = 5

#: Answers that others depend on, so that one cannot change without the other.
_COUPLED = (
    *("horizon", "waits_on_the_outside", "longest_pause", "side_effects"),
    *("consequence", "peers_write", "partial_write_costs_more", "asked_who_decided"),
)

#: Ways that are told.
_MOST_WAYS = 5

_SPANS = {
    "horizon": (timedelta(seconds=10), timedelta(minutes=20), timedelta(days=30)),
    "longest_pause": (None, timedelta(minutes=10), timedelta(days=1)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One answer that would have to be another.

    Attributes:
        answer: Its name.
        now: What it is, in words.
        then: What it would have to be, in words.
    """

    answer: str
    now: str
    then: str

    def __str__(self) -> str:
        return f"{self.answer} = {self.then} (now {self.now})"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """Why a pattern was not chosen.

    Attributes:
        pattern: Which, such as `event log`.
        chosen: Whether it was, after all.
        because: Why, in a few words.
        expect: Codes of the signatures to expect if it were taken all the same.
        ways: The fewest changes with which it would be chosen, each way on its own; empty if no
            few changes would do.
    """

    pattern: str
    chosen: bool
    because: str
    expect: tuple[str, ...]
    ways: tuple[tuple[Change, ...], ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._told())

    def _told(self) -> Iterator[str]:
        if self.chosen:
            yield f"{_spoken(self.pattern)} is chosen: {self.because}"
            return
        pattern = _spoken(self.pattern.removeprefix("no "))
        without = self.pattern.startswith("no ")
        yield f"{pattern} is {'needed' if without else 'not chosen'}: {self.because}"
        for way in self.ways:
            yield f"  it would {'not be' if without else 'be'} with {' and '.join(map(str, way))}"
        taken = "left out" if without else "taken"
        yield f"  if it were {taken} all the same, expect {', '.join(self.expect)}"


def why_not(record: DecisionRecord, pattern: str) -> WhyNot:
    """Why a pattern was not chosen, and the fewest changes with which it would be.

    Every way is tried with `select` before it is told.

    Args:
        record: What was decided.
        pattern: Its name, such as `event log`, or its number, such as `P3`; `no delegation` asks
            what it would take to do without delegation.

    Raises:
        UsageError: If the method knows no such pattern.
    """
    pattern = _named(pattern)
    wanted, without = pattern.removeprefix("no "), pattern.startswith("no ")
    line = record.line(step_of(wanted) or "")
    if line is None:
        raise AssertionError(f"no line chooses {wanted}")
    found = next((each for each in line.alternatives if each.pattern == pattern), None)
    if found is None:
        because, expect = (line.because, line.expect) if without else _of_one(line, wanted)
        return WhyNot(pattern=pattern, chosen=True, because=because, expect=expect)

    def would_be(other: Workload) -> bool:
        told = select(other).line(line.title)
        return told is not None and (wanted in told.chosen) is not without

    return WhyNot(
        pattern=pattern,
        chosen=False,
        because=found.why_not,
        expect=found.expect,
        ways=_ways(record.workload, sorted(line.reads), would_be),
    )


def _of_one(line: Line, pattern: str) -> tuple[str, tuple[str, ...]]:
    """Why a line has a pattern, and what shows that it was wrong: of a line that may have two."""
    of_it = DECIDED_BY.get(pattern, ())
    held = [each.says for each in line.predicates if each.holds and each.name in of_it]
    return ", and ".join(held) or line.because, when_wrong(line.title, (pattern,))


def _named(pattern: str) -> str:
    word = _bare(pattern)
    if word in ("no spine", _bare(_spoken(NO_SPINE))):
        return NO_SPINE
    kind, rest = ("no ", word[3:]) if word.startswith("no ") else ("", word)
    if rest in PLANES:
        raise UsageError(
            f"{rest} is a plane of human in the loop: ask about that; which planes come later is "
            "the workload's `deferred`"
        )
    rest = {number.lower(): _bare(name) for name, number in NUMBERS.items()}.get(rest, rest)
    bare = {_bare(name): name for name in patterns()}
    near = [name for told, name in bare.items() if len(rest) > 2 and rest in told]
    if rest in bare:
        near = [bare[rest]]
    if len(near) != 1 or (kind and near[0] not in LEFT_OUT):
        every = ", ".join(map(_spoken, patterns()))
        without = ", ".join(f"no {name}" for name in LEFT_OUT)
        raise UsageError(f"the method knows no pattern {pattern!r}; it has {every}; and {without}")
    return f"{kind}{near[0]}"


def _bare(pattern: str) -> str:
    """However it is spelled: `Event-Log`, `event_log`."""
    return " ".join(pattern.lower().replace("_", " ").replace("-", " ").split())


def _spoken(pattern: str) -> str:
    return "no durable spine" if pattern == NO_SPINE else pattern


def _ways(
    workload: Workload, reads: list[str], would_be: Callable[[Workload], bool]
) -> tuple[tuple[Change, ...], ...]:
    """The ways of the fewest changes, each tried."""
    names = list(dict.fromkeys((*reads, *_COUPLED)))
    for number in range(1, _MOST_CHANGES + 1):
        found = [
            way
            for changed in combinations(names, number)
            for way in _tried(workload, changed, would_be)
        ]
        if found:
            return tuple(found[:_MOST_WAYS])
    return ()


def _tried(
    workload: Workload, names: tuple[str, ...], would_be: Callable[[Workload], bool]
) -> Iterator[tuple[Change, ...]]:
    for values in product(*(_others(workload, name) for name in names)):
        try:
            other = workload.changed(**dict(zip(names, values, strict=True)))
        except Contradiction:
            continue
        if would_be(other):
            yield tuple(
                Change(
                    answer=name,
                    now=_in_words(getattr(workload, name)),
                    then=_in_words(getattr(other, name)),
                )
                for name in names
            )


def _others(workload: Workload, name: str) -> tuple[object, ...]:
    now = getattr(workload, name)
    if name == "consequence":
        return tuple(word for word in ("minor", "financial", "legal") if word != now)
    if name == "deferred":
        return ()
    return tuple(value for value in _SPANS.get(name, (True, False)) if value != now)


def _in_words(answer: object) -> str:
    if isinstance(answer, timedelta):
        return spelled(answer)
    return said(answer if isinstance(answer, bool | str) else None)
