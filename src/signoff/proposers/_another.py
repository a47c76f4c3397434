"""The same question, put to another model: prompt, render and settings carry over."""

from __future__ import annotations

from typing import Any

from signoff.boundary import Proposer
from signoff.errors import UsageError
from signoff.proposers._local import Local
from signoff.proposers._model import Model
from signoff.proposers._rates import Rates
from signoff.proposers._simulated import Simulated


def another(
    proposer: Proposer[Any, Any],
    model: str = "",
    *,
    instructions: str | None = None,
    base_url: str | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    misbehaves: float | None = None,
) -> Proposer[Any, Any]:
    """Another proposer for what one proposes; whatever is not given stays as it is.

    Args:
        proposer: The one there is.
        model: `provider:name`, `local`, or `simulated`; by default the kind that it is.
        instructions: What the model is to do.
        base_url: An OpenAI-compatible server, for `provider:name`.
        temperature: Of a model.
        seed: Of a local or a simulated one.
        misbehaves: Share of a simulated one's answers that go wrong, evenly over every failure.

    Raises:
        UsageError: If there is nothing to carry over, or an argument is not for this kind.
        MissingExtra: If what it needs is not installed.
    """
    kind = model or _kind(proposer)
    given: dict[str, Any] = {"misbehaves": misbehaves, "seed": seed, "temperature": temperature}
    given |= {"instructions": instructions, "base_url": base_url}
    if kind == "simulated":
        _refuse(given, kind, "instructions", "base_url", "temperature")
        if not isinstance(proposer, Simulated):
            raise UsageError(
                f"{_named(proposer)} cannot be simulated: it does not know what a good answer is. "
                "Give a Simulated of your own"
            )
        return proposer.like(seed=seed, rates=None if misbehaves is None else _evenly(misbehaves))
    if kind == "local":
        _refuse(given, kind, "misbehaves", "base_url")
        if isinstance(proposer, Local):
            return proposer.like(instructions=instructions, temperature=temperature, seed=seed)
        return Local(
            proposes=proposer.proposes,
            **_words(proposer, instructions, kind),
            temperature=0.8 if temperature is None else temperature,
            seed=seed or 0,
        )
    if ":" not in kind:
        raise UsageError(
            f"{kind!r} is no model: give provider:name such as openai:gpt-5, local, or simulated"
        )
    _refuse(given, kind, "misbehaves", "seed")
    settings = {} if temperature is None else {"temperature": temperature}
    if isinstance(proposer, Model):
        return proposer.like(
            model or None, instructions=instructions, base_url=base_url, settings=settings
        )
    return Model(
        kind,
        proposes=proposer.proposes,
        **_words(proposer, instructions, kind),
        base_url=base_url,
        settings=settings,
    )


def _kind(proposer: Proposer[Any, Any]) -> str:
    match proposer:
        case Simulated():
            return "simulated"
        case Local():
            return "local"
        case Model():
            return proposer.fingerprint.model
        case _:
            raise UsageError(
                f"{_named(proposer)} has no prompt that could be replaced: say which model is to "
                "be asked"
            )


def _words(proposer: Proposer[Any, Any], instructions: str | None, kind: str) -> dict[str, Any]:
    prompt = proposer.prompt if isinstance(proposer, Model | Local) else None
    if instructions is None and prompt is None:
        raise UsageError(
            f"{_named(proposer)} has no prompt that {kind} could be asked with: give one"
        )
    render = None if prompt is None else prompt.render
    if instructions is None and prompt is not None:
        instructions = prompt.instructions
    return {"instructions": instructions, "render": render}


def _refuse(given: dict[str, Any], kind: str, *names: str) -> None:
    for name in names:
        if given[name] is not None:
            raise UsageError(f"{name} is given, but {kind} has none")


def _evenly(misbehaves: float) -> Rates:
    if not 0 <= misbehaves <= 1:
        raise UsageError(f"misbehaves is {misbehaves}; it is a share of answers: give 0 to 1")
    return Rates.evenly(misbehaves)


def _named(proposer: Proposer[Any, Any]) -> str:
    return f"the proposer {proposer.fingerprint.model}"
