"""Names to objects: what durable work may refer to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, TypeVar, cast

from signoff.boundary import Boundary, External, Transactional, tenant_of, work_name
from signoff.coordination import Coordinated, Saga, boundary_of
from signoff.errors import NotRegistered, UsageError
from signoff.state import Consumer, StateMachine

T = TypeVar("T")

#: What a runtime can know.
Known: TypeAlias = (
    Boundary[Any, Any, Any]
    | Consumer[Any]
    | Coordinated[Any, Any, Any]
    | Saga[Any]
    | StateMachine[Any]
)


class Registry:
    """The boundaries, effects and machines that this process knows.

    Work that names anything else stays where it is until a process comes that knows it.
    """

    def __init__(self) -> None:
        self._boundaries: dict[str, Boundary[Any, Any, Any]] = {}
        self._effects: dict[str, External[Any, Any, Any]] = {}
        self.consumers: dict[str, Consumer[Any]] = {}
        self._machines: dict[str, StateMachine[Any]] = {}
        self._subjects: dict[str, Any] = {}
        self._effect_names: tuple[str, ...] | None = None

    def add(self, things: Iterable[Known]) -> None:
        """Register boundaries (with the effects that they enqueue), machines and consumers."""
        for thing in things:
            if isinstance(thing, StateMachine):
                self.add_machine(thing)
            elif isinstance(thing, Consumer):
                self.add_consumer(thing)
            else:
                self.add_boundary(boundary_of(thing))

    def add_boundary(self, boundary: Boundary[Any, Any, Any]) -> None:
        if self._boundaries.get(boundary.name) is boundary:
            return
        self._boundaries[boundary.name] = boundary
        for asked in getattr(boundary.proposer, "boundaries", ()):
            self.add_boundary(asked)
        enqueued = boundary.commit.effects if isinstance(boundary.commit, Transactional) else ()
        for effect in (*enqueued, *boundary.effects.values()):
            known = self._effects.setdefault(effect.name, effect)
            if known.perform != effect.perform:
                raise UsageError(
                    f"two different effects are named {effect.name}; the name is how one is "
                    "found again after a restart, so give each a name="
                )
        self._effect_names = None

    def add_machine(self, machine: StateMachine[Any]) -> None:
        known = self._machines.setdefault(machine.name, machine)
        if known is not machine:
            raise UsageError(f"two different state machines are named {machine.name}")
        if machine.subject is not None:
            self._subjects[machine.name] = machine.subject

    def add_consumer(self, consumer: Consumer[Any]) -> None:
        if self.consumers.setdefault(consumer.name, consumer) is not consumer:
            raise UsageError(
                f"two different consumers are named {consumer.name}; the name is how its place in "
                "the log is found again, so give each its own"
            )
        if consumer.through is not None:
            self.add_boundary(consumer.through)
        self._effect_names = None

    def consumer(self, name: str) -> Consumer[Any]:
        return _known(self.consumers, name, "consumer")

    @property
    def machines(self) -> tuple[str, ...]:
        return tuple(self._machines)

    @property
    def effect_names(self) -> tuple[str, ...]:
        if self._effect_names is None:  # made once for however many were added
            outside = [
                name
                for name, known in self._boundaries.items()
                if isinstance(known.commit, External)
            ]
            work: tuple[Literal["resume", "deadline", "durable"], ...]
            work = ("resume", "deadline", "durable")
            inside = [work_name(kind, name) for name in self._boundaries for kind in work]
            aside = [work_name("event", name) for name in self.consumers]
            self._effect_names = tuple({*self._effects, *outside, *inside, *aside})
        return self._effect_names

    def boundary(self, name: str) -> Boundary[Any, Any, Any]:
        return _known(self._boundaries, name, "boundary")

    def reach_of(self, boundary: str, subject: Any) -> tuple[str, tuple[str, ...]]:
        """The tenant and the kill switches by which a kill reaches something of a boundary.

        Args:
            boundary: Its name; one that this process does not know has no switches.
            subject: What it is about, as JSON.
        """
        known = self._boundaries.get(boundary)
        if known is None:
            fields = cast("dict[str, Any]", subject) if isinstance(subject, dict) else {}
            return str(fields.get("tenant", "")), ()
        return tenant_of(known.subject_adapter.validate_python(subject)), known.switches

    def effect(self, name: str) -> External[Any, Any, Any]:
        return _known(self._effects, name, "effect")

    def machine(self, name: str) -> StateMachine[Any]:
        return _known(self._machines, name, "state machine")

    def learn_subject(self, machine: StateMachine[Any], type_: type[Any]) -> None:
        """Remember the type of a machine's subjects."""
        self._subjects.setdefault(machine.name, type_)

    def subject_type(self, machine: StateMachine[Any]) -> Any:
        """The type of a machine's subjects.

        Raises:
            UsageError: If nobody has said it.
        """
        type_ = self._subjects.get(machine.name)
        if type_ is None:
            raise UsageError(
                f"rows of {machine.name} cannot be read without their type: "
                f"StateMachine({machine.name!r}, ..., subject=...)"
            )
        return type_


def _known(things: dict[str, T], name: str, what: str) -> T:
    try:
        return things[name]
    except KeyError:
        raise NotRegistered(
            f"durable work names the {what} {name}, which this runtime was not given: "
            "Runtime(..., knows=[...])"
        ) from None
