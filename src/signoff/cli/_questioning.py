"""Asking the questions of the method at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from signoff.cli._ending import Status
from signoff.cli._output import console, styled
from signoff.errors import BadInput, UsageError
from signoff.words import plain

if TYPE_CHECKING:
    from signoff.methodology import Question, Workload

_BACK = frozenset(("b", "back"))
_QUIT = frozenset(("q", "quit"))

#: Answers that contradict nothing, for what was not asked yet.
_NEUTRAL: Mapping[str, object] = {
    "horizon": "1 day",
    "waits_on_the_outside": False,
    "rebuildable_from_input": False,
    "world_moves_while_paused": False,
    "peers_write": False,
    "consequence": "minor",
}

_HOW = "Enter takes the default, where there is one; b goes back, q quits."


class _Back(Exception):
    """The question before is asked again."""


class _Quit(Exception):
    """Nothing is asked any more."""


def asked_workload() -> Workload:
    """The workload that somebody describes at the terminal. Asks on standard error.

    Raises:
        UsageError: If there is no terminal to ask at.
        typer.Exit: If they quit.
    """
    from signoff.methodology import QUESTIONS, workload_of

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "there is nobody to ask, because standard input is no terminal: name a workload file, "
            "or - to read one from standard input"
        )
    try:
        answers = _everything_asked(QUESTIONS)
    except (KeyboardInterrupt, _Quit) as quit_:
        print("\nnothing was decided", file=sys.stderr)
        raise typer.Exit(Status.INTERRUPTED) from quit_
    return workload_of({name: value for name, value in answers.items() if value is not None})


def _everything_asked(questions: Sequence[Question]) -> dict[str, object]:
    _say(_HOW, "dim")
    answers: dict[str, object] = {}
    asked: list[int] = []
    at = 0
    while at < len(questions):
        question = questions[at]
        if question.is_moot(answers):
            answers.pop(question.name, None)
            at += 1
            continue
        try:
            answers[question.name] = _answered(question, answers)
        except _Back:
            answers.pop(question.name, None)
            if asked:
                at = asked.pop()
            else:
                _say("this is the first question", "yellow")
            continue
        asked.append(at)
        at += 1
    return answers


def _answered(question: Question, answers: Mapping[str, object]) -> object:
    """An answer that can be read, and contradicts none before it."""
    _show(question)
    while True:
        try:
            if question.kind == "reasons":
                answer: object = dict(_reasons(question))
            else:
                answer = _read(question, _line(_prompt(question)))
            _check(question.name, answer, answers)
        except BadInput as problem:
            _say(str(problem), "yellow")
            continue
        return answer


def _show(question: Question) -> None:
    _say("")
    _say(question.asks, "bold")
    for answer, changes in question.changes.items():
        if question.kind != "text":
            _say(f"  {answer}: {changes}")


def _prompt(question: Question) -> str:
    shapes = {"yes or no": "yes/no", "span": "such as 90 days", "text": ""}
    shape = shapes.get(question.kind, "/".join(question.changes))
    default = f"Enter: {question.default}" if question.default else ""
    told = "; ".join(filter(None, (shape, default)))
    return f"[{told}] > " if told else "> "


def _read(question: Question, said: str) -> object:
    if not said:
        if question.default:
            return None
        raise BadInput("the method has no default for it: answer, or b to go back, q to quit")
    match question.kind:
        case "yes or no":
            word = said.lower()
            if word not in ("y", "yes", "n", "no"):
                raise BadInput(f"answer yes or no, not {said[:40]!r}")
            return word in ("y", "yes")
        case "choice":
            near = [choice for choice in question.changes if choice.startswith(said.lower())]
            if len(near) != 1:
                raise BadInput(f"answer {', '.join(question.changes)}, not {said[:40]!r}")
            return near[0]
        case "span":
            from signoff.methodology import span_of

            try:
                return span_of(said)
            except ValueError as error:
                raise BadInput(str(error)) from error
        case _:
            return said


def _reasons(question: Question) -> Iterator[tuple[str, str]]:
    for plane in question.changes:
        reason = _line(f"the {plane} comes later, because [Enter: it does not] > ")
        if reason:
            yield plane, reason


def _check(name: str, answer: object, answers: Mapping[str, object]) -> None:
    """Raise if an answer is wrong by itself, or cannot hold beside those before it."""
    from signoff.methodology import workload_of

    told: dict[str, Any] = {"name": "not named yet", **_NEUTRAL, **answers, name: answer}
    if "horizon" not in {*answers, name}:
        told["waits_on_the_outside"] = False
    workload_of({key: value for key, value in told.items() if value is not None}, "this answer")


def _line(prompt: str) -> str:
    """What was typed.

    Raises:
        BadInput: If it is no text.
        _Back: If they go back.
        _Quit: If they quit, or there is nothing more to read.
    """
    print(prompt, end="", file=sys.stderr, flush=True)
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError as error:
        raise BadInput("that is no text that can be read") from error
    said = line.strip()
    if not line or said.lower() in _QUIT:
        raise _Quit
    if said.lower() in _BACK:
        raise _Back
    return said


def _say(text: str, style: str = "") -> None:
    console(stderr=True).print(styled(plain(text), style, most=0))
