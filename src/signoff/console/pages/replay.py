"""Replay: what another model would have done, run by run and answer beside answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from signoff.console._asked import asked, page_of
from signoff.console._desk import desk_of
from signoff.console._rendering import query, render
from signoff.console.access import Role, needs
from signoff.console.pages._runs import (
    Comparison,
    Example,
    File,
    Run,
    Said,
    files_in,
    known,
    run_in,
)
from signoff.reading import exact_json

#: Runs on one page, and bytes that are read for it; the rest a moment later.
_PAGE, _AT_ONCE = 30, 2 * 1024 * 1024

#: Examples of a run, answers of each lane, characters of each, and lines that are compared.
_EXAMPLES, _ANSWERS, _SHOWN, _LINES = 9, 3, 1200, 40

#: Kinds of inputs, the gravest first.
_KINDS = ("effect", "verdict", "proposal", "variance", "same", "alone")

#: Lines of an answer, and whether they are not in the other one.
Side = Sequence[tuple[bool, str]]


@needs(Role.viewer)
async def runs(request: Request) -> Response:
    """Runs, the latest first."""
    folder, page = desk_of(request).settings.replays, page_of(request)
    files = await asyncio.to_thread(files_in, folder)
    shown = files[(page - 1) * _PAGE : page * _PAGE]
    rows, left, waiting = list[tuple[File, Run | None]](), _AT_ONCE, False
    for file in shown:
        run = known(folder, file)
        if run is None and (left > 0 or not rows):
            left -= file.size
            run = await asyncio.to_thread(run_in, folder, file)
        waiting = waiting or run is None
        rows.append((file, run))
    return render(
        request,
        "replay/runs.html",
        folder=str(folder),
        rows=rows,
        waiting=waiting,
        page=page,
        more=len(files) > page * _PAGE,
        address=f"/replay{query({'page': page if page > 1 else ''})}",
    )


@needs(Role.viewer)
async def one(request: Request) -> Response:
    """One run."""
    folder, name = desk_of(request).settings.replays, asked(request, "name")
    files = await asyncio.to_thread(files_in, folder)
    file = next((each for each in files if each.name == name), None)
    if file is None:
        raise HTTPException(404, "There is no such run.")
    run = known(folder, file)
    if run is None:
        run = await asyncio.to_thread(run_in, folder, file)
    found = run.comparison
    return render(
        request,
        "replay/run.html",
        file=file,
        run=run,
        found=found,
        kinds=[(kind, found.kinds[kind]) for kind in _KINDS if found.kinds.get(kind)]
        if found
        else [],
        examples=[_told(found, each) for each in found.examples[:_EXAMPLES]] if found else [],
        answers=_ANSWERS,
    )


def _told(found: Comparison, example: Example) -> tuple[Example, str, str, Side, Side]:
    """An example, its crossing, the objection, and its most frequent answers side by side."""
    crossing = example.input.partition("/")[0] if found.about.boundary else ""
    because = (each.because for each in found.divergences if each.question == example.input)
    sides = side_by_side(_usual(example.baseline), _usual(example.candidate))
    return example, crossing, next(because, ""), *sides


def _usual(answers: Sequence[Said]) -> str:
    return answers[0].shown if answers else ""


def side_by_side(before: str, after: str) -> tuple[Side, Side]:
    """Two answers line by line; what only one of them says is marked."""
    was, now = _lines(before), _lines(after)
    left, right = list[tuple[bool, str]](), list[tuple[bool, str]]()
    for tag, i, to_i, j, to_j in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        left += [(tag != "equal", line) for line in was[i:to_i]]
        right += [(tag != "equal", line) for line in now[j:to_j]]
    return left, right


def _lines(text: str) -> Sequence[str]:
    try:
        told = cast("object", json.loads(text))
    except (ValueError, RecursionError):
        told = text
    shown = exact_json(cast("object", told)) if isinstance(told, dict | list) else text
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}…"
    return shown.split("\n")[:_LINES]


routes = [
    Route("/replay", runs),
    Route("/replay/run", one),
]
