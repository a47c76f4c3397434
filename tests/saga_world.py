"""Another system for sagas: what was done in it is told by its own account, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

from pydantic import BaseModel

from signoff import EffectRefused, Runtime
from signoff.coordination import Saga, Step
from signoff.testing import FakeClock

#: What becomes of a call: it works, is refused, fails and did nothing, fails and did it.
Weather = Literal["fine", "refused", "lost", "late"]

#: What is known of the other system after a call that failed.
Kind = Literal["probed", "idempotent", "neither"]

PRINCIPALS = {"omar": ["operator", "lead"]}
YES = {"by": "omar", "because": "it is seen to"}


class Case(BaseModel):
    id: str


class World:
    """Does and undoes things under keys, which it honours unless it is told not to."""

    def __init__(self) -> None:
        self.account: list[tuple[str, str]] = []
        self.twice: list[str] = []
        self.calls: list[str] = []
        self.given: list[tuple[str, Any]] = []
        self.weather: dict[str, Weather] = {}

    def call(self, name: str, key: str, *, honours_keys: bool = True) -> str:
        self.calls.append(name)
        weather = self.weather.get(name, "fine")
        if weather == "refused":
            raise EffectRefused("no", f"{name} is down")
        if weather != "lost":
            if (name, key) not in self.account:
                self.account.append((name, key))
            elif not honours_keys:
                self.twice.append(name)
        if weather in ("lost", "late"):
            raise ConnectionError(f"{name} was cut off")
        return f"{name} {key}"

    @property
    def done(self) -> list[str]:
        """What happened in it, in order, by name."""
        return [name for name, _ in self.account]

    def step(
        self, name: str, *, kind: Kind = "idempotent", undone: bool = True, **more: Any
    ) -> Step[Case]:
        """A step `name` that is taken back by `un-name`."""

        async def do(case: Case, key: str) -> str:
            return self.call(name, key, honours_keys=kind == "idempotent")

        async def ask(key: str) -> str | None:
            return f"{name} {key}" if (name, key) in self.account else None

        do.__name__ = name
        return Step(
            do,
            undo=self.undo(name) if undone else None,
            idempotent=kind == "idempotent",
            reconcile=ask if kind == "probed" else None,
            **more,
        )

    def undo(self, name: str) -> Callable[[Any, Case, str], Awaitable[None]]:
        async def undo(receipt: Any, case: Case, key: str) -> None:
            self.given.append((name, receipt))
            self.call(f"un-{name}", key)

        undo.__name__ = f"un-{name}"
        return undo

    def saga(self, *, kind: Kind = "idempotent", name: str = "case.close") -> Saga[Case]:
        """Three steps, of which the last one cannot be undone."""
        return Saga(
            name,
            self.step("reserve", kind=kind),
            self.step("issue", kind=kind),
            self.step("book", kind=kind, undone=False),
        )


@asynccontextmanager
async def running(
    url: Any, *knows: Any, clock: FakeClock | None = None, **more: Any
) -> AsyncIterator[Runtime]:
    options: dict[str, Any] = {"principals": PRINCIPALS, "max_restarts": 3, **more}
    async with Runtime(url, clock=clock or FakeClock(), knows=knows, **options) as runtime:
        yield runtime
        assert (await runtime.ledger.verify()).faults == ()


async def open_tickets(runtime: Runtime) -> list[Any]:
    return [ticket async for ticket in runtime.ledger.tickets("open")]
