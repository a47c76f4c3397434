from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from bounded import PRINCIPALS
from fans import HOUR, NEVER, Case, Decision, Panel, run_past_the_deadline, settled, weigh

from signoff import Accept, Committed, Reject, Rejected, Runtime, Verdict
from signoff.boundary import Question
from signoff.control import Throttle
from signoff.coordination import Part, Peer, ScatterGather
from signoff.errors import UsageError
from signoff.state import StateMachine


def gather(panel: Panel, **more: Any) -> Any:
    options = {"aggregate": weigh, "deadline": HOUR, **more}
    return ScatterGather("case.gather", panel.boundaries, **options)


# Definitions


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"quorum": 3}, "quorum of 3 among 2"),
        ({"quorum": 0}, "quorum of 0"),
        ({"quorum": -1}, "quorum of -1"),
        ({"deadline": timedelta()}, "no time"),
        ({"aggregate": lambda parts, case: 1}, "cannot tell the type of its subject"),
    ],
)
def test_what_cannot_work_is_refused_at_once(more: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        gather(Panel(a=1, b=2), **more)


def test_an_aggregate_is_a_plain_function() -> None:
    async def aggregate(parts: Any, case: Case) -> Decision:
        return weigh(parts, case)

    with pytest.raises(UsageError, match="is async"):
        gather(Panel(a=1), aggregate=aggregate)


def test_two_peers_have_two_names() -> None:
    peer = Panel(a=1).boundary("a")
    with pytest.raises(UsageError, match="named a"):
        ScatterGather("g", [peer, peer], aggregate=weigh)
    both = ScatterGather("g", [peer, Peer(boundary=peer, name="b")], aggregate=weigh)
    assert [each.name for each in both.peers] == ["a", "b"]


# What becomes of it


def test_a_quorum_is_enough_at_the_deadline(store_url: str) -> None:
    async def main() -> None:
        panel = Panel(a=1, b=NEVER, c=3, d=5000)
        thing = gather(panel, quorum=2)
        async with Runtime(store_url) as runtime:
            outcome = await run_past_the_deadline(runtime, thing, Case(), "a", "c", "d")
            assert isinstance(outcome, Committed)
            assert outcome.receipt == Decision(risk=4, by=["a", "c"])
            states = {name: part["state"] for name, part in outcome.parts.items()}
            assert states == {"a": "answered", "b": "late", "c": "answered", "d": "rejected"}
        async with Runtime(store_url) as runtime:
            again = await runtime.run(thing, Case(), key="k")
            assert isinstance(again, Committed)
            assert again == outcome
        assert set(panel.asked.values()) == {1}

    asyncio.run(main())


def test_without_a_quorum_it_is_rejected_and_says_who_answered(store_url: str) -> None:
    async def main() -> None:
        panel = Panel(a=1, b=5000, c=ValueError())
        thing = gather(panel)
        async with Runtime(store_url) as runtime:
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Rejected)
            assert outcome.code == "no_quorum"
            assert outcome.rejections[-1].message == "1 of 3 answered, 3 are needed"
            assert outcome.parts["a"]["state"] == "answered"
            assert await runtime.run(thing, Case(), key="k") == outcome
        assert set(panel.asked.values()) == {1}

    asyncio.run(main())


def _as_text(parts: Mapping[str, Part], case: Case) -> str:
    return " and ".join(parts)


def _as_list(parts: Mapping[str, Part], case: Case) -> list[str]:
    return list(parts)


def _as_time(parts: Mapping[str, Part], case: Case) -> datetime:
    return datetime.fromisoformat("2026-01-01T00:00:00+00:00")


def _as_nothing(parts: Mapping[str, Part], case: Case) -> None:
    return None


@pytest.mark.parametrize("aggregate", [_as_text, _as_list, _as_time])
def test_an_aggregate_of_any_type_comes_back_as_it_was(aggregate: Any, store_url: str) -> None:
    async def main() -> None:
        thing = gather(Panel(a=1, b=2), aggregate=aggregate)
        expected = aggregate({"a": None, "b": None}, Case())
        for _ in range(2):
            async with Runtime(store_url) as runtime:
                outcome = await runtime.run(thing, Case(), key="k")
                assert isinstance(outcome, Committed)
                assert outcome.receipt == expected

    asyncio.run(main())


def test_nothing_is_no_result() -> None:
    async def main() -> None:
        async with Runtime("sqlite://:memory:") as runtime:
            outcome = await runtime.run(gather(Panel(a=1), aggregate=_as_nothing), Case())
            assert isinstance(outcome, Rejected)
            assert outcome.code == "malformed"

    asyncio.run(main())


def test_text_that_looks_like_json_stays_text() -> None:
    def aggregate(parts: Mapping[str, Part], case: Case) -> str:
        return '{"a": 1}'

    async def main() -> None:
        async with Runtime("sqlite://:memory:") as runtime:
            outcome = await runtime.run(gather(Panel(a=1), aggregate=aggregate), Case())
            assert isinstance(outcome, Committed)
            assert outcome.receipt == '{"a": 1}'

    asyncio.run(main())


def test_an_aggregate_has_to_pass_its_verifiers() -> None:
    def small(decision: Decision, case: Case) -> Verdict:
        return Accept() if decision.risk < 3 else Reject("large", "three is too much")

    async def main() -> None:
        async with Runtime("sqlite://:memory:") as runtime:
            outcome = await runtime.run(gather(Panel(a=1, b=2), verifiers=[small]), Case())
            assert isinstance(outcome, Rejected)
            assert outcome.code == "large"
            assert outcome.parts["b"]["state"] == "answered"

    asyncio.run(main())


def test_a_bounded_gather_is_still_a_gather() -> None:
    async def main() -> None:
        throttle: Any = Throttle(per_minute=1)
        panel = Panel(a=1, b=2)
        bounded = gather(panel).boundary.bounded_by(throttle)
        async with Runtime("sqlite://:memory:", principals=PRINCIPALS) as runtime:
            outcome = await runtime.run(bounded, Case(id="1"))
            assert isinstance(outcome, Committed)
            assert outcome.receipt == Decision(risk=3, by=["a", "b"])
            second = await runtime.run(bounded, Case(id="2"))
            assert isinstance(second, Rejected)
            assert second.ended == "halted"
            assert set(panel.asked.values()) == {1}

    asyncio.run(main())


def test_a_row_moves_through_a_gather(store_url: str) -> None:
    async def main() -> None:
        machine: Any = StateMachine("case", {"open": {"scored"}}, start="open", subject=Case)
        async with Runtime(store_url) as runtime:
            handle = await runtime.start(machine, Case())
            outcome = await runtime.advance(handle, "scored", through=gather(Panel(a=1, b=2)))
            assert isinstance(outcome, Committed)
            assert handle.state == "scored"

    asyncio.run(main())


def test_closing_the_runtime_stops_everybody(store_url: str) -> None:
    async def main() -> None:
        panel = Panel(a=1, b=NEVER)
        thing = gather(panel)
        async with Runtime(store_url) as runtime:
            running = asyncio.create_task(runtime.run(thing, Case(), key="k"))
            await settled(runtime, "k/1/a")
            while not panel.asked["b"]:  # noqa: ASYNC110  # nobody tells us
                await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await running
        panel.plan["b"] = [2]
        async with Runtime(store_url) as runtime:
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Committed)
            assert outcome.receipt.risk == 3
        assert panel.asked == {"a": 1, "b": 2}

    asyncio.run(main())


def test_a_thousand_peers_within_a_crash(sqlite_url: str) -> None:
    _a_thousand_peers(sqlite_url)


@pytest.mark.slow
def test_a_thousand_peers_within_a_crash_on_postgresql(postgres_database: str) -> None:
    _a_thousand_peers(postgres_database)


def _a_thousand_peers(url: str) -> None:
    names = [f"p{n:04}" for n in range(1000)]

    async def main() -> None:
        half = asyncio.Event()

        async def waits(question: Question[Case]) -> int:
            await half.wait()
            return 1

        plan = {name: waits if n % 2 else 1 for n, name in enumerate(names)}
        panel = Panel(**plan)
        thing = gather(panel)
        async with Runtime(url) as runtime:
            running = asyncio.create_task(runtime.run(thing, Case(), key="k"))
            for name in names[::2]:
                await settled(runtime, f"k/1/{name}")
            running.cancel()
        half.set()
        async with Runtime(url) as runtime:
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Committed)
            assert outcome.receipt == Decision(risk=1000, by=names)
            assert (await runtime.ledger.verify()).faults == ()
        assert panel.asked == {name: 2 if n % 2 else 1 for n, name in enumerate(names)}

    asyncio.run(main())
