"""Diagnosis: which signatures of failure are on the ledger, where, and what corrects them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from signoff.console._asked import asked, page_of
from signoff.console._desk import Desk, desk_of
from signoff.console._rendering import query, render
from signoff.console._shaped import Shape, parts_of, shaped
from signoff.console.access import Role, form_of, needs, text_of
from signoff.console.studies import Study
from signoff.diagnosis import SIGNATURES
from signoff.errors import BadInput
from signoff.methodology import NUMBERS

#: How far back it is looked, as `--since` takes it, and in words.
SINCE: Mapping[str, str] = {"": "ever", "7d": "7 days", "24h": "24 hours"}

#: What a signature is a failure of, by the first part of its code.
_PATTERNS = {"SDB": "the boundary", **{number: name for name, number in NUMBERS.items()}}

#: Findings on one page, and occurrences that are named of each.
_PAGE, _NAMED = 8, 5


class Occurrence(Shape):
    """Where a signature was seen."""

    subject: str = ""
    crossing: str = ""


class Finding(Shape):
    """A signature that was found, as `signoff diagnose --json` says it."""

    code: str
    pattern: str
    title: str
    severity: Literal["critical", "serious", "minor"]
    strength: str
    where: str
    count: int
    of: int | None
    interval: tuple[float, float] | None
    told: str
    cause: str
    corrections: tuple[str, ...]
    evidence: tuple[Occurrence, ...]


class Unread(Shape):
    """A record that could not be read."""

    position: int
    because: str


class Diagnosis(Shape):
    """What `signoff diagnose --json` prints; its findings only in part."""

    records: int
    crossings: int
    first: str | None
    last: str | None
    findings: tuple[Finding, ...]
    unreadable: int
    unread: tuple[Unread, ...]


@needs(Role.viewer)
async def found(request: Request) -> Response:
    """The findings, the gravest first."""
    desk = desk_of(request)
    since, page = _since(asked(request, "since")), page_of(request)
    standing = desk.studies.look_first(_study(since))
    value = standing.found.value if standing.found else None
    codes = [str(each.get("code")) for each in parts_of(value, "findings")]
    return render(
        request,
        "diagnosis.html",
        standing=standing,
        since=since,
        choices=SINCE,
        patterns=_PATTERNS,
        page=page,
        most=_NAMED,
        size=_PAGE,
        number=len(codes),
        diagnosis=shaped(Diagnosis, _part(value, page)),
        absent=[each for each in SIGNATURES if each.code not in codes],
        address=f"/diagnosis{query({'since': since, 'page': page if page > 1 else ''})}",
    )


@needs(Role.viewer)
async def again(request: Request) -> Response:
    """Look again."""
    since = _since(text_of(form_of(request), "since"))
    desk_of(request).studies.begin(_study(since))
    return RedirectResponse(f"/diagnosis{query({'since': since})}", status_code=303)


def codes_found(desk: Desk) -> frozenset[str]:
    """Codes of the signatures that were found when somebody last looked at the whole ledger."""
    found = desk.studies.look(_study("")).found
    told = parts_of(found.value, "findings") if found else []
    return frozenset(str(each.get("code")) for each in told)


def _since(text: str) -> str:
    if text not in SINCE:
        raise BadInput(f"it is looked back {', '.join(SINCE.values())}; not {text[:20]!r}")
    return text


def _study(since: str) -> Study:
    return Study(("diagnose", *(("--since", since) if since else ())))


def _part(value: Any, page: int) -> Any:
    """The document with the findings of one page."""
    if not isinstance(value, dict):
        return None
    whole = cast("dict[str, Any]", value)
    part = parts_of(whole, "findings")[(page - 1) * _PAGE : page * _PAGE]
    return {**whole, "findings": part}


routes = [
    Route("/diagnosis", found, methods=["GET"]),
    Route("/diagnosis", again, methods=["POST"]),
]
