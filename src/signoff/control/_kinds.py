"""The types that a rule can read, and how a Python value becomes one of them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeAlias, TypeGuard, cast, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

#: Bounds of one value, so that a proposal cannot make judging slow.
_LONGEST_LIST = 1000
_LONGEST_TEXT = 100_000

Scalar: TypeAlias = Literal["bool", "int", "double", "string", "timestamp", "duration"]


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise TypeError("not a bool")


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return int(value)
    raise TypeError("not an int of 64 bits")


def _number(value: Any) -> float:
    if isinstance(value, float | int | Decimal) and not isinstance(value, bool):
        number = float(value)
        if number == number:  # every comparison with NaN is false: a cap would not hold it
            return number
    raise TypeError("not a number")


def _text(value: Any) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        return str.__str__(value)
    raise TypeError("not a text, or too long")


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise TypeError("a time without a time zone")
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise TypeError("not a time")


def _span(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    raise TypeError("not a timedelta")


def _is_there(value: Any) -> bool:
    return value is not None


_CONVERT: dict[Scalar, Callable[[Any], Any]] = {
    "bool": _boolean,
    "int": _integer,
    "double": _number,
    "string": _text,
    "timestamp": _instant,
    "duration": _span,
}

_PLAIN: dict[Any, Scalar] = {
    bool: "bool",
    int: "int",
    float: "double",
    Decimal: "double",
    str: "string",
    UUID: "string",
    datetime: "timestamp",
    date: "timestamp",
    timedelta: "duration",
}

#: Types that pydantic makes up (`AwareDatetime`, `EmailStr`), by what their JSON schema says.
_BY_SCHEMA: dict[tuple[str, str], Scalar] = {
    ("string", "date-time"): "timestamp",
    ("string", "date"): "timestamp",
    ("string", "duration"): "duration",
    ("string", "email"): "string",
    ("integer", ""): "int",
    ("number", ""): "double",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type that a rule can read.

    Attributes:
        name: `bool`, `int`, `double`, `string`, `timestamp`, `duration`; or, of a structure,
            `list` or `map` of `of`; or `object`, of which only presence can be asked.
        convert: Makes a Python value into one that the language takes; raises on any other.
        of: What the elements of a list, or the values of a map, are.
        optional: The annotation allows None.
        choices: The only values, of a Literal or an Enum of texts.
    """

    name: str
    convert: Callable[[Any], Any]
    of: str = ""
    optional: bool = False
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        whole = {"list": f"list({self.of})", "map": f"map(string, {self.of})"}
        return whole.get(self.name, self.name)

    @property
    def scalar(self) -> bool:
        """Whether it is neither a structure nor an object."""
        return self.name in _CONVERT

    def in_a_list(self) -> Kind:
        """The list of such values."""
        return replace(self, name="list", of=self.name)

    def listed(self, value: Any) -> Collection[Any]:
        """A collection, unless it is none, or too long."""
        return _bounded(value)


@dataclass(frozen=True, slots=True)
class Record:
    """A model or a dataclass, or a union of such: it has fields of its own."""

    types: tuple[type[Any], ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """A list of models; read as one list per field."""

    record: Record
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A type that rules cannot read, and why."""

    why: str


Described: TypeAlias = Kind | Record | Columns | Refusal

#: An optional model: a rule asks whether it is there.
MARKER = Kind("object", _is_there, optional=True)


def describe(*annotations: Any) -> Described:
    """What a rule can read of a value that has one of these types."""
    members: list[Any] = []
    for annotation in annotations:
        members += _members(annotation)
    optional = any(member in (None, type(None)) for member in members)
    there = [_describe(member) for member in members if member not in (None, type(None))]
    if not there:
        return Refusal("it is always null")
    joined = there[0]
    for other in there[1:]:
        joined = _join(joined, other)
    if isinstance(joined, Refusal) or not optional:
        return joined
    return replace(joined, optional=True)


def _members(annotation: Any) -> list[Any]:
    annotation = _bare(annotation)
    if get_origin(annotation) in (typing.Union, types.UnionType):
        return [member for argument in get_args(annotation) for member in _members(argument)]
    return [annotation]


def _bare(annotation: Any) -> Any:
    """Without `Annotated`, `NewType`, and names of types."""
    for _ in range(20):
        if get_origin(annotation) is typing.Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            break
    return annotation


def _join(left: Described, right: Described) -> Described:
    match left, right:
        case (Refusal(), _) | (_, Refusal()):
            return left if isinstance(left, Refusal) else right
        case Record(), Record():
            return Record((*left.types, *right.types))
        case Kind(), Kind() if (left.name, left.of) == (right.name, right.of):
            every = bool(left.choices and right.choices)
            choices = tuple(dict.fromkeys((*left.choices, *right.choices))) if every else ()
            return replace(left, choices=choices)
        case Kind(), Kind() if {left.name, right.name} == {"int", "double"}:
            return Kind("double", _number)
        case _:
            return Refusal("it may be of more than one type")


def _describe(annotation: Any) -> Described:
    origin: Any = get_origin(annotation) or annotation
    arguments = get_args(annotation)
    if origin is Literal:
        return _choice(arguments)
    if not isinstance(origin, type):
        return Refusal(f"its type is {_named(annotation)}")
    class_ = cast("type[Any]", origin)
    if issubclass(class_, BaseModel) or dataclasses.is_dataclass(class_):
        return Record((class_,))
    if issubclass(class_, Enum):
        return _choice(tuple(member.value for member in class_))
    if class_ in _PLAIN:
        return Kind(_PLAIN[class_], _CONVERT[_PLAIN[class_]])
    if issubclass(class_, Mapping):
        return _map(annotation, arguments)
    if issubclass(class_, Sequence | AbstractSet) and not issubclass(class_, str | bytes):
        return _list(annotation, origin is tuple, arguments)
    return _by_schema(annotation)


def _choice(values: tuple[Any, ...]) -> Described:
    kept = tuple(value.value if isinstance(value, Enum) else value for value in values)
    kinds: set[Scalar | None] = {_PLAIN.get(type(value)) for value in kept if value is not None}
    optional = None in kept
    if len(kinds) != 1 or (kind := kinds.pop()) not in ("string", "int", "bool"):
        return Refusal("its values are not all texts, or all ints, or all bools")
    convert = _CONVERT[kind]
    choices = tuple(str(value) for value in kept if value is not None) if kind == "string" else ()
    return Kind(kind, lambda value: convert(_plain(value)), optional=optional, choices=choices)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _list(annotation: Any, is_tuple: bool, arguments: tuple[Any, ...]) -> Described:
    if is_tuple and arguments[1:] != (...,):
        return Refusal(f"its type is {_named(annotation)}")
    of = describe(arguments[0]) if arguments else Refusal("")
    if isinstance(of, Record) and not of.optional:
        return Columns(of)
    if _is_element(of):
        element = of.convert

        def convert(value: Any) -> list[Any]:
            return [element(each) for each in _bounded(value)]

        return replace(of.in_a_list(), convert=convert)
    return Refusal(f"its type is {_named(annotation)}")


def _map(annotation: Any, arguments: tuple[Any, ...]) -> Described:
    key, of = (describe(argument) for argument in arguments or (Any, Any))
    if not (_is_element(key) and key.name == "string" and _is_element(of)):
        return Refusal(f"its type is {_named(annotation)}")
    keyed, valued = key.convert, of.convert

    def convert(value: Any) -> dict[str, Any]:
        return {keyed(each): valued(value[each]) for each in _bounded(value)}

    return Kind("map", convert, of=of.name)


def _is_element(described: Described) -> TypeGuard[Kind]:
    """Whether lists and maps of it can be read."""
    if not isinstance(described, Kind) or described.optional:
        return False
    return described.name in ("bool", "int", "double", "string")


def _bounded(value: Any) -> Collection[Any]:
    if isinstance(value, str) or not isinstance(value, Collection):
        raise TypeError("not a list")
    return _short(cast("Collection[Any]", value))  # type: ignore[redundant-cast]


def _short(collection: Collection[Any]) -> Collection[Any]:
    if len(collection) > _LONGEST_LIST:
        raise ValueError("too long")
    # A set has no order, and a verdict must not depend on one.
    return sorted(collection, key=str) if isinstance(collection, AbstractSet) else collection


def _by_schema(annotation: Any) -> Described:
    refusal = Refusal(f"its type is {_named(annotation)}")
    if annotation is object:
        return refusal
    try:
        schema = TypeAdapter(annotation).json_schema()
    except Exception:  # whatever pydantic cannot describe
        return refusal
    name = _BY_SCHEMA.get((str(schema.get("type", "")), str(schema.get("format", ""))))
    return refusal if name is None else Kind(name, _CONVERT[name])


def _named(annotation: Any) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation)
