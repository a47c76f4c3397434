"""What a policy may read: every field of a type by its path, with its type and a safe reader."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel

from signoff.control._kinds import MARKER, Columns, Kind, Record, Refusal, describe
from signoff.errors import UsageError

#: Models nested deeper than this are not followed; a type may contain itself.
_DEEPEST = 4

_MOST_FIELDS = 2000


class Unreadable(Exception):
    """A value is missing, or is not what its type says."""


@dataclass(frozen=True, slots=True)
class Step:
    """One attribute on the way to a value.

    Attributes:
        name: The attribute.
        partial: Only some members of a union have it; the others read as null.
        each: What was reached is a list, and the rest of the way is gone for each element.
    """

    name: str
    partial: bool = False
    each: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One value that rules and messages may read.

    Attributes:
        path: As rules write it, such as `proposal.discount`.
        kind: Its type, and how a value becomes one that a rule can read.
        optional: It may be null; a rule asks with `!= null`.
        steps: The attributes that lead to it, from the proposal, subject or principal.
    """

    path: str
    kind: Kind
    optional: bool
    steps: tuple[Step, ...]

    @property
    def root(self) -> str:
        """`proposal`, `subject` or `principal`."""
        return self.path.partition(".")[0]

    def read(self, root: object) -> Any:
        """The value as a rule sees it; None only if the field is optional.

        Raises:
            Unreadable: If it is not there, or is not what its type says.
        """
        try:
            if len(self.steps) == 1 and not self.optional and not self.steps[0].each:
                return self.kind.convert(getattr(root, self.steps[0].name))
            return self._follow(root, 0)
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"{self.path}: {type(error).__name__}") from error

    def _follow(self, value: Any, at: int) -> Any:
        for index in range(at, len(self.steps)):
            if value is None:
                break
            step = self.steps[index]
            value = getattr(value, step.name, None) if step.partial else getattr(value, step.name)
            if step.each and value is not None:
                return [self._follow(element, index + 1) for element in self.kind.listed(value)]
        if value is None:
            if self.optional:
                return None
            raise Unreadable(f"{self.path} is missing")
        return self.kind.convert(value)


@dataclass(frozen=True, slots=True)
class Fields:
    """Every path under some roots: those that can be read, and why others cannot."""

    known: Mapping[str, Field]
    refused: Mapping[str, str]

    def why_not(self, path: str) -> str:
        """What to tell somebody who wrote a path that cannot be read."""
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            start = ".".join(parts[:length])
            if start in self.refused and (start == path or not self._has_fields(start)):
                return f"{start} cannot be read by a rule: {self.refused[start]}"
        path = path[:100]
        alike = difflib.get_close_matches(path, self.known, n=1, cutoff=0.6)
        return f"{path} does not exist" + (f"; did you mean {alike[0]}?" if alike else "")

    def _has_fields(self, path: str) -> bool:
        return any(known.startswith(f"{path}.") for known in self.known)

    def longest(self, path: str) -> Field | None:
        """The field that a dotted path begins with; what follows selects within its value."""
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            if field := self.known.get(".".join(parts[:length])):
                return field
        return None


def fields_of(roots: Mapping[str, Any]) -> Fields:
    """The fields of a proposal's, a subject's, a principal's type; None leaves a root out.

    Raises:
        UsageError: If a root is not a pydantic model, a dataclass, or a union of such.
    """
    walk = _Walk()
    for root, type_ in roots.items():
        if type_ is None:
            walk.refused[root] = f"the policy was loaded without a type for its {root}"
            continue
        described = describe(type_)
        if not isinstance(described, Record) or described.optional:
            raise UsageError(
                f"the {root} is {type_!r}: a policy reads the fields of a pydantic model, "
                "of a dataclass, or of a union of such"
            )
        walk.refused[root] = "it has fields; name one of them"
        walk.record(root, described, (), optional=False, depth=1)
    return Fields(walk.known, walk.refused)


class _Walk:
    def __init__(self) -> None:
        self.known: dict[str, Field] = {}
        self.refused: dict[str, str] = {}

    def record(
        self, path: str, record: Record, steps: tuple[Step, ...], *, optional: bool, depth: int
    ) -> None:
        members = [_annotations(type_) for type_ in record.types]
        for name in dict.fromkeys(name for member in members for name in member):
            if name.startswith("_"):
                continue
            found = [member[name] for member in members if name in member]
            partial = len(found) < len(members)
            self._field(
                f"{path}.{name}",
                describe(*found),
                (*steps, Step(name, partial)),
                optional=optional or partial,
                depth=depth,
            )

    def _field(
        self,
        path: str,
        described: Kind | Record | Columns | Refusal,
        steps: tuple[Step, ...],
        *,
        optional: bool,
        depth: int,
    ) -> None:
        if len(self.known) >= _MOST_FIELDS:
            raise UsageError(f"a policy can read at most {_MOST_FIELDS:,} fields; {path} is beyond")
        many = any(step.each for step in steps)
        match described:
            case Refusal():
                self.refused[path] = described.why
            case Kind():
                optional = optional or described.optional
                if many and (optional or not described.scalar):
                    self.refused[path] = (
                        "in a list of models, only plain fields that are always there can be read"
                    )
                    return
                kind = described.in_a_list() if many else described
                self.known[path] = Field(path, kind, optional, steps)
            case Record() if depth >= _DEEPEST:
                self.refused[path] = "models are nested too deeply there"
            case Record():
                optional = optional or described.optional
                if optional and not many:
                    self.known[path] = Field(path, MARKER, True, steps)
                else:
                    self.refused[path] = "it has fields; name one of them"
                self.record(path, described, steps, optional=optional, depth=depth + 1)
            case Columns() if depth >= _DEEPEST or many or described.optional or optional:
                self.refused[path] = "this list of models is optional, or lies within another"
            case Columns():
                self.refused[path] = (
                    "it is a list of models; name a field of theirs to have the list of its values"
                )
                last = dataclasses.replace(steps[-1], each=True)
                self.record(
                    path, described.record, (*steps[:-1], last), optional=False, depth=depth + 1
                )


def _annotations(type_: Any) -> dict[str, Any]:
    if issubclass(type_, BaseModel):
        found: dict[str, Any] = {
            name: field.annotation for name, field in type_.model_fields.items()
        }
        computed = type_.model_computed_fields
        return found | {name: field.return_type for name, field in computed.items()}
    try:
        hints = get_type_hints(type_, include_extras=True)
    except NameError as error:
        raise UsageError(f"the annotations of {type_!r} cannot be resolved: {error}") from error
    return {field.name: hints[field.name] for field in dataclasses.fields(type_)}
