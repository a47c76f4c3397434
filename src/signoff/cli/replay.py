"""`signoff replay`: what another model would have done, before it does it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli import _replay_live, _replay_shown
from signoff.cli._default_command import otherwise
from signoff.cli._output import AsJson, put, show_json, show_table, styled
from signoff.cli._progress import bar
from signoff.cli._replay_shown import AllowEffects, Confidence, Examples, Margin, ReportFile
from signoff.errors import UsageError
from signoff.words import count

if TYPE_CHECKING:
    from signoff.corpus import Corpus

app = typer.Typer(
    cls=otherwise("boundary"),
    help="Say whether another model or prompt may take the present one's place.",
    epilog="Exit status: 0 SHIP, 1 HOLD, 3 REVIEW.",
    no_args_is_help=True,
)

app.command()(_replay_live.boundary)

_MOST_PROBLEMS = 10

_LISTED = ("model", "trials", "inputs", "judged", "accepted")


@app.command()
def corpus(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Recorded trials, as JSON lines; .gz as well.")
    ],
    baseline: Annotated[
        str, typer.Option(metavar="MODEL", help="Whose place it is; model@run for one run of it.")
    ] = "",
    candidate: Annotated[str, typer.Option(metavar="MODEL", help="Who may take it.")] = "",
    group: Annotated[
        str, typer.Option(metavar="NAME", help="Only this group of inputs. By default, all.")
    ] = "",
    margin: Margin = 0.02,
    confidence: Confidence = 0.95,
    examples: Examples = 3,
    allow_effects: AllowEffects = False,
    format: Annotated[
        str, typer.Option(metavar="NAME", help="auto, signoff, otel, bfcl, mcpmark or tau.")
    ] = "auto",
    report: ReportFile = None,
    json: AsJson = False,
) -> None:
    """Compare two models by what they have answered already. Nobody is asked.

    Without --baseline and --candidate, list the models.
    """
    if bool(baseline) != bool(candidate):
        raise UsageError("name both --baseline and --candidate, or neither to list the models")
    _replay_shown.checked(report)
    if report is not None and report.resolve() == file.resolve():
        raise UsageError(f"--report {report} would replace the corpus; name another file")
    read = _read(file, format, show=not json)
    if not baseline:
        _list(read, json=json)
        return
    from signoff.replay import compare

    lanes = read.pair(baseline, candidate, group=group)
    comparison = compare(
        *lanes,
        confidence=confidence,
        margin=margin,
        allow=("proposal", "verdict", "effect") if allow_effects else ("proposal", "verdict"),
        incomplete=read.incomplete,
        examples=examples,
    )
    about = {"corpus": str(file), "format": read.format, "group": group, **_left_out(read)}
    if report is not None:
        _replay_shown.write(report, comparison, **about)
    if json:
        from signoff.replay import as_json

        show_json(as_json(comparison, **about))
    else:
        _replay_shown.show(comparison)
        _show_problems(read)
    raise typer.Exit(comparison.status)


def _read(file: Path, format: str, *, show: bool) -> Corpus:
    from signoff.corpus import read_corpus

    with bar("reading", show=show) as tell:
        # The bar moves at multiples of 25.
        return read_corpus(
            file,
            format=format,
            tell=lambda done, size: tell(done if done == size else done - done % 25, size, 0),
        )


def _left_out(read: Corpus) -> dict[str, Any]:
    problems = [
        {"line": problem.line, "what": problem.what, "number": problem.number}
        for problem in read.problems
    ]
    return {"skipped": read.skipped, "problems": problems}


def _list(read: Corpus, *, json: bool) -> None:
    rows: dict[str, list[Any]] = {}
    for trial in read.trials:
        row = rows.setdefault(trial.model, [0, set[str](), 0, 0])
        row[0] += 1
        row[1].add(trial.input)
        row[2] += trial.ok is not None
        row[3] += trial.ok is True
    models = [
        dict(zip(_LISTED, (model, row[0], len(row[1]), row[2], row[3]), strict=True))
        for model, row in sorted(rows.items())
    ]
    groups = sorted({trial.group for trial in read.trials} - {""})
    if json:
        show_json({"format": read.format, "models": models, "groups": groups, **_left_out(read)})
        return
    show_table(_LISTED, [list(each.values()) for each in models], numbers=_LISTED[1:])
    if groups:
        put(styled(f"\ngroups: {', '.join(groups)}", most=2_000))
    _show_problems(read)


def _show_problems(read: Corpus) -> None:
    if not read.problems:
        return
    print(f"\nwhat was wrong, {count(read.skipped, 'record')} left out:")
    rows = [
        (problem.line, problem.number, problem.what) for problem in read.problems[:_MOST_PROBLEMS]
    ]
    columns = ("first line", "how many", "what is wrong")
    show_table(columns, rows, numbers=columns[:2])
    if (more := len(read.problems) - len(rows)) > 0:
        print(f"and {count(more, 'other kind')}; --json lists them")
