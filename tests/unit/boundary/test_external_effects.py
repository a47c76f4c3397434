"""What to believe when an effect outside goes wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from deals import Deal, Offer, asked, lifecycle, running, selling, story

from signoff import (
    Committed,
    EffectRefused,
    External,
    Rejected,
    Runtime,
    Transactional,
    Unknown,
    Write,
)
from signoff.testing import FakeClock

FINE, DEAR = Offer(price=7), Offer(price=50)


class Shop:
    """Another system. What goes wrong with its calls, and its probe, is scripted call by call."""

    def __init__(
        self, *calls: str, probes: tuple[str, ...] = (), honours_keys: bool = False
    ) -> None:
        self._calls = list(calls)
        self._probes = list(probes)
        self._honours_keys = False
        self.sold: Counter[str] = Counter()
        self.calls = 0
        self.began = asyncio.Semaphore(0)

    async def sell(self, offer: Offer, deal: Deal, key: str) -> str:
        self.calls += 1
        self.began.release()
        trouble = self._calls.pop(0) if self._calls else "fine"
        if trouble == "refuses":
            raise EffectRefused("out_of_stock", "none left")
        if trouble == "fails before":
            raise ConnectionError("refused")
        if trouble == "hangs before":
            await asyncio.Event().wait()
        if not (self._honours_keys and self.sold[key]):
            self.sold[key] += 1
        if trouble == "fails after":
            raise ConnectionError("reset")
        if trouble == "hangs after":
            await asyncio.Event().wait()
        return f"sold under {key}"

    async def look(self, key: str) -> str | None:
        trouble = self._probes.pop(0) if self._probes else "fine"
        if trouble == "fails":
            raise ConnectionError("probe")
        if trouble == "hangs":
            await asyncio.Event().wait()
        return f"sold under {key}" if self.sold[key] else None

    def probed(self, **more: Any) -> External[Any, Any, Any]:
        return External(self.sell, reconcile=self.look, timeout=0.02, **more)

    def idempotent(self, **more: Any) -> External[Any, Any, Any]:
        self._honours_keys = True
        return External(self.sell, idempotent=True, timeout=0.02, **more)

    def neither(self, **more: Any) -> External[Any, Any, Any]:
        return External(self.sell, timeout=0.02, **more)


KEY = "deal.sell/d"

# calls, probes, how it is declared, outcome, how often it was sold
MATRIX: list[tuple[tuple[str, ...], tuple[str, ...], str, str, int]] = [
    ((), (), "probed", "Committed", 1),
    ((), (), "idempotent", "Committed", 1),
    ((), (), "neither", "Committed", 1),
    (("refuses",), (), "probed", "Rejected", 0),
    (("refuses",), (), "idempotent", "Rejected", 0),
    (("refuses",), (), "neither", "Rejected", 0),
    (("fails before",), (), "probed", "Committed", 1),
    (("fails before",), (), "idempotent", "Committed", 1),
    (("fails before",), (), "neither", "Unknown", 0),
    (("fails after",), (), "probed", "Committed", 1),
    (("fails after",), (), "idempotent", "Committed", 1),
    (("fails after",), (), "neither", "Unknown", 1),
    (("hangs before",), (), "probed", "Committed", 1),
    (("hangs before",), (), "idempotent", "Committed", 1),
    (("hangs before",), (), "neither", "Unknown", 0),
    (("hangs after",), (), "probed", "Committed", 1),
    (("hangs after",), (), "idempotent", "Committed", 1),
    (("hangs after",), (), "neither", "Unknown", 1),
    (("fails before",) * 2, (), "probed", "Rejected", 0),
    (("fails before",) * 2, (), "idempotent", "Unknown", 0),
    (("fails after",) * 2, (), "idempotent", "Unknown", 1),
    (("fails before", "refuses"), (), "probed", "Rejected", 0),
    (("fails after", "refuses"), (), "idempotent", "Unknown", 1),
    (("fails after",), ("fails", "fails"), "probed", "Unknown", 1),
    (("fails before",), ("hangs", "hangs"), "probed", "Unknown", 0),
    (("fails after",), ("hangs", "fine"), "probed", "Committed", 1),
]


@pytest.mark.parametrize(("calls", "probes", "declared", "outcome", "sold"), MATRIX)
def test_an_outcome_is_never_rounded(
    calls: tuple[str, ...], probes: tuple[str, ...], declared: str, outcome: str, sold: int
) -> None:
    async def main() -> None:
        shop = Shop(*calls, probes=probes)
        boundary = selling(FINE, commit=getattr(shop, declared)(tries=2))
        async with running() as runtime:
            ended = await runtime.run(boundary, Deal())
            assert type(ended).__name__ == outcome
            assert shop.sold[KEY] == sold
            assert await runtime.run(boundary, Deal()) == ended, "the same key, the same answer"
            assert asked(boundary) == 1
            assert (await story(runtime))[-1] == outcome.lower()
            waiting = [kind for kind, *_ in await runtime.ledger.pending()]
            assert waiting == (["effect"] if outcome == "Unknown" else [])
            if isinstance(ended, Committed):
                assert ended.receipt == f"sold under {KEY}"

    asyncio.run(main())


def test_an_effect_costs_two_transactions(sqlite_url: str) -> None:
    async def main() -> None:
        async with running(sqlite_url) as runtime:
            await runtime.run(selling(FINE, commit=Shop().probed()), Deal())
            assert runtime.ledger.commits == 2  # type: ignore[attr-defined]
            assert await story(runtime) == [
                "opened", "proposed", "judged", "intended", "committed",
            ]  # fmt: skip

    asyncio.run(main())


def test_a_plain_function_is_an_effect_without_promises() -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(FINE, commit=Shop("fails after").sell)
            assert isinstance(await runtime.run(boundary, Deal()), Unknown)

    asyncio.run(main())


def test_a_refusal_tells_every_objection_of_the_crossing() -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(DEAR, FINE, commit=Shop("refuses").neither())
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Rejected)
            assert [r.code for r in outcome] == ["over_limit", "out_of_stock"]
            assert (outcome.ended, outcome.attempts) == ("effect", 2)
            assert await runtime.run(boundary, Deal()) == outcome

    asyncio.run(main())


@pytest.mark.parametrize("happened", [True, False])
def test_an_unknown_outcome_is_settled_by_a_later_probe(happened: bool) -> None:
    async def main() -> None:
        clock = FakeClock()
        trouble = "fails after" if happened else "fails before"
        shop = Shop(trouble, probes=("fails",) * 5)
        boundary = selling(FINE, commit=shop.probed(tries=1))
        async with running(clock=clock) as runtime:
            assert isinstance(await runtime.run(boundary, Deal()), Unknown)
            await clock.advance(seconds=59)
            assert isinstance(await runtime.run(boundary, Deal()), Unknown)
            await clock.advance(hours=3)
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Committed)
            assert shop.sold[KEY] == 1
            assert (await story(runtime)).count("unknown") == 1
            assert (await story(runtime))[-2:] == ["reconciled", "committed"]
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


def test_an_unknown_outcome_without_a_probe_stays_unknown() -> None:
    async def main() -> None:
        clock = FakeClock()
        shop = Shop("fails after")
        boundary = selling(FINE, commit=shop.neither())
        async with running(clock=clock) as runtime:
            assert isinstance(await runtime.run(boundary, Deal()), Unknown)
            await clock.advance(days=3)
            assert isinstance(await runtime.run(boundary, Deal()), Unknown)
            assert shop.calls == 1
            assert (await story(runtime)).count("unknown") == 1

    asyncio.run(main())


def test_a_cancelled_caller_leaves_an_intent_that_the_same_key_finishes() -> None:
    async def main() -> None:
        shop = Shop("hangs after")
        boundary = selling(FINE, commit=External(shop.sell, reconcile=shop.look, timeout=None))
        async with running() as runtime:
            task = asyncio.create_task(runtime.run(boundary, Deal()))
            await shop.began.acquire()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await story(runtime))[-1] == "intended"
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Committed)
            assert shop.sold[KEY] == 1
            assert asked(boundary) == 1

    asyncio.run(main())


def test_an_intent_that_nobody_comes_back_for_is_finished_by_the_runner(store_url: str) -> None:
    async def main() -> None:
        shop = Shop("hangs before")
        boundary = selling(FINE, commit=External(shop.sell, reconcile=shop.look, timeout=None))
        async with running(store_url) as runtime:
            task = asyncio.create_task(runtime.run(boundary, Deal()))
            await shop.began.acquire()
            task.cancel()
        async with running(store_url, boundary) as runtime:
            await runtime.drain()
            assert isinstance(await runtime.outcome(boundary, KEY), Committed)
            assert shop.sold[KEY] == 1

    asyncio.run(main())


class Awkward:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    "receipt", [object, lambda: float("inf"), lambda: {1: {2}}, lambda: b"\xff", Awkward, _deep]
)
def test_whatever_an_effect_returns_its_commit_is_recorded(receipt: Callable[[], Any]) -> None:
    async def main() -> None:
        async def perform(offer: Offer, deal: Deal, key: str) -> Any:
            calls.append(key)
            return receipt()

        calls: list[str] = []
        effect = External(perform, name="outbox")

        def enqueue(offer: Offer, deal: Deal, write: Write[Deal]) -> str:
            return write.enqueue(effect, offer)

        async with running() as runtime:
            outside = selling(FINE, commit=perform)
            assert isinstance(await runtime.run(outside, Deal(), key="a"), Committed)
            assert isinstance(await runtime.run(outside, Deal(), key="a"), Committed)
            inside = selling(FINE, commit=Transactional(enqueue, effects=(effect,)))
            assert isinstance(await runtime.run(inside, Deal(), key="b"), Committed)
            await runtime.drain()
            assert calls == ["a", "b/outbox"]
            assert (await story(runtime))[-1] == "delivered"
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


# The outbox


def _enqueuing(*effects: External[Any, Any, Any]) -> Any:
    def apply(offer: Offer, deal: Deal, write: Write[Deal]) -> int:
        for effect in effects:
            write.enqueue(effect, offer)
        return offer.price

    return Transactional(apply, effects=effects)


def _named(name: str, shop: Shop, log: list[str], **more: Any) -> External[Any, Any, Any]:
    async def perform(offer: Offer, deal: Deal, key: str) -> str:
        log.append(name)
        return await shop.sell(offer, deal, key)

    return External(perform, name=name, tries=1, **more)


def test_the_outbox_is_delivered_in_order_even_when_the_first_effect_fails() -> None:
    async def main() -> None:
        clock = FakeClock()
        log: list[str] = []
        first = _named("first", Shop("fails before", "fails before"), log, idempotent=True)
        second = _named("second", Shop(), log)
        async with running(clock=clock) as runtime:
            await runtime.run(selling(FINE, commit=_enqueuing(first, second)), Deal())
            await runtime.drain()
            assert log == ["first"]
            await clock.advance(hours=1)
            assert log == ["first", "first", "first", "second"]
            assert (await story(runtime)).count("delivered") == 2

    asyncio.run(main())


def test_two_drains_at_once_deliver_an_effect_once() -> None:
    async def main() -> None:
        shop, log = Shop(), list[str]()
        slow = asyncio.Event()

        async def perform(offer: Offer, deal: Deal, key: str) -> str:
            await slow.wait()
            return await shop.sell(offer, deal, key)

        effects = [External(perform, name="slow"), _named("later", Shop(), log)]
        async with running() as runtime:
            for n in range(5):
                commit = _enqueuing(*effects)
                await runtime.run(selling(FINE, commit=commit), Deal(), key=f"k{n}")
            drains = [asyncio.create_task(runtime.drain()) for _ in range(5)]
            for _ in range(50):
                await asyncio.sleep(0)
            assert log == []
            slow.set()
            await asyncio.gather(*drains)
            assert set(shop.sold.values()) == {1}
            assert len(shop.sold) == len(log) == 5

    asyncio.run(main())


def test_an_effect_that_waits_for_its_turn_is_not_begun_by_somebody_else() -> None:
    """One slot, two intents that a dead process left, and a caller who asks for the second."""

    async def main() -> None:
        shop = Shop("hangs before", "hangs before")
        effect = External(shop.sell, reconcile=shop.look, timeout=None)
        storage_url = "sqlite://:memory:"
        boundary = selling(FINE, FINE, commit=effect)
        async with Runtime(storage_url, clock=FakeClock(), concurrency=1) as runtime:
            for n in range(2):
                task = asyncio.create_task(runtime.run(boundary, Deal(), key=f"k{n}"))
                await shop.began.acquire()
                task.cancel()
                await asyncio.wait([task])
            clock: Any = runtime.clock
            advancing = asyncio.create_task(clock.advance(minutes=6))
            outcomes = await asyncio.gather(
                *(runtime.run(boundary, Deal(), key=f"k{n}") for n in range(2))
            )
            await advancing
            assert [type(outcome) for outcome in outcomes] == [Committed, Committed]
            assert dict(shop.sold) == {"k0": 1, "k1": 1}

    asyncio.run(main())


def test_an_effect_without_promises_is_begun_at_most_once(store_url: str) -> None:
    async def main() -> None:
        shop = Shop("hangs after")
        effect = External(shop.sell, name="mail", timeout=None)
        boundary = selling(FINE, commit=_enqueuing(effect))
        async with running(store_url) as runtime:
            await runtime.run(boundary, Deal())
            drain = asyncio.create_task(runtime.drain())
            await shop.began.acquire()
            drain.cancel()
        async with running(store_url, boundary) as runtime:
            await runtime.drain()
            assert shop.calls == 1
            assert (await story(runtime))[-1] == "unknown"

    asyncio.run(main())


def test_an_undeclared_or_doubled_effect_is_a_mistake_of_the_code() -> None:
    async def main() -> None:
        effect = External(Shop().sell, name="mail")

        def undeclared(offer: Offer, deal: Deal, write: Write[Deal]) -> str:
            return write.enqueue(effect, offer)

        def doubled(offer: Offer, deal: Deal, write: Write[Deal]) -> str:
            return write.enqueue(effect, offer) + write.enqueue(effect, offer)

        async with running() as runtime:
            for commit in (Transactional(undeclared), Transactional(doubled, effects=(effect,))):
                with pytest.raises(Exception, match=r"not declared|twice"):
                    await runtime.run(selling(FINE, commit=commit), Deal())
            assert await story(runtime) == []

    asyncio.run(main())


def test_work_that_cannot_be_read_any_more_does_not_stop_the_rest(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        shop = Shop()
        boundary = selling(FINE, FINE, commit=_enqueuing(External(shop.sell, name="mail")))
        async with running(sqlite_url) as runtime:
            for key in ("broken", "fine"):
                await runtime.run(boundary, Deal(id=key), key=key)
            await runtime.ledger.transact(
                lambda tx: tx.execute(
                    "UPDATE signoff_effects SET payload = ? WHERE key LIKE 'broken%'",
                    ('{"proposal":0}',),
                )
            )
            await runtime.drain()
            assert dict(shop.sold) == {"fine/mail": 1}
            assert "broken" in caplog.text
            assert len(await runtime.ledger.pending()) == 1

    asyncio.run(main())


# On a spine


def test_a_row_is_held_while_its_effect_is_under_way_and_moves_with_it() -> None:
    async def main() -> None:
        shop = Shop("hangs before")
        machine = lifecycle()
        async with running() as runtime:
            handle = await runtime.start(machine, Deal())
            boundary = selling(FINE, commit=External(shop.sell, reconcile=shop.look, timeout=None))
            task = asyncio.create_task(runtime.advance(handle, "sold", through=boundary))
            await shop.began.acquire()
            await runtime.refresh(handle)
            assert (handle.state, bool(handle.pending)) == ("open", True)
            assert await runtime.move(handle, "lost", because="by hand") is False
            task.cancel()
            await asyncio.wait([task])
            assert isinstance(await runtime.advance(handle, "sold", through=boundary), Committed)
            assert (handle.state, handle.version, handle.pending) == ("sold", 2, "")

    asyncio.run(main())


def test_a_row_whose_effect_was_refused_is_free_again() -> None:
    async def main() -> None:
        async with running() as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            boundary = selling(FINE, commit=Shop("refuses").neither())
            assert isinstance(await runtime.advance(handle, "sold", through=boundary), Rejected)
            assert (handle.state, handle.pending) == ("open", "")
            assert await runtime.move(handle, "lost", because="none left")

    asyncio.run(main())


def test_a_row_whose_effect_is_in_doubt_stays_held_and_says_so() -> None:
    async def main() -> None:
        async with running() as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            doubtful = selling(FINE, commit=Shop("fails after").neither())
            assert isinstance(await runtime.advance(handle, "sold", through=doubtful), Unknown)
            other = await runtime.advance(handle, "lost", through=selling(FINE), key="another")
            assert isinstance(other, Rejected)
            assert (other.code, other.ended) == ("held", "stop")
            assert handle.pending

    asyncio.run(main())
