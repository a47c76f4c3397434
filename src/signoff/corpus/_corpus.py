"""A corpus: trials from a file, with what was wrong with it, and the models that they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from signoff.corpus import _benchmarks, _jsonl, _otel
from signoff.corpus._fields import Unreadable
from signoff.corpus._lines import Tell, records
from signoff.corpus._problems import Problem, Problems
from signoff.diagnosis import Trial
from signoff.errors import BadInput, UsageError

_Reader = Callable[[int, Mapping[str, Any], Problems], Iterator[Trial]]

_READERS: dict[str, _Reader] = {
    "signoff": _jsonl.trials,
    "otel": _otel.trials,
    "bfcl": _benchmarks.bfcl,
    "mcpmark": _benchmarks.mcpmark,
    "tau": _benchmarks.tau,
}

#: Columns by which a format is known.
_KNOWN_BY: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("otel", ("resourceSpans",)),
    ("otel", ("resource_spans",)),
    ("tau", ("env", "task", "trial", "reward", "steps")),
    ("mcpmark", ("service", "task", "run", "ok", "turns")),
    ("bfcl", ("task", "run", "ok", "calls")),
    ("bfcl", ("task", "run", "ok", "raw")),
)

_TOLD_PROBLEMS = 3
_NEAREST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Recorded trials, and what was wrong with the file that they come from.

    Attributes:
        trials: In the order of the file.
        format: `signoff`, `otel`, `bfcl`, `mcpmark` or `tau`.
        problems: What was wrong, the most frequent first; 51 kinds at most.
        skipped: Records that were left out; the problems say why.
        incomplete: Why the end of the file could not be read, in words; empty if it was.
    """

    trials: list[Trial]
    format: str
    problems: tuple[Problem, ...]
    skipped: int
    incomplete: str = ""

    @property
    def models(self) -> dict[str, int]:
        """How many trials each model has; `model@run` where a corpus names runs."""
        return dict(sorted(Counter(trial.model for trial in self.trials).items()))

    def of(self, model: str, *, group: str = "") -> list[Trial]:
        """The trials of one model.

        Args:
            model: As `models` has it. Without its `@run` it stands for all runs, whose trials then
                count as trials of the same inputs.
            group: Only this one; all of them if empty.

        Raises:
            BadInput: If the corpus has no such model, or nothing of it in the group.
        """
        return self._of(self.runs(model), group)

    def pair(
        self, baseline: str, candidate: str, *, group: str = ""
    ) -> tuple[list[Trial], list[Trial]]:
        """The trials of two models to compare.

        Names without `@run` stand for the runs that both models have, or for all if they share
        none: runs of different dates differ in more than the model.

        Args:
            baseline: As for `of`.
            candidate: As for `of`.
            group: Only this one; all of them if empty.

        Raises:
            BadInput: As from `of`.
            UsageError: If both are the same.
        """
        one, other = self.runs(baseline), self.runs(candidate)
        if one == other:
            raise UsageError(f"{baseline} cannot be compared with itself; name two models or runs")
        shared = {_run(label) for label in one} & {_run(label) for label in other}
        if baseline not in one:
            one = tuple(label for label in one if _run(label) in shared) or one
        if candidate not in other:
            other = tuple(label for label in other if _run(label) in shared) or other
        return self._of(one, group), self._of(other, group)

    def runs(self, model: str) -> tuple[str, ...]:
        """The labels that a name stands for: itself, or every run of that model.

        Raises:
            BadInput: If the corpus has no such model.
        """
        models = self.models
        if model in models:
            return (model,)
        if runs := tuple(label for label in models if label.rpartition("@")[0] == model):
            return runs
        names = {*models, *(label.rpartition("@")[0] for label in models)} - {""}
        raise BadInput(f"the corpus has no model {model!r}{_such_as(model, names)}")

    def _of(self, runs: tuple[str, ...], group: str) -> list[Trial]:
        found = [trial for trial in self.trials if trial.model in runs]
        if group:
            found = [trial for trial in found if trial.group == group]
        if not found:
            groups = {trial.group for trial in self.trials if trial.model in runs} - {""}
            raise BadInput(f"{runs[0]} has nothing in group {group!r}{_such_as(group, groups)}")
        return found if len(runs) == 1 else _renumbered(found)


def _run(label: str) -> str:
    return label.rpartition("@")[2] if "@" in label else ""


def read_corpus(path: Path, *, format: str = "auto", tell: Tell | None = None) -> Corpus:
    """Read recorded trials from a file, a line at a time; `.gz` is read as it is.

    What cannot be read is counted among the problems, never guessed and never left out silently.
    Equal trials are taken once; of different ones with the same number the first counts.

    Args:
        path: JSON lines, in one of the formats of `Corpus.format`.
        format: Which one; `auto` tells it from the first record.
        tell: Hears how far the file is read: bytes, of how many.

    Raises:
        BadInput: If nothing can be read from the file; the message says what is wrong with it.
        UsageError: If there is no such format.
    """
    if format != "auto" and format not in _READERS:
        raise UsageError(f"there is no format {format!r}; write auto, {', '.join(_READERS)}")
    problems = Problems()
    collected = _Collected(problems)
    for line, record in records(path, problems, tell or _nobody):
        if format == "auto":
            format = _format_of(record)
        try:
            for trial in _READERS[format](line, record, problems):
                collected.add(line, trial)
        except Unreadable as error:
            problems.skip(line, str(error))
        except RecursionError:
            problems.skip(line, "nested too deeply")
    if not collected.trials:
        raise BadInput(f"{path} holds no trial that can be read{_told(problems)}")
    return Corpus(
        trials=collected.trials,
        format=format,
        problems=problems.listed(),
        skipped=problems.skipped,
        incomplete=problems.incomplete,
    )


class _Collected:
    """Trials, each number of a model's answers to an input once."""

    def __init__(self, problems: Problems) -> None:
        self.trials: list[Trial] = []
        self._problems = problems
        self._at: dict[tuple[str, str, int], int] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._texts: dict[str, str] = {}

    def add(self, line: int, trial: Trial) -> None:
        asked = self._same(trial.input), self._same(trial.model)
        number = trial.number or self._last.get(asked, 0) + 1
        trial = replace(
            trial,
            input=asked[0],
            model=asked[1],
            number=number,
            verdict=self._same(trial.verdict),
            group=self._same(trial.group),
        )
        before = self._at.setdefault((*asked, number), len(self.trials))
        if before < len(self.trials):
            equal = self.trials[before] == trial
            self._problems.skip(
                line, "the same trial twice" if equal else "another answer with a number in use"
            )
            return
        self._last[asked] = max(number, self._last.get(asked, 0))
        self.trials.append(trial)

    def _same(self, text: str) -> str:
        """One object for equal texts: a corpus repeats a few of them all the time."""
        return self._texts.setdefault(text, text)


def _format_of(record: Mapping[str, Any]) -> str:
    for name, columns in _KNOWN_BY:
        if all(column in record for column in columns):
            return name
    return "signoff"


def _renumbered(trials: list[Trial]) -> list[Trial]:
    last = Counter[str]()
    numbered: list[Trial] = []
    for trial in trials:
        last[trial.input] += 1
        numbered.append(replace(trial, number=last[trial.input]))
    return numbered


def _such_as(name: str, names: set[str]) -> str:
    near = get_close_matches(name, sorted(names), _NEAREST, cutoff=0.3) or sorted(names)[:_NEAREST]
    return f"; the nearest are {', '.join(near)}" if near else ""


def _told(problems: Problems) -> str:
    told = [
        f"line {problem.line:,}: {problem.what}"
        + (f" (and {problem.number - 1:,} more)" if problem.number > 1 else "")
        for problem in problems.listed()[:_TOLD_PROBLEMS]
    ]
    return "".join(f"; {each}" for each in told)


def _nobody(read: int, size: int) -> None:
    """Hears nothing."""
