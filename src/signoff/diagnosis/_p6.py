"""Signatures of kill switch and approval (P6)."""

from __future__ import annotations

from signoff.boundary import Kill
from signoff.diagnosis._reading import Reading, Trail, between, fields
from signoff.diagnosis._signature import Detector, Signature

#: Seconds within which a kill that is thrown again was lifted too early.
AGAIN = 86_400.0

_PERSON = frozenset({"approved", "edited", "denied"})


class Deadlines(Detector):
    """Counts tickets that ended by their deadline, among those that ended."""

    reads = ("resumed",)

    def feed(self, reading: Reading) -> None:
        answer = reading.body.get("answer")
        if answer not in _PERSON and answer != "expired":
            return
        tally = self.at(reading.where)
        tally.of += 1
        if answer == "expired":
            tally.hit(reading)


class AfterKill(Detector):
    """Looks for commits, and intents of effects, in a scope that was killed before."""

    reads = ("controlchanged", "committed", "intended")

    def __init__(self) -> None:
        super().__init__()
        self._kills: dict[str, Kill] = {}

    def feed(self, reading: Reading) -> None:
        if reading.type == "controlchanged":
            self._switched(reading)
            return
        if not self._kills or reading.trail is None:
            return
        # An effect that was intended before the kill is under way, and ends.
        if reading.type == "committed" and reading.body.get("effect"):
            return
        for scope, kill in self._kills.items():
            if _reaches(kill, reading.trail):
                tally = self.at(scope)
                tally.hit(reading)
                tally.told = f"killed by {kill.by} at {kill.at[:19]}: {kill.because[:100]}"

    def _switched(self, reading: Reading) -> None:
        scope, is_kill, change = _kill_of(reading)
        if is_kill and change == "killed":
            by, because = (str(reading.body.get(name, "")) for name in ("by", "because"))
            self._kills[scope] = Kill(scope=scope, by=by, because=because, at=reading.entry.at)
        elif is_kill and change == "lifted":
            self._kills.pop(scope, None)


class KilledAgain(Detector):
    """Looks for scopes that were killed again within a day of being lifted."""

    reads = ("controlchanged",)

    def __init__(self) -> None:
        super().__init__()
        self._lifted: dict[str, str] = {}

    def feed(self, reading: Reading) -> None:
        scope, is_kill, change = _kill_of(reading)
        if not is_kill:
            return
        tally = self.at(scope)
        if change == "lifted":
            tally.of += 1
            self._lifted[scope] = reading.entry.at
        elif change == "killed":
            lifted = self._lifted.pop(scope, "")
            if lifted and between(lifted, reading.entry.at) < AGAIN:
                tally.hit(reading)


def _kill_of(reading: Reading) -> tuple[str, bool, str]:
    control = str(reading.body.get("control", ""))
    return (
        control.removeprefix("kill:"),
        control.startswith("kill:"),
        str(reading.body.get("change", "")),
    )


def _reaches(kill: Kill, trail: Trail) -> bool:
    tenant = fields(trail.opened.get("subject")).get("tenant")
    labels = [str(label) for label in trail.opened.get("controls", ())]
    switches = [label[12:] for label in labels if label.startswith("kill_switch:")]
    return kill.reaches(
        boundary=trail.boundary,
        subject=trail.subject,
        tenant=tenant if isinstance(tenant, str) else "",
        switches=switches,
    )


SIGNATURES = (
    Signature(
        code="P6-after-kill",
        pattern="P6",
        title="a kill is thrown, but work goes on",
        evidence="commits and intents in a killed scope, after the kill's own record",
        cause="something commits without reading the kills in its own transaction",
        corrections=(
            "cross a boundary with it: every boundary reads the kills in the commit",
            "revoke the credentials of whatever commits beside the runtime",
        ),
        detector=AfterKill,
        severity="critical",
    ),
    Signature(
        code="P6-deadlines",
        pattern="P6",
        title="approvals miss their deadline and fall back",
        evidence="tickets that ended by their deadline, among those that ended",
        cause="nobody is there in time, too much is asked, or the deadline is too short",
        corrections=(
            "tell people: notify= sends each ticket to where they look",
            "ask less: let a policy pass what is always approved",
            "give the approval a chain, or a longer deadline",
        ),
        minimum_evidence=3,
        detector=Deadlines,
        tolerance=0.05,
    ),
    Signature(
        code="P6-killed-again",
        pattern="P6",
        title="a kill is lifted, and thrown again within a day",
        evidence="kills and liftings of one scope",
        cause="it was lifted before what it was thrown for was mended",
        corrections=(
            "replay the crossings that it was thrown for before lifting it",
            "lift it for a narrower scope first: one subject, one tenant",
        ),
        detector=KilledAgain,
        severity="minor",
    ),
)
