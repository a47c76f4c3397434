"""CEL, the expression language of Kubernetes admission policies, as a language of conditions.

Every readable field is declared to the engine as a variable with its dotted path for a name
(`proposal.discount`), so that CEL's own checker sees all types. An expression is compiled twice:
once to be checked, where an optional field has CEL's wrapper type, and once to be evaluated, where
it is dynamic, because the engine takes a null only there.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from signoff.control._cel_text import (
    LONGEST,
    constants,
    objections,
    place,
    references,
    rewritten,
    words_of,
)
from signoff.control._fields import Field, Fields
from signoff.control._predicate import Complaint, Conditions, Misread
from signoff.errors import MissingExtra

_FOUND = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.+)$", re.MULTILINE)
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '\((.*)\)'")


def require_cel() -> None:
    """Check that what a policy needs is installed.

    Raises:
        MissingExtra: With the command that installs it.
    """
    if not (importlib.util.find_spec("cel_expr_python") and importlib.util.find_spec("yaml")):
        raise MissingExtra(
            "A policy file needs cel-expr-python and PyYAML, which are not installed. "
            "Run `pip install 'signoff[policy]'`."
        )


def _engine() -> Any:
    """The extension module; imported late, because it is an extra and 14 MB."""
    from cel_expr_python import cel  # pyright: ignore[reportMissingTypeStubs]

    return cel


@dataclass(frozen=True, slots=True)
class _Compiled:
    expression: Any
    text: str
    reads: tuple[str, ...]


class Cel:
    """CEL behind the port `Language`. Keeps what it compiled, for the policy that it reads."""

    def __init__(self) -> None:
        require_cel()
        self._fields: Fields | None = None
        self._checking: Any = None
        self._asking: Any = None
        self._compiled: dict[str, _Compiled] = {}

    def compile(self, conditions: Sequence[str], fields: Fields) -> Conditions:
        """Check conditions, and make them ready to be asked together.

        Raises:
            Misread: If one has a syntax error, a type error, or a name that does not exist.
        """
        if fields is not self._fields:
            self._declare(fields)
        complaints: list[Complaint] = []
        for number, text in enumerate(conditions):
            if text not in self._compiled:
                wrong = [
                    Complaint(number, line, column, message)
                    for line, column, message in sorted(set(self._examine(text, fields)))
                ]
                complaints += wrong
        if complaints:
            raise Misread(complaints)
        compiled = [self._compiled[text] for text in conditions]
        return Conditions(
            tuple(each.reads for each in compiled), _Asking(self._asking, compiled, fields)
        )

    def _declare(self, fields: Fields) -> None:
        cel = _engine()
        types = _Types(cel.Type)
        self._fields = fields
        self._compiled.clear()
        for checked in (True, False):
            env = cel.NewEnv(
                config=cel.NewEnvConfigFromYaml(_LIBRARY),
                variables={
                    path: types.of(field, checked=checked) for path, field in fields.known.items()
                },
            )
            if checked:
                self._checking = env
            else:
                self._asking = env

    def _examine(self, text: str, fields: Fields) -> Iterator[tuple[int, int, str]]:
        """What is wrong with a condition; one with nothing wrong is kept, compiled."""
        if len(text) > LONGEST:
            yield 1, 1, f"a condition has at most {LONGEST:,} characters; this has {len(text):,}"
            return
        words = words_of(text)
        paths = references(words, fields)
        wrong = [
            (*place(text, at), said) for at, said in objections(text, words, paths, fields)
        ] or list(self._check(text))
        if not wrong:
            nothing = self._asking.Activation({})
            for at, constant in constants(words):
                if not isinstance(_answer(self._asking.compile(constant), nothing), bool):
                    wrong.append((*place(text, at), f"{_what(constant)} that cannot be read"))
        if wrong:
            yield from wrong
            return
        reads = dict.fromkeys(path.path for path in paths)
        made = rewritten(text, words, paths)
        self._compiled[text] = _Compiled(self._asking.compile(made), made, tuple(reads))

    def _check(self, text: str) -> Iterator[tuple[int, int, str]]:
        cel = _engine()
        try:
            returned = self._checking.compile(text).return_type()
        except Exception as error:
            found = _FOUND.findall(str(error))
            if not found:
                yield 1, 1, _untangled(str(error).splitlines()[0])
            for line, column, message in found:
                yield max(int(line), 1), max(int(column), 1), _untangled(message)
            return
        if returned not in (cel.Type.BOOL, cel.Type("google.protobuf.BoolValue")):
            yield 1, 1, f"a condition is true or false; this is of type {returned.name().lower()}"


def _what(constant: str) -> str:
    if constant.startswith("timestamp"):
        return "a time"
    return "a duration" if constant.startswith("duration") else "a regular expression"


class _Asking:
    """Asks compiled conditions: all in one evaluation, or one by one if that cannot be said."""

    def __init__(self, env: Any, compiled: Sequence[_Compiled], fields: Fields) -> None:
        self._env = env
        self._expressions = [each.expression for each in compiled]
        self._texts = [each.text for each in compiled]
        self._together: Any = None
        self._tried = False
        reads = {path for each in compiled for path in each.reads}
        self._spell: dict[str, Callable[[Any], str]] = {
            path: _SPELT[fields.known[path].kind.name]
            for path in sorted(reads)
            if fields.known[path].optional and fields.known[path].kind.name in _SPELT
        }

    def __call__(self, values: Mapping[str, Any]) -> Sequence[bool | None]:
        try:
            if self._spell:
                values = {**values, **self._spelt(values)}
            activation = self._env.Activation(values)
        except Exception:  # whatever the engine cannot take: nothing can be said
            return [None] * len(self._expressions)
        answers = self._all(activation)
        if answers is None:
            answers = [_answer(expression, activation) for expression in self._expressions]
        return answers

    def _all(self, activation: Any) -> list[bool | None] | None:
        if not self._tried:
            self._tried, self._together = True, self._join()
        if self._together is None:
            return None
        try:
            said = self._together.eval(activation).plain_value()
        except Exception:
            return None
        # If one cannot be answered, neither can the list of them.
        whole = type(said) is list and all(type(answer) is bool for answer in cast("Any", said))
        return cast("list[bool | None]", said) if whole else None

    def _join(self) -> Any:
        if len(self._texts) < 2:
            return None
        try:
            return self._env.compile("[" + ",".join(f"({text}\n)" for text in self._texts) + "]")
        except Exception:  # each is within the engine's bounds, all of them together are not
            return None

    def _spelt(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            path: spell(values[path])
            for path, spell in self._spell.items()
            if values.get(path) is not None
        }


def _answer(expression: Any, activation: Any) -> bool | None:
    try:
        answer = expression.eval(activation).value()
    except Exception:  # the engine gave up, such as at the bound of its loops
        return None
    return answer if type(answer) is bool else None


def _instant(value: datetime) -> str:
    return value.isoformat()


def _span(value: timedelta) -> str:
    return f"{value // timedelta(microseconds=1)}us"


#: Optional times reach the engine as text, because it takes no null where it expects a time.
_SPELT: dict[str, Callable[[Any], str]] = {"timestamp": _instant, "duration": _span}


class _Types:
    """The engine's types of our fields."""

    def __init__(self, type_: Any) -> None:
        self._plain: dict[str, Any] = {
            "bool": type_.BOOL,
            "int": type_.INT,
            "double": type_.DOUBLE,
            "string": type_.STRING,
            "timestamp": type_.TIMESTAMP,
            "duration": type_.DURATION,
            "object": type_.NULL,
        }
        self._optional: dict[str, Any] = {
            "bool": type_("google.protobuf.BoolValue"),
            "int": type_("google.protobuf.Int64Value"),
            "double": type_("google.protobuf.DoubleValue"),
            "string": type_("google.protobuf.StringValue"),
        }
        self._type = type_

    def of(self, field: Field, *, checked: bool) -> Any:
        kind = field.kind
        if field.optional and not checked:
            return self._type.DYN
        if kind.name == "list":
            return self._type.List(self._plain[kind.of])
        if kind.name == "map":
            return self._type.Map(self._type.STRING, self._plain[kind.of])
        if field.optional:
            return self._optional.get(kind.name, self._plain[kind.name])
        return self._plain[kind.name]


def _untangled(message: str) -> str:
    """The engine's message in words that somebody who wrote a rule knows."""
    message = message.replace(" (in container '')", "").replace("@in", "in")
    if found := _OVERLOAD.search(message):
        name, types = found[1].strip("_"), found[2]
        types = re.sub(r"wrapper\((\w+)\)", r"\1 or null", types).replace("null_type", "null")
        types = types.replace("google.protobuf.Timestamp", "timestamp")
        types = types.replace("google.protobuf.Duration", "duration")
        mixed = name in "+-*/" and {"int", "double"} == set(
            types.replace(" or null", "").split(", ")
        )
        hint = "; write 2.0 for 2, or double(x) for x" if mixed else ""
        return f"{name} cannot be used with ({types}){hint}"
    message = re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", message)
    return re.sub(r" expecting \{.*\}$", "", message)


# The standard library, with comparisons of ints and doubles beside it, and without what would let
# values escape their types. Arithmetic on both stays an error: the engine evaluates a comparison of
# both itself, but for arithmetic it would call Python, and lose 128 bytes at every call.


def _function(name: str, overloads: Sequence[str]) -> str:
    """One function of the library, from pairs of operands such as `double int`."""
    lines = [f'  - name: "{name}"', "    overloads:"]
    for overload in overloads:
        lines += [f'      - id: "{name} {overload}"', "        args:"]
        lines += [f"          - {_operand(type_)}" for type_ in overload.split()]
        lines.append("        return: {type_name: bool}")
    return "\n".join(lines)


def _operand(type_: str) -> str:
    match type_:
        case "A":
            return "{type_name: A, is_type_param: true}"
        case "list" | "map":
            params = ", ".join(["{type_name: dyn}"] * (1 if type_ == "list" else 2))
            return f"{{type_name: {type_}, params: [{params}]}}"
        case "timestamp" | "duration":
            return f"{{type_name: google.protobuf.{type_.title()}}}"
        case "null":
            return "{type_name: 'null'}"
        case _:
            return f"{{type_name: {type_}}}"


_ORDERED = (
    *("int int", "double double", "int double", "double int"),
    *("string string", "timestamp timestamp", "duration duration"),
)
_EQUAL = (
    *("A A", "int double", "double int"),
    *("list null", "null list", "map null", "null map"),
)
_OVERLOADS = {
    **dict.fromkeys(("_<_", "_<=_", "_>_", "_>=_"), _ORDERED),
    **dict.fromkeys(("_==_", "_!=_"), _EQUAL),
}

_LIBRARY = "\n".join(
    [
        "stdlib:",
        "  exclude_macros: [has, map]",
        "  exclude_functions:",
        *(f'    - name: "{_name}"' for _name in (*_OVERLOADS, "dyn", "type")),
        "functions:",
        *(_function(_name, _overloads) for _name, _overloads in _OVERLOADS.items()),
    ]
)
