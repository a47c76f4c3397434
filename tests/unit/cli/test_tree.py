"""`signoff ledger show --tree`: which crossing was a part of which."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fans import HOUR, NEVER, Case, Decision, Panel, owner, run_past_the_deadline
from typer.testing import CliRunner

from signoff import ledger
from signoff.boundary import Budget, crossing_id
from signoff.cli._app import wired
from signoff.coordination import Delegation, Part, ScatterGather, Specialist
from signoff.ledger import Entry
from signoff.reading import Chapter, crossing_tree, told
from signoff.runtime import Runtime


def _total(parts: Mapping[str, Part], case: Case) -> int:
    return sum(part.value.risk for part in parts.values())


def _sum(parts: Mapping[str, Part], case: Case) -> Decision:
    values = [part.value if isinstance(part.value, int) else part.value.risk
              for part in parts.values()]  # fmt: skip
    return Decision(risk=sum(values), by=list(parts))


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A delegation of a gather, a specialist that is rejected, and one that is late."""
    url = f"sqlite:///{tmp_path / 'signoff.db'}"
    panel = Panel(a=1, b=2, strict=5000, slow=NEVER)
    boundaries = dict(zip(panel.plan, panel.boundaries, strict=True))
    peers = ScatterGather("peers", [boundaries["a"], boundaries["b"]], aggregate=_total)
    thing = Delegation(
        owner(budget=Budget(attempts=1, seconds=None)),
        [Specialist(boundary=peers, weight=2), boundaries["strict"], boundaries["slow"]],
        merge=_sum,
        partial="drop",
        deadline=HOUR,
    )

    async def main() -> None:
        async with Runtime(url) as runtime:
            await run_past_the_deadline(runtime, thing, Case(), "peers", "strict")

    asyncio.run(main())
    return url


def _shown(store: str, *words: str) -> str:
    done = CliRunner().invoke(wired(), ["ledger", "show", *words, "--store", store])
    assert done.exit_code == 0, done.output
    return done.output


def test_parts_stand_below_what_they_are_parts_of(store: str) -> None:
    lines = [line.split() for line in _shown(store, "c", "--tree").splitlines() if line]
    assert lines[0] == ["c"]
    assert lines[1] == ["5", "crossings"]
    assert [(line[0], line[1]) for line in lines[3:]] == [
        ("k", "case.decide"),
        ("1/peers", "answered,"),
        ("1/a", "answered"),
        ("1/b", "answered"),
        ("1/slow", "late"),
        ("1/strict", "rejected"),
    ]
    assert lines[3][2:] == ["committed", "1", crossing_id("k")[:12]]
    assert lines[7] == ["1/slow", "late"]
    assert lines[8][2] == "(extreme)"


def test_the_tree_for_programs_has_everything(store: str) -> None:
    document = json.loads(_shown(store, "c", "--tree", "--json"))
    [root] = document["tree"]
    assert (root["boundary"], root["status"], root["parent"]) == ("case.decide", "committed", None)
    states = {part["name"]: part["state"] for part in root["parts"]}
    assert states == {"peers": "answered", "strict": "rejected", "slow": "late"}
    strict, peers = sorted(root["children"], key=lambda child: -len(child["key"]))
    assert peers["parent"] == root["crossing"]
    assert [child["key"] for child in peers["children"]] == ["k/1/peers/1/a", "k/1/peers/1/b"]
    assert strict["status"] == "rejected"
    only = json.loads(_shown(store, "--crossing", peers["crossing"], "--tree", "--json"))
    assert only["tree"] == [peers]


def test_the_story_tells_of_parts_and_parents(store: str) -> None:
    shown = " ".join(_shown(store, "c").split())  # however wide the terminal is
    assert f"as a part of crossing {crossing_id('k')[:12]}" in shown
    assert "peers answered, weight 2; slow late; strict rejected (extreme)" in shown


def test_many_parts_are_told_by_their_number() -> None:
    parts = {f"p{n}": {"state": "late" if n % 3 == 0 else "answered"} for n in range(1500)}
    record = ledger.Proposed(attempt=1, fingerprint={"model": "m"}, proposal=1, parts=parts)
    assert told(record.type, record.body())[-1] == ("asked", "1,500: 500 late, 1,000 answered")


# A ledger that was left in the middle, or altered


def _chapter(crossing: str, *records: tuple[str, Any]) -> Chapter:
    def entry(type: str) -> Entry:
        return Entry(position=1, subject="s", seq=1, at="2026-03-01T12:00:00.000000Z",
                     crossing=crossing, type=type, body="{}", hash="")  # fmt: skip

    return Chapter(crossing, [(entry(type), body) for type, body in records])


def _ids(nodes: Iterable[Any]) -> list[Any]:
    return [(node.crossing, _ids(node.children)) for node in nodes]


def test_parts_of_what_never_came_on_record_stand_alone() -> None:
    part = _chapter("b", ("opened", {"key": "k/1/b", "boundary": "b", "parent": "a"}))
    assert _ids(crossing_tree([part], {})) == [("b", [])]


def test_a_circle_is_no_end() -> None:
    chapters = [
        _chapter("a", ("opened", {"key": "k", "parent": "b"})),
        _chapter("b", ("opened", {"key": "k/1/b", "parent": "a"})),
        _chapter("c", ("opened", {"key": "k/1/c", "parent": "a"}), ("proposed", {"parts": 3})),
    ]
    assert {crossing for crossing, _ in _ids(crossing_tree(chapters, {}))} >= {"a", "b"}


def test_hostile_names_cannot_act_on_a_terminal() -> None:
    record = ledger.Proposed(
        attempt=1, fingerprint={"model": "m"}, proposal=1,
        parts={"\x1b[2J": {"state": "late", "code": "\x1b]0;x"}},
    )  # fmt: skip
    assert all(text.isprintable() for _, text in told(record.type, record.body()))
