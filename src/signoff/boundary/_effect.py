"""Carrying out an external effect, and what to believe when it goes wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, TypeAlias

from signoff.boundary._commit import EffectRefused, External
from signoff.boundary._watch import NOT_WATCHED, Watch
from signoff.clock import Clock


@dataclass(frozen=True, slots=True)
class Happened:
    """It happened.

    Attributes:
        receipt: What the other system returned.
        by: How we know, if not from the call itself: `probe`, `repeat`, or a person's name.
        because: What the person says.
    """

    receipt: Any
    by: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class DidNotHappen:
    """It certainly did not happen; `by` names the person who says so, if it was a person."""

    code: str
    because: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Nobody can say."""

    because: str


Carried: TypeAlias = Happened | DidNotHappen | InDoubt

#: Seconds before the second try; doubled for every further one.
FIRST_PAUSE = 0.02


async def carry_out(
    effect: External[Any, Any, Any],
    proposal: object,
    subject: object,
    key: str,
    *,
    clock: Clock,
    doubt: str = "",
    watch: Watch = NOT_WATCHED,
) -> Carried:
    """Perform an effect under its key, at most `effect.tries` times.

    Args:
        effect: What to perform, with its probe and promises.
        proposal: Its first argument.
        subject: Its second argument.
        key: The idempotency key.
        clock: Pauses between tries.
        doubt: Why it may have happened already; empty when it cannot have.
        watch: Who watches it.
    """
    was_in_doubt = bool(doubt)
    for attempt in range(effect.tries):
        if attempt:
            await clock.pause(FIRST_PAUSE * 2 ** (attempt - 1))
        if doubt:
            if effect.reconcile is not None:
                found = await _probe(effect, key, watch)
                if isinstance(found, Happened):
                    return found
                if isinstance(found, InDoubt):
                    doubt = found.because
                    continue
                doubt = ""
            elif not effect.idempotent:
                return InDoubt(doubt)
        try:
            with watch.step("effect", effect.name, key):
                async with asyncio.timeout(effect.timeout):
                    receipt = await effect.perform(proposal, subject, key)
        except EffectRefused as refusal:
            # A refusal of a repeat says nothing about what the first call did.
            if doubt:
                return InDoubt(f"{doubt}; then {refusal.code}: {refusal.message}")
            return DidNotHappen(refusal.code, refusal.message)
        except Exception as error:
            doubt = _words(effect.name, error)
            was_in_doubt = True
        else:
            return Happened(receipt, by="repeat" if was_in_doubt else "")
    if doubt and effect.reconcile is not None:
        found = await _probe(effect, key, watch)
        if isinstance(found, DidNotHappen):
            return DidNotHappen("effect_failed", f"{doubt}; tried {effect.tries} times")
        return found
    return InDoubt(doubt)


async def _probe(effect: External[Any, Any, Any], key: str, watch: Watch) -> Carried:
    assert effect.reconcile is not None
    try:
        with watch.step("probe", effect.name, key):
            async with asyncio.timeout(effect.timeout):
                receipt = await effect.reconcile(key)
    except Exception as error:
        return InDoubt(_words(f"the probe of {effect.name}", error))
    if receipt is None:
        return DidNotHappen("effect_failed", f"the probe of {effect.name} says it never happened")
    return Happened(receipt, by="probe")


def _words(what: str, error: Exception) -> str:
    text = str(error)[:200]
    return f"{what} failed: {type(error).__name__}{': ' + text if text else ''}"
