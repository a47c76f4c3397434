"""Who is asked by `signoff replay BOUNDARY`, and how far that is."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from signoff.words import took

if TYPE_CHECKING:
    from signoff.boundary import Proposer
    from signoff.replay import Examination, Progress
    from signoff.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whom the command line wants to ask."""

    model: str
    prompt: str | None
    base_url: str | None
    temperature: float | None
    seed: int | None
    misbehaves: float | None

    def is_anybody(self) -> bool:
        """Whether anything would differ from the boundary's own proposer."""
        return any(
            (
                self.model,
                *(
                    v is not None
                    for v in (self.prompt, self.temperature, self.seed, self.misbehaves)
                ),
            )
        )

    def of(self, own: Proposer[Any, Any]) -> Proposer[Any, Any]:
        """The candidate: whatever is not given stays as the boundary has it."""
        from signoff.proposers import another

        return another(
            own,
            self.model,
            instructions=self.prompt,
            base_url=self.base_url,
            temperature=self.temperature,
            seed=self.seed,
            misbehaves=self.misbehaves,
        )


async def lanes_of(
    name: str, apps: list[str], storage: Storage, asked: Asked, baseline: str, effect: str
) -> tuple[Examination[Any, Any], Proposer[Any, Any] | Literal["recorded"], Proposer[Any, Any]]:
    """What is examined, and who is asked about it."""
    from signoff.cli._boundaries import apps_in, boundaries_of, imported, unknown
    from signoff.proposers import another
    from signoff.replay import Examination

    effect_of = imported("--effect", effect) if effect else None
    known = boundaries_of(apps or apps_in())
    if name in known:
        found: Any = known[name]
        examined: Examination[Any, Any]
        if isinstance(found, Examination):
            examined = found  # pyright: ignore[reportUnknownVariableType]
        else:
            examined = Examination.of(found, effect_of=effect_of)
        own = examined.proposer
        candidate = asked.of(own)
    else:
        shipped = await _shipped(name, storage)
        if shipped is None:
            raise unknown(name, [*known, *_shipped_names()])
        examined, own = shipped, shipped.proposer
        candidate = asked.of(_shipped_source(name, own, asked))
    if baseline == "recorded":
        return examined, "recorded", candidate
    return examined, own if baseline == "own" else another(own, baseline), candidate


def _shipped_names() -> list[str]:
    from signoff.workloads.contract_renewal import proposers
    from signoff.workloads.contract_renewal.examinations import replayable

    return list(replayable(proposers.simulated(seed=0, misbehaves=0.0)))


async def _shipped(name: str, storage: Storage) -> Examination[Any, Any] | None:
    """A boundary of the renewal agent, with the proposer that answered on record."""
    from signoff.replay import questions_of
    from signoff.workloads.contract_renewal import proposers
    from signoff.workloads.contract_renewal.examinations import (
        examination,
        proposers_of,
        replayable,
    )

    some = proposers.simulated(seed=0, misbehaves=0.0)
    if name not in replayable(some):
        return None
    found = examination(name, some)
    questions = await questions_of(storage, name, found.subject, most=1)
    if not questions.asked:
        return found
    return examination(name, proposers_of(questions.asked[0].fingerprint))


def _shipped_source(name: str, own: Proposer[Any, Any], asked: Asked) -> Proposer[Any, Any]:
    """A proposer of the renewal agent that has the words for the model that is asked."""
    from signoff.proposers import Simulated
    from signoff.workloads.contract_renewal import proposers
    from signoff.workloads.contract_renewal.examinations import examination

    kind = asked.model
    if not kind or (kind == "simulated") == isinstance(own, Simulated):
        return own
    if kind != "local" and kind != "simulated" and ":" not in kind:
        return own  # it says what is wrong
    of = proposers.named(kind, seed=0, misbehaves=0.0, base_url=asked.base_url)
    return examination(name, of).proposer


@contextlib.contextmanager
def asking_bar(*, show: bool) -> Generator[Callable[[Progress], None]]:
    """A bar on standard error with cost and time left, if somebody is looking."""
    if not show or sys.stderr is None or not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("asking"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[cost]}"),
        TextColumn("{task.fields[left]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("asking", total=None, cost="", left="")

        def tell(progress: Progress) -> None:
            left = "" if progress.left is None else f"{took(progress.left)} left"
            cost = f"${progress.usd:.4f}"
            bar.update(task, completed=progress.done, total=progress.of, cost=cost, left=left)

        yield tell
