"""What the index answers, in whatever order and portions the records came."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.clock import stamp
from signoff.console.index import CrossingFilter, CrossingRow, Index, SubjectRow, _searching
from signoff.ledger import (
    Changed,
    Committed,
    Entry,
    Intended,
    Judged,
    Moved,
    Opened,
    Proposed,
    Record,
    Rejected,
    Resumed,
    Started,
    Suspended,
    TimerSet,
    Unknown,
    canonical,
)

DAY = datetime.fromisoformat("2026-03-01T00:00:00Z")

#: What happened: (seconds since the first day began, subject, crossing, record).
Happened = tuple[float, str, str, Record]


def entries(happened: Sequence[Happened]) -> list[Entry]:
    lengths: dict[str, int] = {}
    found: list[Entry] = []
    for position, (seconds, subject, crossing, record) in enumerate(happened, 1):
        lengths[subject] = lengths.get(subject, 0) + 1
        found.append(
            Entry(
                position=position,
                subject=subject,
                seq=lengths[subject],
                at=stamp(DAY + timedelta(seconds=seconds)),
                crossing=crossing,
                type=record.type,
                body=canonical(record.body()),
                hash=f"{position:064x}",
            )
        )
    return found


@contextmanager
def index_of(*portions: Sequence[Entry]) -> Iterator[Index]:
    with tempfile.TemporaryDirectory() as folder, closing(Index(Path(folder, "index"))) as index:
        for portion in portions:
            index.fold(portion)
        yield index


def begun(boundary: str, key: str, **more: Any) -> Opened:
    return Opened(boundary=boundary, key=key, subject={"id": key, **more.pop("about", {})}, **more)


def proposed(model: str, usd: float = 0.0) -> Proposed:
    return Proposed(attempt=1, fingerprint={"model": model}, proposal=1, usage={"usd": usd})


def objected(*codes: str) -> Judged:
    said = [{"code": code, "message": "no"} for code in codes]
    return Judged(attempt=1, accepted=not codes, rejections=said)


HOUR = 3600.0

STORY: list[Happened] = [
    (0, "s1", "a", begun("offer", "k1", strength=["policy", "durable"], verifiers=["old"])),
    (1, "s1", "a", proposed("small", 0.5)),
    (2, "s1", "a", objected("over_cap", "rude")),
    (10, "s1", "a", Committed()),
    (HOUR, "s2", "b", begun("offer", "k2", verifiers=["one"], controls=["kill_switch:desk"])),
    (HOUR + 1, "s2", "b", proposed("large", 0.25)),
    (HOUR + 1, "s2", "b", objected("over_cap")),
    (HOUR + 100, "s2", "b", Rejected(code="budget", ended="budget", attempts=1)),
    (26 * HOUR, "s3", "c", begun("offer", "k3", controls=["kill_switch:desk"])),
    (26 * HOUR, "s3", "c", Suspended(ticket="t", ask="dana", because="deep")),
    (27 * HOUR, "s30", "d", begun("close", "k4", about={"tenant": "acme"})),
    (27 * HOUR, "s30", "d", Intended(effect="mail", key="m")),
    (27 * HOUR, "s30", "d", Unknown(effect="mail", key="m", because="it died")),
    (27 * HOUR, "s30", "e", begun("close", "k5", about={"tenant": "acme"})),
]


def test_a_boundary_s_counts_codes_cost_and_wiring_are_those_of_its_records() -> None:
    with index_of(entries(STORY)) as index:
        assert index.hours() == ("2026-03-01T00", "2026-03-02T03")
        told = index.overview(["2026-03-01", "2026-03-02"], "2026-03-03")
        close, offer = told.boundaries
        assert (close.name, offer.name) == ("close", "offer")
        assert offer.counts == {
            "opened": 3, "attempts": 2, "committed": 1, "rejected": 1, "suspended": 1, "unknown": 0,
        }  # fmt: skip
        assert offer.series["opened"] == [2, 1]
        assert offer.series["suspended"] == [0, 1]
        assert offer.codes == [("over_cap", 2), ("rude", 1)]
        assert offer.usd == 0.75
        assert offer.model == "large"
        assert (offer.strength, offer.verifiers, offer.controls) == ([], [], ["kill_switch:desk"])
        assert close.counts["unknown"] == 1
        assert (close.p50, close.p99, close.model) == (None, None, "")


def test_the_quantiles_of_how_long_crossings_took_are_right_to_15_percent() -> None:
    lasted = [*range(1, 100), 5000]
    happened: list[Happened] = []
    for number, seconds in enumerate(lasted):
        happened.append((0, f"s{number}", f"c{number}", begun("offer", f"k{number}")))
        happened.append((seconds, f"s{number}", f"c{number}", Committed()))
    with index_of(entries(happened)) as index:
        [offer] = index.overview(["2026-03-01"], "2026-03-02").boundaries
        assert offer.p50 == pytest.approx(50, rel=0.15)
        assert offer.p99 == pytest.approx(99, rel=0.15)


def test_hours_of_a_stretch_of_time_count_only_what_happened_in_them() -> None:
    with index_of(entries(STORY)) as index:
        hours = ["2026-03-01T01", "2026-03-01T02"]
        close, offer = index.overview(hours, "2026-03-01T03").boundaries
        assert (offer.counts["opened"], offer.series["opened"]) == (1, [1, 0])
        assert offer.codes == [("over_cap", 1)]
        assert offer.p50 == pytest.approx(100, rel=0.15)
        assert not any(close.counts.values())
        assert all(len(line) == 2 for line in close.series.values())
        nothing = index.overview((), "")
        assert [boundary.name for boundary in nothing.boundaries] == ["close", "offer"]


@pytest.mark.parametrize(
    ("scope", "crossings", "subjects"),
    [
        ("everything", {"open": 1, "suspended": 1, "unknown": 1}, 2),
        ("tenant:acme", {"open": 1, "unknown": 1}, 1),
        ("tenant:ac", {}, 0),
        ("subject:s3", {"open": 1, "suspended": 1, "unknown": 1}, 2),
        ("subject:s30", {"open": 1, "unknown": 1}, 1),
        ("offer", {"suspended": 1}, 1),
        ("desk", {"suspended": 1}, 1),
        ("des", {}, 0),
    ],
)
def test_what_a_kill_would_stand_before_is_what_has_not_ended_in_its_scope(
    scope: str, crossings: dict[str, int], subjects: int
) -> None:
    with index_of(entries(STORY)) as index:
        found = index.in_flight(scope)
        assert (found.crossings, found.subjects) == (crossings, subjects)
        assert index.under_way() == {"close": {"open": 1, "unknown": 1}, "offer": {"suspended": 1}}


def test_subjects_stand_where_they_last_moved_and_the_last_that_did_anything_is_first() -> None:
    happened: list[Happened] = [
        (0, "s1", "", Started(machine="order", state="placed", version=1, subject={})),
        (1, "s2", "", Started(machine="order", state="placed", version=1, subject={})),
        (2, "s1", "", Moved(machine="order", source="placed", state="paid", version=2)),
        (3, "s1", "", TimerSet(version=2, timers=[])),
        (4, "other", "x", begun("offer", "k")),
    ]
    with index_of(entries(happened)) as index:
        other, one, two = index.subjects().rows
        assert (other.machine, other.state, other.version) == ("", "", 0)
        assert one == SubjectRow("s1", "order", "paid", 2, stamp(DAY + timedelta(seconds=3)), 4)
        assert two.state == "placed"
        assert index.subjects(state="order/paid").rows == [one]
        assert index.subjects(text="s").rows == [one, two]
        assert index.subjects(text="s", state="order/placed").rows == [two]
        assert index.facets().states == ["order/paid", "order/placed"]


# Any order, any portions

CODES = st.sampled_from(["over_cap", "rude"])
MODELS = st.sampled_from(["small", "large"])
USD = st.sampled_from([0.0, 0.25, 0.5])

STEPS = st.one_of(
    st.builds(proposed, MODELS, USD),
    st.builds(objected, CODES),
    st.builds(lambda code: Rejected(code=code, ended="x", attempts=1), CODES),
    st.sampled_from(
        [
            Committed(),
            Suspended(ticket="t", ask="dana", because="deep"),
            Resumed(ticket="t", answer="approved", by="dana"),
            Unknown(effect="mail", key="m", because="it died"),
        ]
    ),
)


@st.composite
def lives(draw: st.DrawFn) -> list[list[Happened]]:
    """Subjects, each with its records in order."""
    found: list[list[Happened]] = []
    for subject in range(draw(st.integers(1, 4))):
        name, version = f"s{subject}", 0
        life: list[Happened] = []
        for crossing in range(draw(st.integers(0, 3))):
            id, wired = f"{subject}{crossing}", draw(st.sampled_from(["one", "two"]))
            boundary = draw(st.sampled_from(["offer", "close"]))
            life.append((0, name, id, begun(boundary, f"k{id}", verifiers=[wired])))
            life += [(0, name, id, step) for step in draw(st.lists(STEPS, max_size=4))]
            if draw(st.booleans()):
                version += 1
                state = draw(st.sampled_from(["placed", "paid"]))
                moved = Changed(
                    machine="order", state=state, version=version, because="", subject={}
                )
                life.append((0, name, "", moved))
        hours = sorted(draw(st.lists(st.integers(0, 50), min_size=len(life), max_size=len(life))))
        found.append(
            [(hour * HOUR, *rest) for hour, (_, *rest) in zip(hours, life, strict=True)]  # type: ignore[misc]
        )
    return found


def shuffled(draw: st.DrawFn, chains: Sequence[Sequence[Any]]) -> list[Any]:
    """Everything in some order in which each chain keeps its own."""
    turns = [number for number, chain in enumerate(chains) for _ in chain]
    each = [iter(chain) for chain in chains]
    return [next(each[number]) for number in draw(st.permutations(turns))]


@st.composite
def told_twice(draw: st.DrawFn) -> tuple[list[Entry], list[list[Entry]]]:
    """A ledger, and the same in another order and in portions; each subject keeps its own."""
    ledger = entries(shuffled(draw, draw(lives())))
    chains: dict[str, list[Entry]] = {}
    for entry in ledger:
        chains.setdefault(entry.subject, []).append(entry)
    other: list[Entry] = shuffled(draw, [*chains.values()])
    cuts = sorted(draw(st.sets(st.integers(0, len(other)), max_size=5)) | {0, len(other)})
    return ledger, [other[a:b] for a, b in pairwise(cuts)]


def answers(index: Index) -> Any:
    days = [f"2026-03-0{day}" for day in (1, 2, 3)]
    hours = [f"2026-03-01T{hour:02}" for hour in range(24)]
    scopes = ("everything", "offer", "subject:s1")
    return (
        index.crossings(CrossingFilter()),
        [index.crossings(CrossingFilter(code=code)) for code in ("over_cap", "rude")],
        [index.crossings(CrossingFilter(boundary="offer", outcome=o)) for o in ("open", "unknown")],
        index.crossings(CrossingFilter(subject="s1", model="small", since="2026-03-02")),
        index.subjects(),
        index.subjects(state="order/paid"),
        index.facets(),
        index.hours(),
        index.overview(days, "2026-03-04"),
        index.overview(hours, "2026-03-02T00"),
        index.under_way(),
        [index.in_flight(scope) for scope in scopes],
        index.progress,
        set(index.missing),
    )


@settings(max_examples=60, deadline=None)
@given(told_twice())
def test_in_whatever_order_and_portions_records_come_the_index_says_the_same(
    told: tuple[list[Entry], list[list[Entry]]],
) -> None:
    ledger, portions = told
    if not ledger:
        return
    with index_of(ledger) as at_once, index_of(*portions) as late:
        assert answers(late) == answers(at_once)


#: What a search takes for few, so that each of its ways is gone.
WAYS = st.fixed_dictionaries(
    {
        "_FEW": st.sampled_from([0, 1000]),
        "_KINDS": st.sampled_from([0, 400]),
        "_READ": st.sampled_from([1, 30_000]),
        "_NEAR": st.sampled_from([3, 20_000]),
    }
)


@settings(max_examples=80, deadline=None)
@given(told_twice(), WAYS, st.data())
def test_every_search_finds_what_looking_at_all_crossings_finds(
    told: tuple[list[Entry], list[list[Entry]]], ways: dict[str, int], data: st.DataObject
) -> None:
    ledger, _ = told
    if not ledger:
        return
    pick = {
        "boundary": ["offer", "close"], "outcome": ["open", "committed", "rejected"],
        "code": ["over_cap", "rude"], "model": ["small"], "subject": ["s", "s1"],
        "text": ["0", "k", "k1"], "since": ["2026-03-02", "2026-03-01T05"], "until": ["2026-03-02"],
    }  # fmt: skip
    wanted = {name: data.draw(st.sampled_from(["", "", *values])) for name, values in pick.items()}
    with index_of(ledger) as index, pytest.MonkeyPatch.context() as patch:
        whole = index.crossings(CrossingFilter(), limit=1000).rows
        for name, value in ways.items():
            patch.setattr(_searching, name, value)
        assert [*paged(index, CrossingFilter(**wanted))] == [
            row
            for row in whole
            if all(wanted[name] in ("", getattr(row, name)) for name in KINDS)
            and row.subject.startswith(wanted["subject"])
            and (row.id.startswith(wanted["text"]) or row.key.startswith(wanted["text"]))
            and row.opened >= wanted["since"]
            and (not wanted["until"] or row.opened < wanted["until"])
        ]


KINDS = ("boundary", "outcome", "code", "model")


def paged(index: Index, wanted: CrossingFilter) -> Iterator[CrossingRow]:
    cursor = ""
    while True:
        page = index.crossings(wanted, cursor=cursor, limit=2)
        yield from page.rows
        cursor = page.cursor
        if not cursor:
            return
