"""One policy: its rules, its tests, and what it would have decided about what is on record."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from signoff.console._asked import page_of, whole_number
from signoff.console._desk import desk_of
from signoff.console._rendering import query, render
from signoff.console._shaped import Shape, shaped
from signoff.console.access import Role, form_of, needs, text_of
from signoff.console.pages._policies import Checked, Declared, Rule, declared_in, in_force
from signoff.console.studies import Study
from signoff.errors import BadInput

#: Rules and cases on one page; policies that can be named; tenants and boundaries that are told.
_RULES, _MOST, _TOLD = 50, 100, 40


class Objection(Shape):
    """What a rule said."""

    code: str
    message: str = ""
    then: str = ""
    rule: str | None = None


class Case(Shape):
    """A case, and what the policy said of it."""

    name: str
    passed: bool
    expected: str | tuple[str, ...]
    rejects: tuple[Objection, ...]


class Tested(Shape):
    """What `signoff policy test --json` prints."""

    passed: bool
    cases: tuple[Case, ...]


class Example(Shape):
    """A recorded decision that would be another one."""

    crossing: str
    boundary: str
    attempt: int
    at: str
    recorded: tuple[Objection, ...]
    now: tuple[Objection, ...]


class WhatIf(Shape):
    """What `signoff policy replay --json` prints."""

    compared: int
    changed: int
    counts: dict[str, int]
    boundaries: dict[str, dict[str, int]]
    examples: dict[str, tuple[Example, ...]]


@needs(Role.viewer)
async def shown(request: Request) -> Response:
    """One policy that a project declares: its rules, its cases, and a what-if."""
    desk, page = desk_of(request), page_of(request)
    number = whole_number(request, "number", 1, most=_MOST)
    declared = await _known(request, number)
    reading = desk.studies.look_first(declared.check())
    trying = desk.studies.look_first(declared.tests()) if declared.cases else None
    judging = desk.studies.look(declared.what_if())
    checked = shaped(Checked, reading.found.value) if reading.found else None
    tested = shaped(Tested, trying.found.value) if trying and trying.found else None
    rules = _all_rules(checked) if checked else []
    first, last = (page - 1) * _RULES, page * _RULES
    cases = sorted(tested.cases, key=lambda case: case.passed) if tested else []
    used = [name for name, labels in await in_force(desk) if checked and checked.label in labels]
    busy = any(each.since for each in (reading, judging, *([trying] if trying else [])))
    return render(
        request,
        "controls/policy.html",
        declared=declared,
        reading=reading,
        trying=trying,
        judging=judging,
        checked=checked,
        tested=tested,
        what_if=shaped(WhatIf, judging.found.value) if judging.found else None,
        rules=rules[first:last],
        cases=cases[first:last],
        more=max(len(rules), len(cases)) > last,
        page=page,
        used=used,
        busy=busy,
        told=_TOLD,
        address=f"/controls/policy{query({'number': number, 'page': page if page > 1 else ''})}",
    )


@needs(Role.viewer)
async def again(request: Request) -> Response:
    """Read the policy again, ask it about its cases again, or judge what is on record by it."""
    form = form_of(request)
    text, what = text_of(form, "number"), text_of(form, "what")
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_MOST)):
        raise BadInput(f"{text[:20]!r} is no policy")
    declared = await _known(request, int(text))
    studies: dict[str, Study] = {"check": declared.check(), "what-if": declared.what_if()}
    if declared.cases:
        studies["test"] = declared.tests()
    if what not in studies:
        raise BadInput(f"say {', '.join(studies)}; not {what[:20]!r}")
    desk_of(request).studies.begin(studies[what])
    return RedirectResponse(f"/controls/policy{query({'number': text})}", status_code=303)


async def _known(request: Request, number: int) -> Declared:
    found = await declared_in(desk_of(request))
    if not 1 <= number <= len(found):
        raise HTTPException(404, "No project of the console declares such a policy.")
    declared = found[number - 1]
    if declared.error:
        raise BadInput(declared.error)
    return declared


def _all_rules(checked: Checked) -> list[tuple[str, Rule]]:
    """(tenant, rule), first those for everybody."""
    of_tenants = [
        (tenant, rule) for tenant, rules in sorted(checked.tenants.items()) for rule in rules
    ]
    return [*(("", rule) for rule in checked.rules), *of_tenants]


routes = [
    Route("/controls/policy", shown, methods=["GET"]),
    Route("/controls/policy", again, methods=["POST"]),
]
