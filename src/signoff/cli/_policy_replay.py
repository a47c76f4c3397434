"""What another policy would have decided about what is on record: counted, with examples."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from signoff.cli._output import put, show_table, styled
from signoff.clock import from_stamp, stamp
from signoff.control import (
    PolicyReplay,
    Replayed,
    ReplayKind,
    Unjudged,
    judgements,
    last_of_each_attempt,
)
from signoff.errors import UsageError
from signoff.reading import chain, payloads
from signoff.storage import Connection, Storage
from signoff.words import compact, count, moment

_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_PAGE = 1000

#: Records after which the progress is told again.
_STEP = 500

KINDS: tuple[ReplayKind, ...] = get_args(ReplayKind)

#: What a person reads for each kind.
_SAID: dict[str, str] = {
    "same": "same",
    "newly_rejected": "newly rejected",
    "newly_accepted": "newly accepted",
    "rejected_otherwise": "rejected otherwise",
    "not_reached": "policy not reached",
    "no_proposal": "no proposal",
    "misfit": "does not fit",
}

#: How far a replay is: records read, of how many.
Tell = Callable[[int, int], None]


def moment_of(option: str, text: str, now: datetime) -> str:
    """`30d`, `12h` before now, or a date or time in UTC, as a stamp; empty stays empty.

    Raises:
        UsageError: If it is neither.
    """
    if not text:
        return ""
    try:
        if span := _SPAN.fullmatch(text):
            return stamp(now - timedelta(seconds=int(span[1]) * _SECONDS[span[2]]))
        at = datetime.fromisoformat(text)
        return stamp(at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} is {text!r}; write 30d, 12h, or a date such as 2026-11-01"
        ) from error


@dataclass(slots=True)
class Replay:
    """What came of a replay. Holds counts and a few examples, however long the ledger is."""

    since: str
    until: str
    boundary: str
    most: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    examples: dict[str, list[Replayed]] = field(default_factory=dict[str, list[Replayed]])
    misfits: list[Unjudged] = field(default_factory=list[Unjudged])
    stopped: threading.Event = field(default_factory=threading.Event)

    def total(self, *kinds: str) -> int:
        """How many decisions of all boundaries were of these kinds."""
        return sum(counts.get(kind, 0) for counts in self.counts.values() for kind in kinds)

    @property
    def changed(self) -> int:
        """How many decisions would change."""
        return self.total(*(kind for kind in KINDS if kind != "same"))

    @property
    def undecided(self) -> bool:
        """Nothing could be compared, or not all of it."""
        return not self.total(*KINDS) or bool(self.total("misfit"))

    async def run(self, storage: Storage, policy: PolicyReplay, tell: Tell) -> None:
        """Judge everything in the window, on one snapshot of the ledger."""
        try:
            await storage.survey(lambda connection: self._look(connection, policy, tell))
        finally:
            self.stopped.set()  # an interrupted wait must not leave the reading thread at work

    def _look(self, connection: Connection, policy: PolicyReplay, tell: Tell) -> None:
        payload = payloads(connection)
        total: int = connection.run("last", {})[0][0] or 0
        read, told, after = 0, 0, ""
        while heads := connection.run("heads", {"after": after, "limit": _PAGE}):
            for subject, length, _ in heads:
                if self.stopped.is_set():
                    return
                found = judgements(
                    chain(connection, subject),
                    payload,
                    boundary=self.boundary,
                    since=self.since,
                    until=self.until,
                )
                for judgement in last_of_each_attempt(found):
                    self._take(policy.judge(judgement))
                read += length
                if read >= told + _STEP:
                    told = read - read % _STEP
                    tell(min(told, total), total)
            after = heads[-1][0]

    def _take(self, said: Replayed | Unjudged) -> None:
        kind = said.kind if isinstance(said, Replayed) else said.why
        counts = self.counts.setdefault(said.judgement.boundary, {})
        counts[kind] = counts.get(kind, 0) + 1
        if isinstance(said, Unjudged):
            if said.why == "misfit" and len(self.misfits) < self.most:
                self.misfits.append(said)
        elif said.kind != "same":
            examples = self.examples.setdefault(said.kind, [])
            if len(examples) < self.most:
                examples.append(said)


def as_json(replay: Replay, policy: PolicyReplay) -> dict[str, Any]:
    """The replay for programs."""
    return {
        "policy": policy.policy.name,
        "version": policy.policy.version,
        "digest": policy.policy.digest,
        "since": replay.since or None,
        "until": replay.until or None,
        "compared": replay.total(*KINDS),
        "changed": replay.changed,
        "counts": {kind: replay.total(kind) for kind in _SAID},
        "boundaries": {
            name: {kind: counts.get(kind, 0) for kind in _SAID}
            for name, counts in sorted(replay.counts.items())
        },
        "examples": {
            kind: [_example_as_json(each) for each in examples]
            for kind, examples in replay.examples.items()
        },
        "misfits": [
            {"crossing": each.judgement.crossing, "problem": each.problem}
            for each in replay.misfits
        ],
    }


def _example_as_json(each: Replayed) -> dict[str, Any]:
    judgement = each.judgement
    return {
        "crossing": judgement.crossing,
        "boundary": judgement.boundary,
        "attempt": judgement.attempt,
        "at": judgement.at,
        "proposal": judgement.proposal,
        "recorded": [{"code": code, "then": then} for code, then in each.recorded],
        "now": [
            {
                "rule": reject.details.get("rule"),
                "code": reject.code,
                "message": reject.message,
                "then": reject.then,
            }
            for reject in each.rejects
        ],
    }


def show(replay: Replay, policy: PolicyReplay) -> None:
    """Print the replay."""
    told = f"{policy.policy.label}, digest {policy.policy.digest[:12]}"
    window = [f"since {moment(replay.since)}"] if replay.since else []
    window += [f"until {moment(replay.until)}"] if replay.until else []
    put(styled(", ".join([told, *window]) + (" UTC" if window else "")))
    kinds = [kind for kind in _SAID if kind in KINDS or replay.total(kind)]
    columns = ("boundary", *(_SAID[kind] for kind in kinds))
    rows = [
        [name, *(counts.get(kind, 0) for kind in kinds)]
        for name, counts in sorted(replay.counts.items())
    ]
    show_table(columns, rows, numbers=columns[1:])
    for kind in KINDS:
        if examples := replay.examples.get(kind):
            _show_examples(kind, examples, replay.total(kind))
    if replay.misfits:
        print(f"\n{count(replay.total('misfit'), 'proposal')} could not be judged, such as:")
        cells = [[each.judgement.crossing, each.problem] for each in replay.misfits]
        show_table(("crossing", "what does not fit"), cells)
    compared = count(replay.total(*KINDS), "decision")
    print(f"\n{compared} compared, {replay.changed:,} would change")


def _show_examples(kind: ReplayKind, examples: list[Replayed], total: int) -> None:
    of = f", {len(examples)} of {total:,}" if len(examples) < total else ""
    print(f"\n{_SAID[kind]}{of}:")
    rows = [
        (
            each.judgement.crossing,
            each.judgement.attempt,
            compact(each.judgement.proposal, 60),
            _codes(each.recorded),
            _codes(each.now),
        )
        for each in examples
    ]
    show_table(("crossing", "attempt", "proposal", "on record", "now"), rows, numbers=("attempt",))


def _codes(said: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{code} ({then})" for code, then in said) or "accept"


def window_of(since: str, until: str, now: datetime) -> tuple[str, str]:
    """Both ends of the window as stamps.

    Raises:
        UsageError: If one cannot be read, or it ends before it begins.
    """
    start, end = moment_of("--since", since, now), moment_of("--until", until, now)
    if start and end and from_stamp(end) <= from_stamp(start):
        raise UsageError(f"--until {until} is not after --since {since}")
    return start, end
