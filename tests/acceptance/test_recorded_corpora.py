"""What is known about three public corpora is found in them, and computed a second way."""

from __future__ import annotations

import ast
import gzip
import json
from collections import defaultdict
from functools import cache
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy.stats import binom, binomtest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from signoff.boundary import Parsed, parse
from signoff.corpus import Corpus, read_corpus
from signoff.replay import Comparison, compare
from signoff.statistics import mcnemar_exact, pass_k

DATA = Path(__file__).parents[3] / "shared/data"
BFCL, MCPMARK, TAU = "bfcl_recorded", "mcpmark_outcomes", "tau_airline_gpt4o"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the recorded corpora are not here")


def file(name: str) -> Path:
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    return path


@cache
def corpus(name: str) -> Corpus:
    return read_corpus(file(name))


@cache
def raw(name: str) -> list[dict[str, Any]]:
    with gzip.open(file(name), "rt") as lines:
        return [json.loads(line) for line in lines]


def bfcl(model: str, run: str = "2024-08-11") -> dict[str, dict[str, Any]]:
    return {r["task"]: r for r in raw(BFCL) if r["model"] == model and r["run"] == run}


@cache
def upgrade(suffix: str = "") -> Comparison:
    models = f"gpt-4o-2024-05-13{suffix}", f"gpt-4o-2024-08-06{suffix}"
    return compare(*corpus(BFCL).pair(*models))


# All of it is read


@pytest.mark.parametrize(
    ("name", "format", "records", "models"),
    [(BFCL, "bfcl", 101_940, 68), (MCPMARK, "mcpmark", 9_779, 20), (TAU, "tau", 200, 1)],
)
def test_every_record_is_read(name: str, format: str, records: int, models: int) -> None:
    read = corpus(name)
    assert (read.format, len(read.trials), len(read.models)) == (format, records, models)
    assert (read.problems, read.skipped, read.incomplete) == ((), 0, "")


# The upgrade that broke a format


def test_the_upgrade_that_broke_the_format_is_held() -> None:
    found = upgrade()
    assert found.decision == "HOLD"
    assert found.acceptance is not None
    assert found.acceptance.inputs == 1540
    assert f"{found.acceptance.baseline:.1%}" == "79.2%"
    assert f"{found.acceptance.candidate:.1%}" == "26.8%"


def test_the_report_points_at_the_format() -> None:
    worst = upgrade().shifts[0]
    assert (worst.baseline, worst.candidate) == ("accepted", "ast_decoder:decoder_failed")
    assert worst.same_proposal > 0.8 * worst.inputs
    assert any("its format or its judging changed" in reason for reason in upgrade().reasons)


def test_the_upgrade_is_computed_a_second_way() -> None:
    before, after = bfcl("gpt-4o-2024-05-13"), bfcl("gpt-4o-2024-08-06")
    pairs = np.array([(before[task]["ok"], after[task]["ok"]) for task in before])
    worse = int(((pairs[:, 0] == 1) & (pairs[:, 1] == 0)).sum())
    better = int(((pairs[:, 0] == 0) & (pairs[:, 1] == 1)).sum())
    found = upgrade()
    assert found.acceptance is not None
    assert (found.acceptance.worse, found.acceptance.better) == (worse, better)
    table = [[0, worse], [better, 0]]
    assert found.acceptance.p == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)
    difference = pairs[:, 1].mean() - pairs[:, 0].mean()
    assert found.acceptance.difference == pytest.approx(difference, abs=1e-12)
    for lane, column in ((found.baseline, 0), (found.candidate, 1)):
        low, high = proportion_confint(int(pairs[:, column].sum()), len(pairs), method="wilson")
        assert lane.interval is not None
        assert lane.interval.low == pytest.approx(low, abs=1e-9)
        assert lane.interval.high == pytest.approx(high, abs=1e-9)


def test_the_calling_variant_of_the_pair_ships_and_its_figures_agree() -> None:
    found = upgrade("-FC")
    assert found.decision == "SHIP"
    assert found.acceptance is not None
    assert (found.acceptance.worse, found.acceptance.better) == (36, 80)
    expected = binomtest(36, 116, 0.5).pvalue
    assert found.acceptance.p == pytest.approx(expected, rel=1e-9)


def test_a_sixth_of_the_calls_of_that_pair_changed() -> None:
    """The 16.2 % take a text that nobody could read for no call; we take it for another one."""
    before, after = bfcl("gpt-4o-2024-05-13-FC"), bfcl("gpt-4o-2024-08-06-FC")

    def calls(record: dict[str, Any]) -> list[str] | None:
        return sorted(map(json.dumps, record["calls"])) if "calls" in record else None

    changed = {task for task in before if calls(before[task]) != calls(after[task])}
    assert f"{len(changed) / 1540:.1%}" == "16.2%"
    for task, record in before.items():
        texts = record.get("raw"), after[task].get("raw")
        if all(texts) and texts[0] != texts[1] and not task.startswith("relevance"):
            changed.add(task)
        elif task.startswith("relevance") and not (calls(record) or calls(after[task])):
            changed.discard(task)  # no call, whether said in words or by an empty list
    proposals = upgrade("-FC").levels[0]
    assert proposals.differing == len(changed)
    assert proposals.across == pytest.approx(len(changed) / 1540, abs=1e-12)


def test_a_tolerant_reader_repairs_most_of_the_upgrade() -> None:
    """A call counts as right if the leaderboard accepted the same call of any model.

    The recorded calls are what a tolerant reader sees behind the fences. What the corpus has as
    text is read here: JSON by `signoff.boundary.parse`, the rest as Python's own syntax.
    """
    accepted: dict[str, set[str]] = defaultdict(set)
    for record in raw(BFCL):
        if record["ok"] and "calls" in record:
            accepted[record["task"]].add(json.dumps(record["calls"], sort_keys=True))
    after = {task: r for task, r in bfcl("gpt-4o-2024-08-06").items() if "relevance" not in task}
    assert len(after) == 1300

    def right(task: str, calls: object) -> bool:
        return bool(after[task]["ok"]) or json.dumps(calls, sort_keys=True) in accepted[task]

    strict = sum(record["ok"] for record in after.values()) / 1300
    fences = sum(right(task, record.get("calls")) for task, record in after.items()) / 1300
    texts = sum(
        right(task, record["calls"] if "calls" in record else tolerant(record["raw"]))
        for task, record in after.items()
    )
    assert f"{strict:.0%}" == "14%"
    assert f"{fences:.0%}" == "87%"
    assert f"{texts / 1300:.0%}" == "88%"


def tolerant(text: str) -> object:
    """Calls in a text, as `[[name, arguments]]`."""
    parsed = parse(text, TypeAdapter(list[dict[str, Any]]))
    if isinstance(parsed, Parsed):
        return [
            [str(call.get("name")).replace(".", "_"), call.get("parameters")]
            for call in parsed.proposal
        ]
    inner = text.strip().removeprefix("```plaintext").removeprefix("```json").removesuffix("```")
    try:
        tree = ast.parse(inner.strip(), mode="eval").body
        return [
            [
                ast.unparse(call.func).replace(".", "_"),
                {word.arg: ast.literal_eval(word.value) for word in call.keywords},
            ]
            for call in tree.elts  # type: ignore[attr-defined]
        ]
    except (SyntaxError, ValueError, AttributeError):
        return None


# tau-bench


def test_the_trajectories_agree_with_what_is_known() -> None:
    by_task: dict[str, list[bool]] = defaultdict(list)
    proposals: dict[str, list[str]] = defaultdict(list)
    for trial in corpus(TAU).of("gpt-4o"):
        by_task[trial.input].append(bool(trial.ok))
        proposals[trial.input].append(trial.proposal)
    rates = [
        np.mean([comb(sum(task), k) / comb(4, k) for task in by_task.values()]) for k in range(1, 5)
    ]
    assert [round(float(rate), 3) for rate in rates] == [0.42, 0.273, 0.22, 0.2]
    for k, rate in enumerate(rates, 1):
        ours = [pass_k(sum(task), len(task), k) for task in by_task.values()]
        assert sum(ours) / len(ours) == pytest.approx(rate, abs=1e-9)
    pairs = [one == other for task in proposals.values() for one, other in combinations(task, 2)]
    assert f"{np.mean(pairs):.1%}" == "9.7%"


def test_variance_of_one_model_is_not_taken_for_divergence() -> None:
    """Two trials against the other two: whatever differs is variance."""
    trials = corpus(TAU).of("gpt-4o")
    found = compare(
        [trial for trial in trials if trial.number in (1, 3)],
        [trial for trial in trials if trial.number in (2, 4)],
    )
    assert found.decision != "HOLD"
    for level in found.levels:
        assert level.p is not None
        assert level.p > 0.05


# MCPMark


def lanes(model: str, runs: set[int]) -> list[Any]:
    return [trial for trial in corpus(MCPMARK).of(model) if trial.number in runs]


def several() -> list[str]:
    return [model for model, number in corpus(MCPMARK).models.items() if number == 4 * 127]


def test_two_runs_of_one_configuration_disagree_on_an_eighth_of_the_tasks() -> None:
    outcomes: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for record in raw(MCPMARK):
        outcomes[record["model"], record["run"]][record["task"]] = record["ok"]
    flips = [
        np.mean([outcomes[m, one][task] != outcomes[m, other][task] for task in outcomes[m, one]])
        for m in several()
        for one, other in combinations(range(1, 5), 2)
    ]
    ours = [
        level.across
        for m in several()
        for one, other in combinations(range(1, 5), 2)
        for level in compare(lanes(m, {one}), lanes(m, {other})).levels
        if level.level == "verdict"
    ]
    assert ours == pytest.approx(flips, abs=1e-12)
    assert 0.115 < np.mean(flips) < 0.135


def test_the_variance_within_a_lane_is_that_share() -> None:
    model = "gpt-5-high"
    found = compare(lanes(model, {1, 2, 3, 4}), lanes("gpt-5-medium", {1, 2, 3, 4}))
    level = next(level for level in found.levels if level.level == "verdict")
    by_task: dict[str, list[int]] = defaultdict(list)
    for record in raw(MCPMARK):
        if record["model"] == model:
            by_task[record["task"]].append(record["ok"])
    pairs = [
        np.mean([one != other for one, other in combinations(task, 2)]) for task in by_task.values()
    ]
    assert level.baseline_variance == pytest.approx(np.mean(pairs), abs=1e-9)


def test_the_paired_test_holds_its_level_on_pairs_of_runs_of_one_model() -> None:
    """False alarms at 5 % over all pairs of runs; the exact test may alarm less often."""
    alarms, held, tests = 0, 0, 0
    for model in several():
        for one, other in combinations(range(1, 5), 2):
            found = compare(lanes(model, {one}), lanes(model, {other}))
            assert found.acceptance is not None
            counts = found.acceptance.worse, found.acceptance.better
            assert found.acceptance.p == pytest.approx(mcnemar_exact(*counts), abs=1e-12)
            alarms += found.acceptance.p <= 0.05
            held += found.decision == "HOLD"
            tests += 1
    trials = corpus(TAU).of("gpt-4o")
    for one, other in combinations(range(1, 5), 2):
        pair = [[trial for trial in trials if trial.number == run] for run in (one, other)]
        found = compare(*pair)
        assert found.acceptance is not None
        alarms += found.acceptance.p <= 0.05
        held += found.decision == "HOLD"
        tests += 1
    assert tests == 114 + 6
    limit = binom.ppf(0.975, tests, 0.05)
    assert alarms <= limit
    assert held <= alarms


def test_four_runs_find_what_one_run_misses() -> None:
    """Pairs of configurations that differ: how many are found by one run each, and by four."""
    models = several()
    found = {1: 0, 4: 0}
    for one, other in combinations(models, 2):
        for runs in ({1}, {1, 2, 3, 4}):
            acceptance = compare(lanes(one, runs), lanes(other, runs)).acceptance
            assert acceptance is not None
            found[len(runs)] += acceptance.p <= 0.05
    assert found[4] > found[1]


def test_errors_of_a_harness_are_told() -> None:
    found = compare(lanes("grok-4", {1, 2, 3, 4}), lanes("gpt-5-high", {1, 2, 3, 4}))
    errors = sum(bool(r.get("err")) for r in raw(MCPMARK) if r["model"] == "grok-4")
    assert sum(found.baseline.failures.values()) == errors
