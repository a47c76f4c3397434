"""Crossings on the ledger as trials: one for each, about its first proposal or its end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from signoff.diagnosis._lineage import Lineage
from signoff.diagnosis._trial import Trial
from signoff.errors import UsageError
from signoff.ledger import Entry, Ledger, canonical, digest

#: What counts as accepted: the first proposal by every verifier, or the crossing's commit.
Accepted: TypeAlias = Literal["first", "outcome"]

_APART = {"$payload", "characters"}
_TYPES = frozenset({"opened", "proposed", "judged", "committed", "rejected", "reconciled"})
_SHOWN = 200


def fingerprint_label(body: Mapping[str, Any]) -> str:
    """A fingerprint as one short text: `model@version #abcdef12`.

    Equal labels are equal fingerprints, up to the eight digits that stand for prompt, tools and
    settings; a long version is cut to twelve characters and counted among them.

    Args:
        body: Its fields, as they are on the ledger.
    """
    model, version = str(body.get("model", "")), str(body.get("version", ""))
    rest = {name: body[name] for name in ("prompt", "tools", "settings") if body.get(name)}
    if len(version) > 24:
        rest["version"] = version
        version = version[:12]
    label = f"{model}@{version}" if version else model
    return f"{label} #{digest(rest)[:8]}" if rest else label


@dataclass(slots=True)
class _Open:
    """What is known of a crossing so far."""

    boundary: str
    input: str
    at: str
    model: str = ""
    proposal: str = ""
    shown: str = ""
    accepted: bool | None = None
    verdict: str = ""
    error: str = ""
    last: str = ""
    attempts: set[int] = field(default_factory=set[int])


async def trials_of_ledger(
    ledger: Ledger,
    *,
    boundary: str = "",
    since: str = "",
    ok: Accepted = "first",
    progress: Callable[[int], None] | None = None,
) -> AsyncIterator[Trial]:
    """One trial for each crossing that was asked for a proposal.

    `input` is the boundary with a digest of the subject as it was recorded: the same subject in the
    same condition is the same question, whenever it is asked. `model` is the label of the first
    proposal's fingerprint. `ok` is, by default, whether every verifier and control accepted the
    **first** proposal: what a proposer is worth by itself. A part that its owner asked for again,
    after an objection, is then no new trial, and is left out with all its own parts.

    With `ok="outcome"` it is whether the crossing committed, after whatever revisions and answers
    of people: what the boundary makes of it. A crossing that has not ended, or whose effect is in
    doubt, then has `ok` None.

    Args:
        ledger: The account; read once, from the start.
        boundary: Only crossings of this boundary; empty for all.
        since: Only crossings that were opened at or after this time, as `signoff.clock.stamp`
            writes it; empty for all.
        ok: What counts as accepted.
        progress: Is told the position of every record.

    Raises:
        UsageError: If `ok` is something else.
    """
    if ok not in ("first", "outcome"):
        raise UsageError(f"a trial is accepted at `first` or by its `outcome`, not {ok!r}")
    under_way: dict[str, _Open] = {}
    numbers: dict[tuple[str, str], int] = {}
    lineage = Lineage[tuple[_Open, bool | None]]()

    def trial(crossing: _Open, committed: bool | None) -> Trial:
        accepted = crossing.accepted if ok == "first" else committed
        place = (crossing.input, crossing.model)
        number = numbers[place] = numbers.get(place, 0) + 1
        return Trial(
            input=crossing.input,
            model=crossing.model,
            number=number,
            ok=accepted,
            proposal=crossing.proposal,
            verdict=crossing.verdict,
            effect=crossing.last if committed else "",
            group=crossing.boundary,
            at=crossing.at,
            error=crossing.error if accepted is False else "",
            shown=crossing.shown,
        )

    async for entry in ledger.entries():
        if progress is not None:
            progress(entry.position)
        if entry.type not in _TYPES or not entry.crossing:
            continue
        if entry.type == "opened":
            body = _parsed(entry)
            about = str(body.get("boundary", ""))
            asked = f"{about}/{_digest(body.get('subject'))[:16]}"
            if ok == "first":
                lineage.opened(entry.crossing, str(body.get("parent", "")), asked)
            if boundary in ("", about) and entry.at >= since:
                under_way[entry.crossing] = _Open(about, asked, entry.at)
            continue
        crossing = under_way.get(entry.crossing)
        if entry.type in ("committed", "rejected"):
            under_way.pop(entry.crossing, None)
            # A crossing that nobody was asked about, such as a saga's step, is no trial.
            told = [(crossing, entry.type == "committed")] if crossing and crossing.attempts else []
            for each, committed in lineage.ended(entry.crossing, told):
                yield trial(each, committed)
        if crossing is None:
            continue
        body = await _resolved(ledger, _parsed(entry))
        match entry.type:
            case "proposed":
                _propose(crossing, body)
            case "judged":
                _judge(crossing, body)
            case "reconciled" if body.get("happened") is False:
                crossing.last = ""
            case _:
                pass
    waiting = [
        released
        for id, crossing in under_way.items()
        for released in lineage.ended(id, [(crossing, None)] if crossing.attempts else [])
    ]
    for crossing, committed in waiting + lineage.rest():
        yield trial(crossing, committed)


def _propose(crossing: _Open, body: Mapping[str, Any]) -> None:
    said = body.get("proposal", body.get("raw"))
    # What was proposed last, by whomever, is what a commit carries out.
    crossing.last = "" if said is None else _digest(said)
    if crossing.model or crossing.attempts:
        return
    crossing.model = fingerprint_label(_fields(body.get("fingerprint")))
    crossing.proposal = crossing.last
    if said is None:
        return
    text = said if isinstance(said, str) else canonical(said)
    crossing.shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _judge(crossing: _Open, body: Mapping[str, Any]) -> None:
    attempt = int(body.get("attempt", 1))
    first = not crossing.attempts
    crossing.attempts.add(attempt)
    if not first:
        return
    crossing.accepted = bool(body.get("accepted"))
    if crossing.accepted:
        crossing.verdict = "accepted"
        return
    rejections = body.get("rejections") or [None]
    objection = _fields(rejections[0])
    crossing.verdict = str(objection.get("code", "rejected"))
    if crossing.verdict == "no_proposal":
        why = _fields(objection.get("details"))
        crossing.error = str(why.get("text") or why.get("why") or objection.get("message", ""))


def _parsed(entry: Entry) -> dict[str, Any]:
    try:
        body = json.loads(entry.body)
    except ValueError:
        return {}
    return _fields(body)


def _fields(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _digest(value: object) -> str:
    """Of a value, or of what was stored apart: its address there is the same digest."""
    fields = _fields(value)
    return str(fields["$payload"]) if fields.keys() == _APART else digest(canonical(value))


async def _resolved(ledger: Ledger, body: dict[str, Any]) -> dict[str, Any]:
    for name, value in body.items():
        if _fields(value).keys() == _APART:
            kept = await ledger.payload(str(value["$payload"]))
            if kept is not None:
                body[name] = json.loads(kept)
    return body
