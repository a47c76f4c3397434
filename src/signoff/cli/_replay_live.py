"""`signoff replay BOUNDARY`: recorded questions, asked again of another model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli import _replay_shown
from signoff.cli._output import AsJson, put, show_json, show_table, styled
from signoff.cli._replay_shown import AllowEffects, Confidence, Examples, Margin, ReportFile
from signoff.cli._replay_who import Asked, asking_bar, lanes_of
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.errors import BadInput, UsageError
from signoff.reading import existing
from signoff.words import count, plain

if TYPE_CHECKING:
    from signoff.boundary import Proposer
    from signoff.replay import Progress, ReplayReport


def boundary(
    name: Annotated[str, typer.Argument(metavar="BOUNDARY", help="Its name on the ledger.")],
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Who is asked: provider:name, local, or simulated. By default the boundary's own.",
        ),
    ] = "",
    prompt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Other instructions for it, as text."),
    ] = None,
    app: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:ATTRIBUTE",
            help="Your boundaries: one, several, or a function that returns them. By default "
            "those of [boundaries] in signoff.toml; the renewal agent's are always known.",
        ),
    ] = None,
    baseline: Annotated[
        str,
        typer.Option(
            metavar="WHO",
            help="With whom it is compared: own, asked again; recorded, asking nobody; a model.",
        ),
    ] = "own",
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="30d or 12h ago, or a date. By default, ever.")
    ] = "",
    until: Annotated[str, typer.Option(metavar="WHEN", help="By default, now.")] = "",
    n: Annotated[
        int, typer.Option("--n", min=1, max=100, help="Answers to each question in each lane.")
    ] = 4,
    most: Annotated[
        int | None, typer.Option(min=1, help="At most so many questions, a random sample.")
    ] = None,
    sample_seed: Annotated[int, typer.Option(help="Of the sample and its order.")] = 0,
    revisions: Annotated[
        bool,
        typer.Option("--revisions", help="Also what was asked after a first answer was rejected."),
    ] = False,
    max_usd: Annotated[
        float | None, typer.Option(min=0.000001, help="Stop before more than this is spent.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that an answer may take.")
    ] = 60.0,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Questions out at the same time: 8, or 1 if local."),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Of an OpenAI-compatible server, for provider:name.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="Of the candidate.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of a local or simulated candidate's luck.")
    ] = None,
    misbehaves: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of a simulated candidate's answers that go wrong."),
    ] = None,
    effect: Annotated[
        str,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="What an accepted (proposal, subject) would do. By default, the proposal itself.",
        ),
    ] = "",
    look_up: Annotated[
        bool,
        typer.Option(
            "--look-up", help="Ask the boundary's lookups anew. They do I/O of their own."
        ),
    ] = False,
    margin: Margin = 0.02,
    confidence: Confidence = 0.95,
    examples: Examples = 3,
    allow_effects: AllowEffects = False,
    journal: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keeps every answer. By default, beside the store."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask everything again, whatever a journal keeps.")
    ] = False,
    store: StoreUrl = DEFAULT_STORE,
    report: ReportFile = None,
    json: AsJson = False,
) -> None:
    """Ask recorded questions again, of the present model and of another. Nothing is committed.

    The ledger is only read. Interrupted, the same line goes on where it was.
    """
    from signoff.cli._policy_replay import window_of
    from signoff.clock import SystemClock, from_stamp

    _replay_shown.checked(report)
    window_of(since, until, SystemClock().now())
    asked = Asked(
        model=model,
        prompt=None if prompt is None else _text(prompt),
        base_url=base_url,
        temperature=temperature,
        seed=seed,
        misbehaves=misbehaves,
    )
    if not asked.is_anybody():
        raise UsageError("nothing would differ: say --model, or what else should, as --prompt does")
    options: dict[str, Any] = {
        "n": n,
        "most": most,
        "seed": sample_seed,
        "revisions": revisions,
        "look_up": look_up,
        "timeout": timeout,
        "max_usd": max_usd,
        "confidence": confidence,
        "margin": margin,
        "examples": examples,
        "allow": ("proposal", "verdict", "effect") if allow_effects else ("proposal", "verdict"),
    }

    async def run(tell: Callable[[Progress], None], told: Callable[[Path], None]) -> ReplayReport:
        from signoff.replay import replay

        async with existing(store) as storage:
            lanes = await lanes_of(name, app or [], storage, asked, baseline, effect)
            examined, base, candidate = lanes
            spelled = [since, until, most, sample_seed, revisions, look_up, effect]
            kept = journal or _journal_of(store, lanes, spelled)
            if fresh:
                kept.unlink(missing_ok=True)
            told(kept)
            local = any(_is_local(lane) for lane in (base, candidate))
            return await replay(
                examined,
                storage,
                model=candidate,
                baseline=base,
                since=_ago(since, from_stamp),
                until=_ago(until, from_stamp),
                concurrency=concurrency or (1 if local else 8),
                journal=kept,
                tell=tell,
                **options,
            )

    found, kept = _run(run, show=not json)
    if report is not None:
        _replay_shown.write(report, found.comparison, **found.about())
    if json:
        show_json(found.as_json() | {"journal": str(kept)})
    else:
        _show(found, kept)
    raise typer.Exit(found.status)


def _run(
    run: Callable[[Callable[[Progress], None], Callable[[Path], None]], Any], *, show: bool
) -> tuple[ReplayReport, Path]:
    kept: list[Path] = []
    done = 0
    try:
        with asking_bar(show=show) as tell:

            def count_too(progress: Progress) -> None:
                nonlocal done
                done = progress.done
                tell(progress)

            return asyncio.run(run(count_too, kept.append)), kept[0]
    except KeyboardInterrupt:
        if kept and done:
            print(plain(f"{count(done, 'answer')} kept in {kept[0]}"), file=sys.stderr)
        raise


def _is_local(lane: Proposer[Any, Any] | str) -> bool:
    return not isinstance(lane, str) and lane.fingerprint.model.startswith("local:")


def _text(prompt: Path) -> str:
    try:
        text = prompt.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadInput(f"cannot read {prompt}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{prompt} is no UTF-8 text") from error
    if not text:
        raise BadInput(f"{prompt} is empty: it has to say what the model is to do")
    return text


def _ago(text: str, from_stamp: Callable[[str], datetime]) -> Any:
    """`30d` as a span, so that the same line means the same; a date as an instant."""
    from datetime import timedelta

    from signoff.cli._policy_replay import moment_of

    if not text:
        return None
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    first = from_stamp(moment_of("--since", text, epoch))
    span: timedelta = epoch - first
    later = from_stamp(moment_of("--since", text, epoch + timedelta(days=1)))
    return span if later != first else first


def _journal_of(store: str, lanes: tuple[Any, Any, Any], spelled: list[Any]) -> Path:
    """Beside the store, or here; another line, model or verifier is another file."""
    from signoff.ledger import digest
    from signoff.storage import SQLiteStorage, storage_at

    examined, *asked = lanes
    who = [lane if isinstance(lane, str) else lane.fingerprint.body() for lane in asked]
    mark = digest([store, who, spelled, list(examined.judged_by)])[:8]
    storage = storage_at(store)
    beside = Path(storage.path) if isinstance(storage, SQLiteStorage) else Path("signoff")
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in examined.name)
    return beside.with_name(f"{beside.stem}-replay-{safe}-{mark}.jsonl")


def _show(found: ReplayReport, kept: Path) -> None:
    _replay_shown.show(found.comparison)
    print()
    put(styled("What it took", "bold"))
    columns = ("lane", "asked", "answers", "failures", "tokens", "usd", "seconds")
    rows = [
        (name, lane.label, lane.answers, lane.failures, lane.tokens, f"{lane.usd:.4f}",
         f"{lane.seconds:.1f}")
        for name, lane in (("baseline", found.baseline), ("candidate", found.candidate))
    ]  # fmt: skip
    show_table(columns, rows, numbers=columns[2:])
    for note in found.notes:
        put(styled(f"note: {note}", "dim", most=0))
    asked = count(found.questions, "question")
    of = f" of {found.found:,}" if found.found != found.questions else ""
    put(styled(f"\n{asked}{of} of {found.boundary}; every answer is kept in {kept}", most=600))
