"""The decision record as JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    StrictBool,
    StrictStr,
    StringConstraints,
    ValidationError,
)

from signoff.errors import BadInput
from signoff.methodology._decision_record import VERSION, DecisionRecord
from signoff.methodology._line import Alternative, Line, Predicate
from signoff.methodology._workload import Workload, workload_of

_Text = Annotated[StrictStr, StringConstraints(max_length=2_000)]
_TITLES = ("runtime class", "spine", "coordination", "control", "sequence")


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _PredicateForm(_Form):
    name: _Text
    says: _Text
    holds: StrictBool
    reads: dict[_Text, StrictBool | _Text | None]
    assumed: dict[_Text, _Text] = {}


class _AlternativeForm(_Form):
    pattern: _Text
    why_not: _Text
    expect: tuple[_Text, ...]


class _LineForm(_Form):
    title: Literal["runtime class", "spine", "coordination", "control", "sequence"]
    chosen: tuple[_Text, ...]
    because: _Text
    fired: tuple[_Text, ...]
    predicates: tuple[_PredicateForm, ...]
    expect: tuple[_Text, ...]
    alternatives: tuple[_AlternativeForm, ...]
    notes: tuple[_Text, ...] = ()


class _RecordForm(_Form):
    record: Literal["signoff decision record"]
    version: int
    workload: dict[str, Any]
    lines: tuple[_LineForm, _LineForm, _LineForm, _LineForm, _LineForm]
    date: date | None
    model: _Text
    digest: _Text


def body_of(record: DecisionRecord) -> dict[str, Any]:
    """Everything but the digest."""
    return {
        "record": "signoff decision record",
        "version": record.version,
        "workload": record.workload.answers(),
        "lines": [_line_body(line) for line in record.lines],
        "date": None if record.on is None else record.on.isoformat(),
        "model": record.model,
    }


def _line_body(line: Line) -> dict[str, Any]:
    return {
        "title": line.title,
        "chosen": list(line.chosen),
        "because": line.because,
        "fired": list(line.fired),
        "predicates": [
            {
                "name": each.name,
                "says": each.says,
                "holds": each.holds,
                "reads": dict(each.reads),
                "assumed": dict(each.assumed),
            }
            for each in line.predicates
        ],
        "expect": list(line.expect),
        "alternatives": [
            {"pattern": each.pattern, "why_not": each.why_not, "expect": list(each.expect)}
            for each in line.alternatives
        ],
        "notes": list(line.notes),
    }


def record_of(document: object, source: str) -> DecisionRecord:
    """The record that `DecisionRecord.as_json` wrote.

    Raises:
        BadInput: If it is none, if a newer version wrote it, or if its digest is another.
    """
    version = _version_of(document, source)
    if version != VERSION:
        raise BadInput(
            f"{source} is of version {version}; this signoff reads version {VERSION}. Write it "
            "anew with `signoff select`, or use the signoff that wrote it"
        )
    try:
        form = _RecordForm.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{source} is no decision record: {where}: {first['msg']}") from error
    workload = workload_of(form.workload, f"{source}: workload")
    titles = tuple(line.title for line in form.lines)
    if titles != _TITLES:
        raise BadInput(f"{source}: its lines are {', '.join(titles)}, not {', '.join(_TITLES)}")
    record = _rebuilt(form, workload)
    if record.digest != form.digest:
        raise BadInput(
            f"{source} was changed by hand: its digest is {form.digest[:12]}, and that of what it "
            f"says {record.digest[:12]}. Change the workload, and write it anew with "
            "`signoff select`"
        )
    return record


def _version_of(document: object, source: str) -> int:
    if isinstance(document, Mapping):
        given = cast("Mapping[str, object]", document)
        version = given.get("version")
        if given.get("record") == "signoff decision record" and type(version) is int:
            return version
    raise BadInput(f"{source} is no decision record of signoff")


def _rebuilt(form: _RecordForm, workload: Workload) -> DecisionRecord:
    runtime, spine, coordination, control, sequence = map(_line, form.lines)
    return DecisionRecord(
        workload=workload,
        runtime=runtime,
        spine=spine,
        coordination=coordination,
        control=control,
        sequence=sequence,
        on=form.date,
        model=form.model,
        version=form.version,
    )


def _line(form: _LineForm) -> Line:
    return Line(
        title=form.title,
        chosen=form.chosen,
        because=form.because,
        fired=form.fired,
        predicates=tuple(
            Predicate(
                name=each.name,
                says=each.says,
                holds=each.holds,
                reads=each.reads,
                assumed=each.assumed,
            )
            for each in form.predicates
        ),
        expect=form.expect,
        alternatives=tuple(
            Alternative(pattern=each.pattern, why_not=each.why_not, expect=each.expect)
            for each in form.alternatives
        ),
        notes=form.notes,
    )


def document_of(text: str, source: str) -> object:
    """A text as a JSON document.

    Raises:
        BadInput: If it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{source} is no JSON: {error}") from error
