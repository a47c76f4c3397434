"""The spine ablation: the same renewals, two spines, two model versions, k trials."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from signoff.diagnosis import Reliability, Trial, reliability
from signoff.state import Compared
from signoff.statistics import Interval, cluster_interval, sign_flip
from signoff.testing import FakeClock
from signoff.workloads.contract_renewal.customers import Customer
from signoff.workloads.contract_renewal.spines import _log, _machine
from signoff.workloads.contract_renewal.spines._agent import Outside
from signoff.workloads.contract_renewal.spines._versions import MakeModels, Version
from signoff.workloads.contract_renewal.subject import WINDOW, Renewal
from signoff.workloads.contract_renewal.world import World

#: Where a renewal's standing comes from after the pause.
Spine: TypeAlias = Literal["state machine", "event log", "event log, asked again"]

#: Whether the model is another one after the pause.
Condition: TypeAlias = Literal["same model", "model changed"]

SPINES: Final[tuple[Spine, ...]] = get_args(Spine)
CONDITIONS: Final[tuple[Condition, ...]] = get_args(Condition)

_BEGINS: Final = datetime(2026, 1, 1, tzinfo=UTC)
_PAUSE: Final = timedelta(days=23)

#: Told (renewals done, of how many).
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A spine held against the state machine under the same condition.

    Attributes:
        spine: Which.
        condition: Under which.
        difference: Mean over renewals of the difference in pass^k; below 0 it is worse.
        interval: Of the difference, over renewals.
        p: Of the sign-flip test over renewals that there is no difference.
    """

    spine: Spine
    condition: Condition
    difference: float
    interval: Interval
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpineReport:
    """What the experiment found.

    Attributes:
        k: Trials of every renewal, and of pass^k.
        renewals: How many.
        trials: One for each renewal, spine, condition and number; `Trial.model` is `label(...)`.
        reliability: pass^1 to pass^k of every spine and condition.
        against: Every spine against the state machine.
        diverged: Answers that differed when they were asked again, and of how many, by condition.
    """

    k: int
    renewals: int
    trials: tuple[Trial, ...]
    reliability: Reliability
    against: tuple[Against, ...]
    diverged: Mapping[Condition, tuple[int, int]]


def label(spine: Spine, condition: Condition) -> str:
    """How a spine under a condition is called in trials."""
    return f"{spine} / {condition}"


async def run_experiment(
    customers: Sequence[Customer],
    models: MakeModels,
    *,
    k: int = 4,
    confidence: float = 0.95,
    progress: Progress = lambda done, total: None,
) -> SpineReport:
    """Lead the same renewals over each spine, with and without another model after the pause.

    Nothing but the spine and the model differs. A trial is right if one offer was mailed, and the
    customer's reply was billed once, at the price that had been mailed.

    Args:
        customers: Whose renewals.
        models: Makes the models of a version, for each trial.
        k: Trials.
        confidence: Of the intervals.
        progress: Told how far it is.
    """
    world = World({customer.customer_id: customer for customer in customers})
    renewals = [
        Renewal.opened(customer, ends=_BEGINS + WINDOW).model_copy(
            update={"reply": world.reply_of(customer.customer_id)}
        )
        for customer in customers
    ]
    total = len(renewals) * len(SPINES) * len(CONDITIONS) * k * 2
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    trials: list[Trial] = []
    diverged: dict[Condition, tuple[int, int]] = {}
    with tempfile.TemporaryDirectory(prefix="signoff-") as folder:
        for condition in CONDITIONS:
            for spine in SPINES:
                for number in range(1, k + 1):
                    store = f"sqlite:///{Path(folder) / f'{len(trials)}.db'}"
                    outside, compared = await _one(
                        store, spine, condition, number, renewals, models, tell
                    )
                    trials += [
                        Trial(
                            input=renewal.id,
                            model=label(spine, condition),
                            number=number,
                            ok=outside.is_right(renewal),
                        )
                        for renewal in renewals
                    ]
                    if compared is not None:
                        before = diverged.get(condition, (0, 0))
                        differ = compared.events - compared.same
                        diverged[condition] = (before[0] + differ, before[1] + compared.events)
    return SpineReport(
        k=k,
        renewals=len(renewals),
        trials=tuple(trials),
        reliability=reliability(trials, k=k, by="model", confidence=confidence),
        against=_against(trials, k, confidence),
        diverged=diverged,
    )


async def _one(
    store: str,
    spine: Spine,
    condition: Condition,
    number: int,
    renewals: Sequence[Renewal],
    models: MakeModels,
    tell: Callable[[], None],
) -> tuple[Outside, Compared | None]:
    outside, clock = Outside(), FakeClock(_BEGINS)
    after: Version = "prior" if condition == "same model" else "current"
    before_pause, after_pause = models("prior", number), models(after, number)
    if spine == "state machine":
        await _machine.offer_all(store, clock, renewals, before_pause, outside, tell)
        await clock.advance(seconds=_PAUSE.total_seconds())
        await _machine.close_all(store, clock, renewals, after_pause, outside, tell)
        return outside, None
    await _log.offer_all(store, clock, renewals, before_pause, outside, tell)
    await clock.advance(seconds=_PAUSE.total_seconds())
    compared = await _log.close_all(
        store,
        clock,
        renewals,
        after_pause,
        outside,
        tell,
        asking_again=spine == "event log, asked again",
    )
    return outside, compared


def _against(trials: Sequence[Trial], k: int, confidence: float) -> tuple[Against, ...]:
    passed: dict[str, dict[str, bool]] = defaultdict(dict)
    for trial in trials:
        each = passed[trial.model]
        each[trial.input] = each.get(trial.input, True) and bool(trial.ok)
    found: list[Against] = []
    for condition in CONDITIONS:
        machine = passed[label("state machine", condition)]
        for spine in SPINES[1:]:
            other = passed[label(spine, condition)]
            differences = [float(other[input]) - float(machine[input]) for input in machine]
            found.append(
                Against(
                    spine=spine,
                    condition=condition,
                    difference=sum(differences) / len(differences),
                    interval=cluster_interval(differences, confidence=confidence),
                    p=sign_flip(differences),
                )
            )
    return tuple(found)
