"""Children are started again one by one, counted in a window, and given up once."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.clock import SystemClock, stamp
from signoff.control import _pulse
from signoff.control._heartbeat import Heartbeat
from signoff.control._letting_go import described
from signoff.control._supervisor import (
    Backoff,
    Child,
    Escalated,
    Supervisor,
    after_failure,
)
from signoff.errors import NotRegistered, StorageUnavailable, UsageError
from signoff.testing import FakeClock

EPOCH = FakeClock.epoch
MINUTE = timedelta(minutes=1)
QUICK = Backoff(first=timedelta(milliseconds=1), most=timedelta(milliseconds=2))


class Waits(FakeClock):
    """A fake clock on which pausing takes as long as it says."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    async def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        await asyncio.sleep(0)
        await self.advance(seconds=seconds)


class Rows:
    """A store of heartbeats that can fail."""

    def __init__(self, *, fails: Callable[[Heartbeat], BaseException | None] | None = None) -> None:
        self.beats: list[Heartbeat] = []
        self.fails = fails

    async def beat(self, heartbeat: Heartbeat) -> None:
        await asyncio.sleep(0)
        error = self.fails(heartbeat) if self.fails else None
        if error is not None:
            raise error
        self.beats.append(heartbeat)

    def states(self, child: str) -> list[str]:
        """Without the repetitions."""
        of = (beat.state for beat in self.beats if beat.child == child)
        return [state for state, _ in groupby(of)]

    def last(self, child: str) -> Heartbeat:
        return [beat for beat in self.beats if beat.child == child][-1]


class Worker:
    """Fails as scripted, once per start, and then does its work."""

    def __init__(self, *errors: BaseException) -> None:
        self.starts = 0
        self.errors = list(errors)
        self.worked = False

    async def __call__(self) -> None:
        self.starts += 1
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        self.worked = True


class Forever:
    """Works until it is cancelled."""

    def __init__(self) -> None:
        self.starts = 0
        self.let_go = False
        self.started = asyncio.Event()

    async def __call__(self) -> None:
        self.starts += 1
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.let_go = True


def crash() -> Worker:
    return Worker(*[ValueError(f"no {number}") for number in range(1000)])


def texts(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - conditions of every kind, and no hook in the library
        await asyncio.sleep(0.001)


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Deciding

spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))
windows = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=30))
backoffs = st.tuples(windows, windows).map(lambda two: Backoff(first=min(two), most=max(two)))
chances = st.floats(0, 1)


@given(st.lists(spans, min_size=1), st.integers(0, 10), windows, backoffs, chances)
def test_the_wait_is_within_the_jitter(
    ages: list[timedelta], max_restarts: int, within: timedelta, backoff: Backoff, chance: float
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    failures = [*(now - age for age in ages), now]
    rules: Any = {"max_restarts": max_restarts, "within": within, "backoff": backoff}
    recent = 1 + sum(age < within for age in ages)
    wait = after_failure(failures, chance=chance, **rules)
    if recent > max_restarts:
        assert wait is None
        return
    assert wait is not None
    most = after_failure(failures, chance=1, **rules)
    assert most is not None
    assert after_failure(failures, chance=0, **rules) == 0
    assert 0 <= wait <= most <= backoff.most.total_seconds()
    first = backoff.first.total_seconds()
    assert most == min(first * 2 ** (recent - 1), backoff.most.total_seconds())


@given(st.lists(windows, min_size=1, max_size=50), st.integers(1, 5), windows)
def test_failures_further_apart_than_the_window_never_escalate(
    gaps: list[timedelta], max_restarts: int, within: timedelta
) -> None:
    failures = [EPOCH]
    for gap in gaps:
        failures.append(failures[-1] + within + gap)
        rules: Any = {"max_restarts": max_restarts, "within": within}
        wait = after_failure(failures, backoff=Backoff(), chance=1, **rules)
        assert wait == Backoff().longest(1)


@given(st.lists(spans, min_size=1), st.integers(0, 5), windows)
def test_the_last_few_failures_are_enough_to_decide(
    gaps: list[timedelta], max_restarts: int, within: timedelta
) -> None:
    failures = [EPOCH]
    for gap in gaps:
        failures.append(failures[-1] + gap)
    rules: Any = {"max_restarts": max_restarts, "within": within, "backoff": Backoff()}
    last = failures[-max_restarts - 1 :]
    assert after_failure(failures, chance=1, **rules) == after_failure(last, chance=1, **rules)


def test_a_clock_that_was_set_back_forgets_what_is_far_away() -> None:
    rules: Any = {"max_restarts": 1, "within": MINUTE, "backoff": Backoff(), "chance": 1}
    assert after_failure([EPOCH + timedelta(hours=1), EPOCH], **rules) is not None
    assert after_failure([EPOCH + timedelta(seconds=1), EPOCH], **rules) is None


@given(st.integers(1, 10**9))
def test_a_backoff_grows_to_its_limit_and_no_further(failures: int) -> None:
    longest = Backoff().longest
    assert 0.1 <= longest(failures) <= longest(failures + 1) <= 30


# Restarting


def test_what_crashes_once_is_started_again_and_the_others_do_not_notice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inbox, other = Worker(ConnectionError("gone")), Worker()
    supervisor = Supervisor({"inbox": inbox, "other": other}, backoff=QUICK)
    asyncio.run(supervisor.run())
    assert (inbox.starts, inbox.worked, other.starts, other.worked) == (2, True, 1, True)
    assert not supervisor.given_up
    (warning,) = texts(caplog, logging.WARNING)
    assert warning.startswith("inbox failed: ConnectionError: gone; it is started again in 0.00")


def test_waits_double_up_to_the_limit_and_chance_comes_in_by_the_front_door() -> None:
    async def waits(chance: Callable[[], float]) -> list[float]:
        clock = Waits()
        backoff = Backoff(first=timedelta(seconds=1), most=timedelta(seconds=6))
        await Supervisor(
            [Child("inbox", crash())], clock=clock, backoff=backoff, chance=chance, within=MINUTE
        ).run()
        return clock.waited

    draws: Iterator[float] = iter([0.5, 0.25, 0, 1, 0.5, 0.5])
    assert asyncio.run(waits(lambda: 1)) == [1, 2, 4, 6, 6]
    assert asyncio.run(waits(lambda: next(draws))) == [0.5, 0.5, 0, 6, 3]


@pytest.mark.parametrize("max_restarts", [0, 1, 5])
def test_what_always_crashes_is_given_up_once_and_the_others_finish(
    max_restarts: int, caplog: pytest.LogCaptureFixture
) -> None:
    inbox, rows, clock = crash(), Rows(), FakeClock()
    told: list[Escalated] = []
    finish = asyncio.Event()

    async def escalate(escalated: Escalated) -> None:
        assert escalated.child in supervisor.given_up
        told.append(escalated)
        finish.set()

    async def patient() -> None:
        await finish.wait()

    supervisor = Supervisor(
        {"inbox": inbox, "patient": patient},
        max_restarts=max_restarts,
        clock=clock,
        heartbeats=rows,
        on_escalation=escalate,
    )
    asyncio.run(supervisor.run())
    assert inbox.starts == max_restarts + 1
    (escalated,) = told
    assert supervisor.given_up == {"inbox": escalated}
    assert (escalated.child, escalated.restarts, escalated.at) == ("inbox", max_restarts, EPOCH)
    assert str(escalated.error) == f"no {max_restarts}"
    assert rows.states("inbox") == ["running", "restarting"] * max_restarts + [
        "running",
        "given_up",
    ]
    assert rows.states("patient") == ["running", "stopped"]
    assert len(texts(caplog, logging.WARNING)) == max_restarts
    (error,) = texts(caplog, logging.ERROR)
    assert error == (
        f"inbox is given up, having failed more than {max_restarts} times within 0:01:00: "
        f"ValueError: no {max_restarts}"
    )


def test_without_a_callback_giving_up_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    supervisor = Supervisor({"inbox": crash()}, max_restarts=0)
    asyncio.run(supervisor.run())
    assert list(supervisor.given_up) == ["inbox"]
    assert len(texts(caplog, logging.ERROR)) == 1


def test_failures_spread_wider_than_the_window_never_escalate() -> None:
    clock = FakeClock()
    starts = 0

    async def daily() -> None:
        nonlocal starts
        starts += 1
        if starts <= 50:
            await clock.advance(minutes=1)
            raise OSError("the nightly restart of the mail server")

    supervisor = Supervisor({"daily": daily}, max_restarts=1, clock=clock, within=MINUTE)
    asyncio.run(supervisor.run())
    assert starts == 51
    assert not supervisor.given_up


def test_failures_count_in_the_window_and_restarts_since_the_beginning() -> None:
    clock, rows = FakeClock(), Rows()
    starts = 0

    async def inbox() -> None:
        nonlocal starts
        starts += 1
        if starts == 4:
            await clock.advance(minutes=2)
        raise OSError

    supervisor = Supervisor({"inbox": inbox}, max_restarts=3, clock=clock, heartbeats=rows)
    asyncio.run(supervisor.run())
    assert starts == 7
    assert supervisor.given_up["inbox"].restarts == 6
    assert rows.last("inbox") == Heartbeat(
        process=f"{socket.gethostname()}:{os.getpid()}",
        child="inbox",
        at=stamp(EPOCH + timedelta(minutes=2)),
        state="given_up",
        restarts=6,
        error="OSError",
    )


def test_what_returns_is_done_or_started_again_as_it_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Waits()
    starts = 0

    async def poll() -> None:
        nonlocal starts
        starts += 1
        if starts == 100:
            raise UsageError("enough")

    once = Worker()
    children = [Child("poll", poll, restart="always"), Child("once", once)]
    with pytest.raises(UsageError, match="enough"):
        asyncio.run(Supervisor(children, clock=clock, max_restarts=0).run())
    assert once.starts == 1
    assert clock.waited == [0.1] * 99  # that it returned is no failure, and no busy loop either
    assert not texts(caplog, logging.WARNING)


def test_what_it_awaited_was_cancelled_but_it_was_not() -> None:
    starts = 0

    async def inbox() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            task = asyncio.create_task(asyncio.sleep(10))
            task.cancel()
            await task

    rows = Rows()
    asyncio.run(Supervisor({"inbox": inbox}, backoff=QUICK, heartbeats=rows).run())
    assert starts == 2
    assert rows.last("inbox").error == "CancelledError"


def test_a_failure_of_several_tasks_at_once_is_a_failure() -> None:
    group = Worker(ExceptionGroup("two", [OSError("a"), ValueError("b")]))
    asyncio.run(Supervisor({"group": group}, backoff=QUICK).run())
    assert group.starts == 2


def test_it_can_be_run_again_but_not_twice_at_a_time() -> None:
    inbox = crash()

    async def main() -> None:
        supervisor = Supervisor({"inbox": inbox}, max_restarts=0)
        await supervisor.run()
        assert "inbox" in supervisor.given_up
        inbox.errors.clear()
        again = asyncio.create_task(supervisor.run())
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="running already"):
            await supervisor.run()
        await again
        assert not supervisor.given_up

    asyncio.run(main())


# Ending


@pytest.mark.parametrize(
    "mistake",
    [
        UsageError("wrong"),
        NotRegistered("wrong"),
        ExceptionGroup("several", [OSError(), ExceptionGroup("more", [UsageError("wrong")])]),
    ],
    ids=lambda mistake: type(mistake).__name__,
)
def test_a_mistake_in_the_code_ends_it_at_once(
    mistake: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        rows, other, wrong = Rows(), Forever(), Worker(mistake)
        supervisor = Supervisor({"wrong": wrong, "other": other}, heartbeats=rows)
        with pytest.raises(type(mistake)) as raised:
            await supervisor.run()
        assert raised.value is mistake
        assert (wrong.starts, other.starts, other.let_go) == (1, 1, True)
        assert rows.states("wrong") == rows.states("other") == ["running", "stopped"]
        assert rows.last("wrong").error == described(mistake)
        assert not supervisor.given_up

    asyncio.run(main())
    assert len(texts(caplog, logging.ERROR)) == 1


def test_the_first_of_two_mistakes_is_raised_and_both_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def second() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise UsageError("second")

    async def first() -> None:
        await asyncio.sleep(0)
        raise UsageError("first")

    with pytest.raises(UsageError, match="first"):
        asyncio.run(Supervisor({"second": second, "first": first}).run())
    assert [text.split(": ")[-1] for text in texts(caplog, logging.ERROR)] == ["first", "second"]


def test_a_function_that_is_not_async_is_a_mistake() -> None:
    def plain() -> None: ...

    children: Any = {"plain": plain}
    with pytest.raises(UsageError, match="plain is not async: it returned None"):
        asyncio.run(Supervisor(children).run())


def test_an_exit_is_an_exit(caplog: pytest.LogCaptureFixture) -> None:
    rows, other = Rows(), Forever()

    async def leave() -> None:
        await other.started.wait()
        raise SystemExit(3)

    supervisor = Supervisor({"leave": leave, "other": other}, heartbeats=rows)
    with pytest.raises(SystemExit) as raised:
        asyncio.run(supervisor.run())
    assert raised.value.code == 3
    assert other.let_go
    assert rows.states("other") == rows.states("leave") == ["running", "stopped"]
    assert texts(caplog, logging.ERROR) == ["leave ends the supervisor: SystemExit: 3"]


def test_what_is_no_exception_is_raised_and_not_retried() -> None:
    class Halt(BaseException):
        pass

    async def main() -> None:
        other, halting = Forever(), Worker(Halt())
        with pytest.raises(Halt):
            await Supervisor({"halting": halting, "other": other}).run()
        assert (halting.starts, other.let_go) == (1, True)

    asyncio.run(main())


def test_cancelling_it_cancels_the_children_and_says_so() -> None:
    async def main() -> None:
        rows, first, second = Rows(), Forever(), Forever()
        supervisor = Supervisor(
            {"first": first, "second": second, "crash": crash()},
            heartbeats=rows,
            backoff=Backoff(first=timedelta(hours=1), most=timedelta(hours=1)),
            chance=lambda: 1,
            process="here",
        )
        task = asyncio.create_task(supervisor.run())
        await until(lambda: "restarting" in rows.states("crash"))
        await cancelled(task)
        assert first.let_go
        assert second.let_go
        assert rows.states("first") == rows.states("second") == ["running", "stopped"]
        assert rows.states("crash") == ["running", "restarting", "stopped"]
        assert {beat.process for beat in rows.beats} == {"here"}

    asyncio.run(main())


def test_cancelled_at_once_it_starts_nothing() -> None:
    async def main() -> None:
        inbox = Worker()
        await cancelled(asyncio.create_task(Supervisor({"inbox": inbox}).run()))
        assert inbox.starts == 0

    asyncio.run(main())


@pytest.mark.parametrize("restart", ["always", "on_failure"])
@pytest.mark.parametrize("error", [None, OSError("late")])
def test_a_child_that_ignores_cancellation_is_waited_for_and_not_started_again(
    restart: Any, error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        started, finish = asyncio.Event(), asyncio.Event()
        starts = 0

        async def stubborn() -> None:
            nonlocal starts
            starts += 1
            started.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await finish.wait()
            if error is not None:
                raise error

        rows = Rows()
        children = [Child("stubborn", stubborn, restart=restart)]
        supervisor = Supervisor(children, heartbeats=rows, max_restarts=0)
        task = asyncio.create_task(supervisor.run())
        await started.wait()
        task.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()
        finish.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert starts == 1
        assert not supervisor.given_up
        assert rows.states("stubborn") == ["running", "stopped"]
        assert rows.last("stubborn").error == ("OSError: late" if error else "")

    asyncio.run(main())
    said = ["stubborn failed as it stopped: OSError: late"] if error else []
    assert texts(caplog, logging.WARNING) == said


def test_cancelling_again_reaches_the_children_again() -> None:
    async def main() -> None:
        ignored = 0
        started = asyncio.Event()

        async def stubborn() -> None:
            nonlocal ignored
            started.set()
            while ignored < 3:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    ignored += 1

        task = asyncio.create_task(Supervisor({"stubborn": stubborn}).run())
        await started.wait()
        while ignored < 3:
            before = ignored
            task.cancel()
            await until(lambda: ignored > before)  # noqa: B023 - asked in this turn of the loop
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_child_that_cancels_itself_has_failed() -> None:
    starts = 0

    async def resign() -> None:
        nonlocal starts
        starts += 1
        task = asyncio.current_task()
        assert task is not None
        if starts < 3:
            task.cancel()
            if starts == 2:  # and nobody says uncancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)
                raise OSError
            await asyncio.sleep(0)

    rows, other = Rows(), Worker()
    supervisor = Supervisor({"resign": resign, "other": other}, heartbeats=rows, backoff=QUICK)
    asyncio.run(supervisor.run())
    assert other.starts == 1
    assert rows.states("resign") == [*["running", "restarting"] * 2, "running", "stopped"]


def test_when_the_loop_ends_the_children_can_clean_up() -> None:
    children = {f"child {number}": Forever() for number in range(20)}

    async def main() -> None:
        running = asyncio.create_task(Supervisor(children).run())
        await asyncio.gather(*(child.started.wait() for child in children.values()))
        assert not running.done()

    asyncio.run(main())
    assert all(child.let_go for child in children.values())


def test_chance_that_fails_ends_it() -> None:
    def chance() -> float:
        raise LookupError("no chance")

    other = Forever()
    with pytest.raises(LookupError, match="no chance"):
        asyncio.run(Supervisor({"inbox": crash(), "other": other}, chance=chance).run())
    assert other.let_go


# Escalating


@pytest.mark.parametrize(
    "error", [OSError("no pager"), UsageError("bad"), asyncio.CancelledError()]
)
def test_an_escalation_that_fails_takes_nobody_down(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    escalating = asyncio.Event()

    async def escalate(escalated: Escalated) -> None:
        escalating.set()
        raise error

    async def patient() -> None:
        await escalating.wait()
        await asyncio.sleep(0)

    rows = Rows()
    supervisor = Supervisor(
        {"inbox": crash(), "patient": patient},
        max_restarts=0,
        on_escalation=escalate,
        heartbeats=rows,
    )
    asyncio.run(supervisor.run())
    assert rows.states("patient") == ["running", "stopped"]
    assert rows.states("inbox") == ["running", "given_up"]
    said = f"the escalation of inbox failed: {described(error)}"
    assert texts(caplog, logging.ERROR)[1:] == [said]


def test_an_escalation_is_cancelled_with_the_rest() -> None:
    async def main() -> None:
        escalating = asyncio.Event()

        async def escalate(escalated: Escalated) -> None:
            escalating.set()
            await asyncio.Event().wait()

        rows = Rows()
        supervisor = Supervisor(
            {"inbox": crash()}, max_restarts=0, on_escalation=escalate, heartbeats=rows
        )
        task = asyncio.create_task(supervisor.run())
        await escalating.wait()
        await cancelled(task)
        assert rows.states("inbox") == ["running", "given_up"]

    asyncio.run(main())


# Heartbeats


def test_what_runs_beats_as_the_clock_goes_on() -> None:
    async def main() -> None:
        clock, rows = FakeClock(), Rows()
        supervisor = Supervisor(
            {"forever": Forever(), "once": Worker()}, clock=clock, heartbeats=rows
        )
        task = asyncio.create_task(supervisor.run())
        await until(lambda: rows.states("once") == ["running", "stopped"])
        for _ in range(3):
            before = len(rows.beats)
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert len(rows.beats) == before  # the clock stood still
            await clock.advance(seconds=10)
            await until(lambda: rows.last("forever").at == stamp(clock.now()))
        await cancelled(task)
        assert rows.states("once") == ["running", "stopped"]
        ats = [beat.at for beat in rows.beats if beat.child == "forever"]
        assert ats == [stamp(EPOCH + timedelta(seconds=at)) for at in (0, 10, 20, 30, 30)]
        assert rows.last("once").at == stamp(EPOCH)

    asyncio.run(main())


def test_what_runs_beats_on_the_real_clock() -> None:
    async def main() -> None:
        rows = Rows()
        supervisor = Supervisor(
            {"forever": Forever()}, heartbeats=rows, beat_every=timedelta(milliseconds=2)
        )
        task = asyncio.create_task(supervisor.run())
        await until(lambda: len(rows.beats) > 5)
        await cancelled(task)
        assert rows.states("forever") == ["running", "stopped"]
        assert [beat.at for beat in rows.beats] == sorted({beat.at for beat in rows.beats})

    asyncio.run(main())


@pytest.mark.parametrize("error", [StorageUnavailable("disk full"), asyncio.CancelledError()])
def test_heartbeats_that_cannot_be_written_kill_nothing(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        broken = True
        rows, clock = Rows(fails=lambda _: error if broken else None), FakeClock()
        worker, forever = Worker(OSError()), Forever()
        supervisor = Supervisor(
            {"worker": worker, "forever": forever}, clock=clock, heartbeats=rows
        )
        task = asyncio.create_task(supervisor.run())
        await until(lambda: worker.worked)
        await clock.advance(seconds=10)
        await until(lambda: f"heartbeats are lost: {described(error)}" in caplog.messages)
        broken = False
        await clock.advance(seconds=10)
        await until(lambda: rows.beats)
        await cancelled(task)
        assert forever.starts == 1
        assert rows.states("forever") == ["running", "stopped"]

    asyncio.run(main())
    lost = [text for text in texts(caplog, logging.WARNING) if text.startswith("heartbeats")]
    assert lost == [f"heartbeats are lost: {described(error)}"]


def test_a_store_that_hangs_holds_up_no_child(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Hangs:
        async def beat(self, heartbeat: Heartbeat) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(_pulse, "BEAT_PATIENCE", 0.01)
    worker = Worker(OSError(), OSError())
    asyncio.run(Supervisor({"worker": worker}, backoff=QUICK, heartbeats=Hangs()).run())
    assert (worker.starts, worker.worked) == (3, True)


def test_cancelled_while_the_last_heartbeats_hang_it_lets_go() -> None:
    async def main() -> None:
        hanging = asyncio.Event()

        class Hangs:
            async def beat(self, heartbeat: Heartbeat) -> None:
                hanging.set()
                await asyncio.Event().wait()

        worker = Worker()
        task = asyncio.create_task(Supervisor({"worker": worker}, heartbeats=Hangs()).run())
        await until(lambda: worker.worked and hanging.is_set())
        await cancelled(task)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


# Errors in words


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no"), "ValueError: no"),
        (ValueError(), "ValueError"),
        (ValueError("a\nb\r\x1b[31m\x00\ud800\u202e"), "ValueError: a?b??[31m???"),
        (ValueError("ü" * 400), "ValueError: " + "ü" * 300),
        (Speechless(), "Speechless: cannot be shown"),
        (type("Od\nd" + "x" * 200, (Exception,), {})("!"), "Od?d" + "x" * 96 + ": !"),
    ],
)
def test_an_error_is_told_on_one_printable_line(error: Exception, line: str) -> None:
    assert described(error) == line


@given(st.text(st.characters(codec=None)))
def test_whatever_an_error_says_can_be_stored(text: str) -> None:
    line = described(OSError(text))
    assert line.isprintable()
    assert len(line) <= 400
    line.encode()


def test_hostile_errors_reach_rows_and_logs_as_one_line(caplog: pytest.LogCaptureFixture) -> None:
    rows = Rows()
    inbox = Worker(ValueError("x\nroot: all is well\x00"), Speechless())
    asyncio.run(Supervisor({"inbox": inbox}, backoff=QUICK, heartbeats=rows).run())
    assert [beat.error for beat in rows.beats if beat.state == "restarting"] == [
        "ValueError: x?root: all is well?",
        "Speechless: cannot be shown",
    ]
    assert all("\n" not in text for text in texts(caplog, logging.WARNING))


def test_a_lone_surrogate_is_described_too() -> None:
    assert described(ValueError("\ud800")) == "ValueError: ?"


# Wrong use


async def nothing() -> None: ...


Children = Sequence[Child] | dict[str, Callable[[], Awaitable[None]]]


@pytest.mark.parametrize(
    ("children", "options", "words"),
    [
        ([], {}, "without children"),
        ({}, {}, "without children"),
        ([Child("a", nothing), Child("a", nothing)], {}, "two children are called a"),
        ({"a": nothing}, {"max_restarts": -1}, "max_restarts=-1: say 0"),
        ({"a": nothing}, {"within": timedelta(0)}, "within=.* is no time at all"),
        ({"a": nothing}, {"within": -MINUTE}, "within=.* is no time at all"),
        ({"a": nothing}, {"beat_every": timedelta(0)}, "beat_every=.* is no time at all"),
        ({"": nothing}, {}, "'' cannot name a child"),
        ({"a\n": nothing}, {}, "cannot name a child"),
        ({"a" * 101: nothing}, {}, "cannot name a child"),
    ],
)
def test_wrong_use_is_found_before_anything_runs(
    children: Children, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        Supervisor(children, **options)


@pytest.mark.parametrize(("first", "most"), [(0, 1), (-1, 1), (2, 1)])
def test_a_backoff_must_make_sense(first: int, most: int) -> None:
    with pytest.raises(UsageError, match="say 0 < first <= most"):
        Backoff(first=timedelta(seconds=first), most=timedelta(seconds=most))


def test_time_is_real_unless_it_is_given() -> None:
    clock = SystemClock()
    before, rows = clock.now(), Rows()
    asyncio.run(Supervisor([Child("a", nothing)], heartbeats=rows).run())
    assert stamp(before) <= rows.beats[0].at <= stamp(clock.now())
