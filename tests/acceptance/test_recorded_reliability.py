"""The recorded corpora beside the project: our figures against computations made another way."""

from __future__ import annotations

import gzip
import json
import math
import random
import warnings
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from signoff.corpus import read_corpus
from signoff.diagnosis import Reliability, Slice, Trial, reliability
from signoff.statistics import clopper_pearson, cluster_interval, mcnemar_exact, sign_flip

DATA = Path(__file__).parents[3] / "shared" / "data"
TAU = DATA / "tau_airline_gpt4o.jsonl.gz"
MCPMARK = DATA / "mcpmark_outcomes.jsonl.gz"
BFCL = DATA / "bfcl_recorded.jsonl.gz"
CLOSE = 1e-9

np: Any = pytest.importorskip("numpy")
st: Any = pytest.importorskip("scipy.stats")


def here(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


def raw(path: Path) -> list[dict[str, Any]]:
    with gzip.open(here(path), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def overall(found: Reliability) -> dict[str, Slice]:
    return {s.model: s for s in found.slices if not s.group and s.model}


def table(records: list[dict[str, Any]], ok: str, task: str) -> dict[str, Any]:
    """Outcomes by model, as an array of tasks by runs; models with one run left out."""
    cells: dict[str, dict[Any, list[int]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        cells[record["model"]][record[task]].append(int(record[ok] >= 1 - 1e-6))
    arrays = {model: np.array(list(tasks.values())) for model, tasks in cells.items()}
    return {model: array for model, array in arrays.items() if array.shape[1] > 1}


def by_subsets(array: Any, k: int) -> float:
    """pass^k by going through every choice of k runs."""
    chosen = [array[:, list(runs)].all(axis=1) for runs in combinations(range(array.shape[1]), k)]
    return float(np.mean(chosen))


def test_pass_k_of_tau_airline_is_as_published_and_as_counted_out() -> None:
    found = overall(reliability(read_corpus(here(TAU)).trials))
    (model,) = found
    values = [each.value for each in found[model].passes]
    assert [round(value or 0, 3) for value in values] == [0.420, 0.273, 0.220, 0.200]
    array = table(raw(TAU), "reward", "task")[model]
    assert array.shape == (50, 4)
    assert values == pytest.approx([by_subsets(array, k) for k in (1, 2, 3, 4)], abs=CLOSE)


def test_every_figure_of_mcpmark_is_as_counted_out() -> None:
    found = overall(reliability(read_corpus(here(MCPMARK)).trials))
    arrays = table(raw(MCPMARK), "ok", "task")
    assert len(found) == 20
    assert len(arrays) == 19
    rates = []
    for model, array in arrays.items():
        row = found[model]
        values = [each.value for each in row.passes]
        assert values == pytest.approx([by_subsets(array, k) for k in (1, 2, 3, 4)], abs=CLOSE)
        flips = float(np.mean([array[:, a] != array[:, b] for a, b in combinations(range(4), 2)]))
        assert row.variance.flips == pytest.approx(flips, abs=CLOSE)
        assert row.variance.within == pytest.approx(
            float(array.var(axis=1, ddof=1).mean()), abs=CLOSE
        )
        between = float(array.mean(axis=1).var(ddof=1) - array.var(axis=1, ddof=1).mean() / 4)
        assert row.variance.between == pytest.approx(max(between, 0.0), abs=CLOSE)
        rates.append(flips)
    # Two runs of one configuration disagree on about an eighth of the tasks.
    assert float(np.mean(rates)) == pytest.approx(1 / 8, abs=0.005)


def test_version_effects_of_mcpmark_are_as_computed_another_way() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from statsmodels.stats.contingency_tables import mcnemar
        from statsmodels.stats.multitest import multipletests
    found = reliability(read_corpus(here(MCPMARK)).trials)
    records = raw(MCPMARK)
    shares: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    first: dict[str, dict[str, int]] = defaultdict(dict)
    for record in records:
        shares[record["model"]][record["task"]].append(record["ok"])
        if record["run"] == 1:
            first[record["model"]][record["task"]] = record["ok"]
    assert len(found.versions) == math.comb(20, 2)
    for effect in found.versions:
        old, new = shares[effect.before], shares[effect.after]
        differences = [np.mean(new[task]) - np.mean(old[task]) for task in old]
        assert effect.difference == pytest.approx(float(np.mean(differences)), abs=CLOSE)
        low, high = st.t.interval(
            0.95, len(old) - 1, loc=np.mean(differences), scale=st.sem(differences)
        )
        assert (effect.interval.low, effect.interval.high) == pytest.approx((low, high), abs=CLOSE)
        was, now = first[effect.before], first[effect.after]
        worse = sum(was[task] > now[task] for task in was)
        better = sum(was[task] < now[task] for task in was)
        assert (effect.worse, effect.better) == (worse, better)
        theirs = mcnemar([[0, worse], [better, 0]], exact=True).pvalue
        assert effect.p_mcnemar == pytest.approx(theirs, abs=CLOSE)
        assert effect.p == pytest.approx(_by_convolution(differences), abs=CLOSE)
    raised = multipletests([effect.p for effect in found.versions], method="holm")[1]
    assert [effect.p_holm for effect in found.versions] == pytest.approx(list(raised), abs=CLOSE)


def _by_convolution(differences: list[Any]) -> float:
    """The sign-flip p-value from the distribution of the sum, in steps of a quarter."""
    steps = [abs(round(4 * float(d))) for d in differences if abs(d) > 1e-12]
    if not steps:
        return 1.0
    weights = np.ones(1)
    for step in steps:
        both = np.zeros(2 * step + 1)
        both[0] = both[-1] = 0.5
        weights = np.convolve(weights, both)
    middle = len(weights) // 2
    observed = abs(round(4 * float(sum(differences))))
    far = np.abs(np.arange(len(weights)) - middle) >= observed
    return min(1.0, float(weights[far].sum()))


def test_the_paired_tests_keep_their_level_on_runs_of_one_configuration() -> None:
    """A/A: every pair of runs of one model. Nothing changed, so every rejection is false.

    Both tests are exact on few changes and hence conservative: fewer than one in twenty reject.
    """
    runs: dict[str, dict[int, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for record in raw(MCPMARK):
        runs[record["model"]][record["run"]][record["task"]] = record["ok"]
    flipped = counted = covered = pairs = 0
    for by_run in runs.values():
        for one, other in combinations(sorted(by_run), 2):
            old, new = by_run[one], by_run[other]
            differences = [float(new[task] - old[task]) for task in old if task in new]
            worse, better = differences.count(-1.0), differences.count(1.0)
            pairs += 1
            flipped += sign_flip(differences) < 0.05
            counted += mcnemar_exact(worse, better) < 0.05
            covered += 0.0 in cluster_interval(differences)
    assert pairs == 19 * 6
    most = float(st.binom.ppf(0.975, pairs, 0.05))
    assert flipped <= most
    assert counted <= most
    assert pairs - covered <= most
    assert 0.05 in clopper_pearson(counted, pairs) or counted / pairs < 0.05


def test_halves_of_the_runs_of_one_configuration_are_not_told_apart_too_often() -> None:
    """The same with two runs on either side, as `VersionEffect` compares them."""
    chance = random.Random(1)
    arrays = table(raw(MCPMARK), "ok", "task")
    rejected = pairs = 0
    for array in arrays.values():
        for left in ((0, 1), (0, 2), (0, 3)):
            right = tuple(run for run in range(4) if run not in left)
            trials = [
                Trial(input=str(task), model=model, number=number, ok=bool(array[task, run]))
                for model, side in (("left", left), ("right", right))
                for number, run in enumerate(side)
                for task in range(len(array))
            ]
            chance.shuffle(trials)
            (effect,) = reliability(trials, by="model").versions
            rejected += effect.p < 0.05
            pairs += 1
    assert rejected <= float(st.binom.ppf(0.975, pairs, 0.05))


def test_errors_are_told_apart_and_may_be_left_out() -> None:
    read = read_corpus(here(MCPMARK))
    records = raw(MCPMARK)
    strict, mild = reliability(read.trials), reliability(read.trials, errors="skip")
    failed = sum(bool(record.get("err")) for record in records)
    assert sum(row.errors for row in overall(strict).values()) == failed
    counted = sum(not record.get("err") or record["ok"] == 1 for record in records)
    assert sum(row.trials for row in overall(mild).values()) == counted


@pytest.mark.parametrize(
    ("suffix", "before", "after", "worse", "better"),
    [("", 0.792, 0.268, 860, 52), ("-FC", 0.842, 0.870, 36, 80)],
)
def test_what_a_version_changed_in_bfcl_is_found(
    suffix: str, before: float, after: float, worse: int, better: int
) -> None:
    """In prompt mode the newer model fences its calls, and a strict parser refuses them."""
    read = read_corpus(here(BFCL))
    models = [f"gpt-4o-2024-{day}{suffix}@2024-08-11" for day in ("05-13", "08-06")]
    found = reliability([trial for model in models for trial in read.of(model)], by="model")
    (effect,) = found.versions
    rows = overall(found)
    shares = [rows[model].passes[0].value for model in models]
    assert shares == pytest.approx([before, after], abs=0.0005)
    assert (effect.inputs, effect.worse, effect.better) == (1540, worse, better)
    assert effect.difference == pytest.approx((better - worse) / 1540, abs=CLOSE)
    theirs = st.binomtest(worse, worse + better).pvalue
    assert effect.p == pytest.approx(theirs, rel=1e-6)
    assert effect.p_mcnemar == effect.p < 0.001
