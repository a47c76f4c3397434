"""P5, the shared state machine: closed, typed states and a row per subject."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from signoff.boundary import Timer
from signoff.clock import stamp
from signoff.errors import UnknownTransition, UsageError
from signoff.state._timer import After, At

St = TypeVar("St", bound=str)


class StateMachine(Generic[St]):
    """Which states a subject can stand in, and which moves are allowed.

    A value: the rows live in the database, and any worker may move any of them.

    Args:
        name: Names the machine on the ledger.
        transitions: For every state, the states that may follow; one that only follows is final.
        start: Where a row begins.
        timers: Durable timers; they are set when their state is entered.
        subject: Type of the subjects; learned from the first `start` if absent. Give it when
            timers have work to do, so that rows can be read again after a restart.

    Raises:
        UsageError: If `start` or a timer names a state that the machine does not have.
        UnknownTransition: If a timer would make a move that is not allowed.
    """

    def __init__(
        self,
        name: str,
        transitions: Mapping[St, Collection[St]],
        *,
        start: St,
        timers: Sequence[After[St] | At[St]] = (),
        subject: type[Any] | None = None,
    ) -> None:
        if not name or not name.isprintable():
            raise UsageError(f"{name!r} cannot name a state machine")
        self.name = name
        self.transitions: dict[St, frozenset[St]] = {
            state: frozenset(following) for state, following in transitions.items()
        }
        for following in list(self.transitions.values()):
            for state in following:
                self.transitions.setdefault(state, frozenset())
        self.start = start
        self.subject: type[Any] | None = subject
        self._check(start, "start=")
        self._timers: dict[str, list[After[St] | At[St]]] = {}
        self.by_name: dict[str, After[St] | At[St]] = {}
        for timer in timers:
            self._check(timer.at, "a timer")
            if timer.go is not None:
                self.check_move(timer.at, timer.go, what="a timer")
            if timer.name in self.by_name:
                raise UsageError(f"machine {name} has two timers named {timer.name}")
            self.by_name[timer.name] = timer
            self._timers.setdefault(timer.at, []).append(timer)

    def __repr__(self) -> str:
        return f"<StateMachine {self.name}: {', '.join(self.transitions)}>"

    def _check(self, state: str, what: str) -> None:
        if state not in self.transitions:
            raise UsageError(
                f"{what} names state {state!r}; machine {self.name} has "
                f"{', '.join(map(repr, self.transitions))}"
            )

    def _following(self, source: str) -> frozenset[St]:
        # A stored state may be one of a newer machine, and then nothing follows it here.
        return self.transitions.get(cast("St", source), frozenset())

    def allows(self, source: str, to: str) -> bool:
        """Whether a row may go from one state to another."""
        return to in self._following(source)

    def check_move(self, source: str, to: str, *, what: str) -> None:
        """Raise if a move is not allowed.

        Raises:
            UnknownTransition: With what is allowed instead.
        """
        if not self.allows(source, to):
            following = sorted(f"`{state}`" for state in self._following(source))
            allowed = ", ".join(following) or "nothing"
            raise UnknownTransition(
                f"{what} cannot go from `{source}` to `{to}`: "
                f"machine {self.name} allows {allowed}. "
                "Add the transition to the machine, or check who proposed it."
            )

    def timers_at(
        self, state: str, subject: Any, *, id: str, version: int, entered: datetime
    ) -> tuple[Timer, ...]:
        """The timers that a row has when it enters a state at a version."""
        set_: list[Timer] = []
        for timer in self._timers.get(state, ()):
            due = timer.due(subject, entered)
            if due is not None:
                set_.append(
                    Timer(
                        subject=id,
                        machine=self.name,
                        name=timer.name,
                        version=version,
                        due=stamp(due),
                        armed=version,
                    )
                )
        return tuple(set_)
