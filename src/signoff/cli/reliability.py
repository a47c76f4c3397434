"""`signoff reliability`: how often, how evenly, and where it is going."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signoff.cli import _reliability_shown
from signoff.cli._default_command import otherwise
from signoff.cli._output import AsJson
from signoff.cli._progress import bar
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.errors import BadInput, UsageError
from signoff.reading import existing
from signoff.words import count

if TYPE_CHECKING:
    from signoff.diagnosis import Trial

app = typer.Typer(
    cls=otherwise("boundary", bare=True),
    help="Measure pass^k, its variance, its trend, and what would help.",
)


class Rows(StrEnum):
    """What a row stands for."""

    BOUNDARY = "boundary"
    MODEL = "model"


class CorpusRows(StrEnum):
    """What a row stands for."""

    GROUP = "group"
    MODEL = "model"


class Accepted(StrEnum):
    """What counts as accepted."""

    FIRST = "first"
    OUTCOME = "outcome"


class Errors(StrEnum):
    """What an error counts as."""

    FAIL = "fail"
    SKIP = "skip"


Depth = Annotated[
    int | None,
    typer.Option(
        "--k", min=1, max=1000, help="Largest k of pass^k. By default, what half of inputs have."
    ),
]
Confidence = Annotated[float, typer.Option(help="Of every interval.")]
Horizon = Annotated[float, typer.Option(metavar="DAYS", help="How far the levers look ahead.")]
Window = Annotated[float, typer.Option(metavar="DAYS", help="One point of the trend.")]
Strengthen = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=SHARE", help="A level to reach, for the levers; may be given several times."
    ),
]
Plot = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw a chart: .svg, or .png with an extra.")
]
OnErrors = Annotated[Errors, typer.Option(help="Whether errors count as failures.")]


@app.command()
def boundary(
    name: Annotated[
        str, typer.Argument(metavar="BOUNDARY", help="Only this one. By default, all.")
    ] = "",
    store: StoreUrl = DEFAULT_STORE,
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="30d or 12h before the last record, or a date.")
    ] = "",
    k: Depth = None,
    by: Annotated[Rows, typer.Option(help="What a row stands for.")] = Rows.BOUNDARY,
    ok: Annotated[
        Accepted, typer.Option(help="Accepted at the first proposal, or committed in the end.")
    ] = Accepted.FIRST,
    errors: OnErrors = Errors.FAIL,
    confidence: Confidence = 0.95,
    horizon: Horizon = 90.0,
    window: Window = 1.0,
    strengthen: Strengthen = None,
    plot: Plot = None,
    json: AsJson = False,
) -> None:
    """Measure the crossings of a ledger. `boundary` itself may be left out of the line."""
    _reliability_shown.checked(plot)
    levels = _levels(strengthen)
    trials = asyncio.run(_crossings(store, name, since, ok.value, show=not json))
    from signoff.diagnosis import reliability

    found = reliability(
        trials,
        k=k,
        by="group" if by is Rows.BOUNDARY else "model",
        errors=errors.value,
        confidence=confidence,
        horizon=horizon,
        window=window,
        strengthen=levels,
    )
    title = f"Reliability of {name or 'all boundaries'}"
    about = {"boundary": name, "since": since, "ok": ok.value}
    _reliability_shown.finish(found, group="boundary", title=title, plot=plot, json=json, **about)


@app.command()
def corpus(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Recorded trials, as JSON lines; .gz as well.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="Only this one; may be given several times."),
    ] = None,
    group: Annotated[str, typer.Option(metavar="NAME", help="Only this group of inputs.")] = "",
    k: Depth = None,
    by: Annotated[CorpusRows, typer.Option(help="What a row stands for.")] = CorpusRows.MODEL,
    errors: OnErrors = Errors.FAIL,
    confidence: Confidence = 0.95,
    horizon: Horizon = 90.0,
    window: Window = 1.0,
    strengthen: Strengthen = None,
    format: Annotated[
        str, typer.Option(metavar="NAME", help="auto, signoff, otel, bfcl, mcpmark or tau.")
    ] = "auto",
    plot: Plot = None,
    json: AsJson = False,
) -> None:
    """Measure recorded trials from a file."""
    _reliability_shown.checked(plot)
    levels = _levels(strengthen)
    from signoff.corpus import read_corpus
    from signoff.diagnosis import reliability

    with bar("reading", show=not json) as tell:
        read = read_corpus(
            file,
            format=format,
            tell=lambda done, size: tell(done if done == size else done - done % 25, size, 0),
        )
    trials = [trial for each in model for trial in read.of(each)] if model else read.trials
    if group:
        trials = [trial for trial in trials if trial.group == group]
    if not trials:
        raise BadInput(f"{file} has no trial to count" + (f" in {group!r}" if group else ""))
    found = reliability(
        trials,
        k=k,
        by=by.value,
        errors=errors.value,
        confidence=confidence,
        horizon=horizon,
        window=window,
        strengthen=levels,
    )
    problems = [
        {"line": problem.line, "what": problem.what, "number": problem.number}
        for problem in read.problems
    ]
    about = {"corpus": str(file), "format": read.format, "problems": problems,
             "skipped": read.skipped}  # fmt: skip
    _reliability_shown.finish(
        found, group="group", title=f"Reliability in {file.name}", plot=plot, json=json, **about
    )
    if problems and not json:
        kinds = count(len(problems), "kind of problem", "kinds of problems")
        print(f"\n{count(read.skipped, 'record')} left out, {kinds}; --json lists them.")


def _levels(strengthen: list[str] | None) -> dict[str, float]:
    levels: dict[str, float] = {}
    for each in strengthen or []:
        name, _, level = each.rpartition("=")
        try:
            levels[name] = float(level.removesuffix("%")) / (100 if level.endswith("%") else 1)
        except ValueError:
            name = ""
        if not name:
            raise UsageError(f"--strengthen {each!r}: write NAME=SHARE, such as renewal.offer=0.98")
    return levels


async def _crossings(store: str, name: str, since: str, ok: str, *, show: bool) -> list[Trial]:
    from signoff.cli._policy_replay import moment_of
    from signoff.clock import from_stamp
    from signoff.diagnosis import trials_of_ledger

    async with existing(store) as storage:
        last = await storage.last_at()
        begins = moment_of("--since", since, from_stamp(last)) if last else ""
        total = await storage.read(lambda connection: connection.run("last", {})[0][0] or 0)
        with bar("reading", show=show) as tell:
            found = [
                trial
                async for trial in trials_of_ledger(
                    storage,
                    boundary=name,
                    since=begins,
                    ok="first" if ok == "first" else "outcome",
                    progress=lambda position: tell(position, total, 0),
                )
            ]
        if found:
            return found
        known = sorted({boundary for boundary, *_ in await storage.crossings_by_status()})
        if name and name not in known:
            told = f"it knows {', '.join(known)}" if known else "it knows none"
            raise BadInput(f"the ledger at {storage.url} has no boundary {name!r}; {told}")
        when = f" since {begins[:19]}" if begins else ""
        raise BadInput(f"the ledger at {storage.url} has no judged proposal{when} to count")
