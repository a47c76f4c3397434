"""One record of the ledger, in words."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from signoff.words import compact, count, moment, plain, took

Body = Mapping[str, Any]

#: What is asked before every commit, declared or not.
_KILL = "kill"

#: So many who were asked are told by name.
_NAMED = 12

#: Characters of a proposal, a receipt or a raw answer that a line shows.
_SHOWN = 300


def told(type: str, body: Body) -> Sequence[tuple[str, str]]:
    """(word, text) lines for one record; one that we do not understand is shown as it is."""
    tell = _TELL.get(type)
    if tell is not None:
        # Somebody altered it, or a newer version wrote it: showing it is all the more useful.
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            return tell(body)
    return [(plain(type), compact(body, _SHOWN))]


def _opened(body: Body) -> list[tuple[str, str]]:
    version = f"on version {body['version']}; " if "version" in body else ""
    verifiers = ", ".join(body.get("verifiers", ())) or "nobody"
    lines = [("opened", f"{version}verified by {verifiers}; key {body['key']}")]
    if controls := body.get("controls"):
        lines.append(("", f"bounded by {', '.join(controls)}"))
    if (principal := body.get("principal")) is not None:
        lines.append(("", f"on behalf of {compact(principal, _SHOWN)}"))
    if parent := body.get("parent"):
        lines.append(("", f"as a part of crossing {plain(parent[:12])}"))
    return lines


def _proposed(body: Body) -> list[tuple[str, str]]:
    said = body.get("proposal")
    shown = compact(body.get("raw") or "nothing", _SHOWN) if said is None else compact(said, _SHOWN)
    by = body["fingerprint"].get("model", "?")
    notes = [" ".join(filter(None, (by, body["fingerprint"].get("version"))))]
    if body.get("repaired"):
        notes.append(f"repaired: {', '.join(body['repaired'])}")
    if body.get("seconds"):
        notes.append(took(body["seconds"]))
    if usage := body.get("usage"):
        notes.append(f"{usage.get('in', 0)}+{usage.get('out', 0)} tokens")
        if usage.get("usd"):
            notes.append(f"${usage['usd']:.4g}")
    lines = [("proposed", shown), ("", f"by {'; '.join(notes)}")]
    if parts := body.get("parts"):
        lines.append(("asked", _parts(parts)))
    return lines


def _parts(parts: Mapping[str, Body]) -> str:
    """Everybody who was asked with what became of them; of many, how many of each."""
    if len(parts) <= _NAMED:
        return "; ".join(f"{plain(name)} {part_told(part)}" for name, part in parts.items())
    states = Counter(plain(str(part["state"])) for part in parts.values())
    return f"{len(parts):,}: {', '.join(f'{number:,} {state}' for state, number in states.items())}"


def part_told(part: Body) -> str:
    """What became of one who was asked: `rejected (over_cap), substituted, weight 2`."""
    state, code = str(part.get("state", "?")), str(part.get("code", ""))
    said = [f"{state} ({code})" if code not in ("", state) else state]
    if part.get("substituted"):
        said.append("substituted")
    if "weight" in part:
        said.append(f"weight {part['weight']:g}" if _is_number(part["weight"]) else "weight ?")
    return plain(", ".join(said))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _judged(body: Body) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if body["accepted"]:
        lines.append(("accepted", "by every verifier"))
    for rejection in body.get("rejections", ()):
        path = f", at {rejection['path']}" if rejection.get("path") else ""
        text = f"{rejection['code']}: {rejection['message']}"
        lines.append(("objection", f"{text} ({rejection['by']}{path}; then {rejection['then']})"))
    if body.get("evidence"):
        lines.append(("evidence", compact(body["evidence"], _SHOWN)))
    if waived := body.get("waived"):
        by = f" by the answer to ticket {body['ticket']}" if body.get("ticket") else ""
        lines.append(("set aside", f"{', '.join(waived)}{by}"))
    asked = body.get("controls", ())
    if asked and list(asked) != [_KILL]:
        lines.append(("controls", f"asked in this order: {', '.join(asked)}"))
    if _is_number(body.get("seconds")):
        lines.append(("", f"the verdict took {took(body['seconds'])}"))
    return lines


def _suspended(body: Body) -> list[tuple[str, str]]:
    until = f" until {moment(body['due'])}" if body.get("due") else ""
    lines = [("SUSPENDED", f"waits for {body['ask']}{until}: {body['because']}")]
    notes = [f"ticket {body['ticket']}"]
    if body.get("control"):
        notes.append(f"asked by {body['control']}")
    if "version" in body:
        notes.append(f"on version {body['version']}")
    if body.get("policies"):
        notes.append(f"judged by {', '.join(body['policies'])}")
    if body.get("digest"):
        notes.append(f"proposal {body['digest'][:12]}")
    if body.get("otherwise"):
        notes.append(f"without an answer: {body['otherwise']}")
    return [*lines, ("", "; ".join(notes))]


def _resumed(body: Body) -> list[tuple[str, str]]:
    because = f": {body['because']}" if body.get("because") else ""
    return [(body["answer"].upper(), f"by {body['by']}{because} (ticket {body['ticket']})")]


def _answer_refused(body: Body) -> list[tuple[str, str]]:
    who = f"{body['by']} said {body['answer']}"
    text = f"{who}, and it does not count: {body['code']}: {body['because']}"
    return [("refused", f"{text} (ticket {body['ticket']})")]


def _control_changed(body: Body) -> list[tuple[str, str]]:
    details = body.get("details")
    if body["change"] == "policy" and details:
        return [("policy", f"{details['policy']} judges {details['boundary']} from here on")]
    by = f" by {body['by']}" if body.get("by") else ""
    because = f": {body['because']}" if body.get("because") else ""
    return [(body["change"], f"{body['control'].removeprefix('kill:')}{by}{because}")]


def _rejected(body: Body) -> list[tuple[str, str]]:
    ended = {
        "stop": "an objection said stop",
        "budget": "the budget is spent",
        "no_progress": "the proposer repeats itself",
        "effect": "the effect did not happen",
        "denied": "a person said no",
        "deadline": "nobody answered in time",
    }.get(body["ended"], body["ended"])
    after = count(body["attempts"], "attempt")
    return [("REJECTED", f"{body['code']}: {ended}, after {after}; nothing was committed")]


def _committed(body: Body) -> list[tuple[str, str]]:
    receipt = f"receipt {compact(body['receipt'], _SHOWN)}" if "receipt" in body else "no receipt"
    return [("COMMITTED", f"{receipt}; after {count(body['attempts'], 'attempt')}")]


def _reconciled(body: Body) -> list[tuple[str, str]]:
    happened = "it happened" if body["happened"] else "it did not happen"
    because = f": {body['because']}" if body.get("because") else ""
    return [("settled", f"{body['effect']}: {happened}, says the {body['by']}{because}")]


def _said(body: Body) -> list[tuple[str, str]]:
    lines = [("said", compact(body["message"], _SHOWN))]
    for phantom in body.get("phantoms", ()):
        text = f"{phantom['words']!r} claims {phantom['claimed']}, which was {phantom['status']}"
        lines.append(("PHANTOM", text))
    return lines


def _moved(body: Body) -> list[tuple[str, str]]:
    because = f"; {body['because']}" if body.get("because") else ""
    way = f"{body['source']} -> {body['state']}"
    return [("moved", f"{way} (version {body['version']}){because}")]


def _appended(body: Body) -> list[tuple[str, str]]:
    if "about" in body:
        text = f"{body['event']} in log {body['log']}, about version {body['about']}"
        return [("asked again", f"{text}; beside the history")]
    return [("event", f"{body['event']} in log {body['log']} (version {body['version']})")]


def _late(body: Body) -> list[tuple[str, str]]:
    text = f"event {body['version']} of log {body['log']}, for {body['consumer']}: happened "
    text += f"{moment(body['happened'])}, watermark {moment(body['watermark'])}; {body['policy']}"
    lines = [("LATE", text)]
    if "reread" in body:
        later = count(body["reread"], "later event")
        lines.append(("", f"{later} read again, {body['otherwise']} came out otherwise"))
    if body.get("ticket"):
        lines.append(("", f"it rests, and ticket {body['ticket']} asks what to do"))
    return lines


def _asked_again(body: Body) -> list[tuple[str, str]]:
    by = " ".join(
        filter(None, (body["fingerprint"].get("model", "?"), body["fingerprint"].get("version")))
    )
    differs = {
        "": "all the same",
        "proposal": "another proposal, with the same effect",
        "verdict": "another verdict",
        "events": "other events would follow",
    }.get(body.get("differs", ""), body.get("differs", ""))
    text = f"about event {body['version']} of log {body['log']}, by {body['consumer']}: {differs}"
    said = f"{compact(body.get('proposal'), _SHOWN)} by {by}; {body['verdict']}"
    return [("ASKED AGAIN", text), ("", said)]


def _retained(body: Body) -> list[tuple[str, str]]:
    gone = [
        f"{count(body['records'], 'record')} of {count(body['subjects'], 'subject')}",
        count(body["payloads"], "large value"),
        count(body["keys"], "key"),
        count(body["tickets"], "closed ticket"),
    ]
    by = f"by {body['by']}, under policy {body['policy'][:12]}"
    return [("retained", f"{', '.join(gone)} removed"), ("", by)]


_TELL: dict[str, Callable[[Body], Sequence[tuple[str, str]]]] = {
    "opened": _opened,
    "proposed": _proposed,
    "judged": _judged,
    "intended": lambda b: [("intended", f"effect {b['effect']}, under key {b['key']}")],
    "delivered": lambda b: [
        ("delivered", f"effect {b['effect']}: receipt {compact(b.get('receipt'), _SHOWN)}")
    ],
    "committed": _committed,
    "rejected": _rejected,
    "suspended": _suspended,
    "resumed": _resumed,
    "answerrefused": _answer_refused,
    "passedon": lambda b: [("passed on", f"to {b['ask']}: {b['because']} (ticket {b['ticket']})")],
    "halted": lambda b: [
        ("HALTED", f"{b['code']}: {b['message']} ({b['by']}); the same key may be run again")
    ],
    "gaveup": lambda b: [
        ("GAVE UP", f"{b['work']}, after {count(b['tries'], 'try', 'tries')}: {b['because']}"),
        ("", f"it rests, and ticket {b['ticket']} asks what to do"),
    ],
    "said": _said,
    "controlchanged": _control_changed,
    "unknown": lambda b: [("UNKNOWN", f"effect {b['effect']} is in doubt: {b['because']}")],
    "reconciled": _reconciled,
    "started": lambda b: [("started", f"{b['machine']} at {b['state']} (version {b['version']})")],
    "moved": _moved,
    "changed": lambda b: [("changed", f"at {b['state']} (version {b['version']}); {b['because']}")],
    "timerset": lambda b: [("timer set", f"{n}: due {moment(due)}") for n, due in b["timers"]],
    "timerfired": lambda b: [("timer", f"{b['name']} fired (set on version {b['version']})")],
    "appended": _appended,
    "forked": lambda b: [("forked", f"from {b['source']} of log {b['log']} at {b['version']}")],
    "late": _late,
    "askedagain": _asked_again,
    "cut": lambda b: [
        ("cut", f"{count(b['removed'], 'record')} removed before it, up to record {b['upto']}"),
        ("", f"by {b['by']}, under policy {b['policy'][:12]}: {b['rule']}"),
    ],
    "retained": _retained,
    "sealed": lambda b: [("sealed", f"{count(b['records'], 'record')} under root {b['root']}")],
}
