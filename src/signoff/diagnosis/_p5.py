"""Signatures of the state machine (P5)."""

from __future__ import annotations

from signoff.diagnosis._reading import Reading
from signoff.diagnosis._signature import Detector, Signature

#: Compare-and-swap retries that are still healthy.
RETRIES = 3

#: Subjects whose timers are remembered; the oldest are forgotten.
MOST_ARMED = 100_000


class Contention(Detector):
    """Counts how often an accepted proposal was judged again because its row had moved."""

    reads = ("judged", "suspended", "halted", "resumed", "committed", "rejected", "intended")

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None or trail.opened.get("version") is None:
            return
        lost, version = trail.memory.get(self, (0, None))
        match reading.type:
            case "judged":
                now = reading.body.get("version")
                if reading.body.get("accepted") is True:
                    lost += version is not None and now != version
                    version = now
                trail.memory[self] = (lost, version)
            case "committed" | "rejected":
                tally = self.at(trail.boundary)
                tally.of += 1
                if lost > RETRIES:
                    tally.hit(reading)
                    most = max(lost, int(tally.told.split()[2]) if tally.told else 0)
                    tally.told = f"up to {most} retries in one crossing"
            case _:
                # Whoever waited is judged anew on purpose.
                trail.memory[self] = (lost, None)


class LateTimer(Detector):
    """Looks for timers that fired although the row had moved since they were set."""

    reads = ("started", "timerset", "moved", "changed", "timerfired")

    def __init__(self) -> None:
        super().__init__()
        #: The row's version, by subject, where timers were set.
        self._armed: dict[str, int] = {}

    def feed(self, reading: Reading) -> None:
        subject, body = reading.entry.subject, reading.body
        version = int(body.get("version", 0))
        match reading.type:
            case "timerset":
                self._armed.pop(subject, None)
                self._armed[subject] = version
                if len(self._armed) > MOST_ARMED:
                    del self._armed[next(iter(self._armed))]
            case "moved" | "changed":
                if str(body.get("because", "")).startswith("timer "):
                    self._armed.pop(subject, None)  # it fired; what is set next says so
                elif subject in self._armed:
                    self._armed[subject] = version
            case "timerfired":
                now = self._armed.get(subject, version)
                tally = self.at(str(body.get("name", "")))
                tally.of += 1
                if version < now:
                    tally.hit(reading)
                    tally.told = f"set for version {version}, fired at version {now}"
            case _:
                self._armed.pop(subject, None)


SIGNATURES = (
    Signature(
        code="P5-contention",
        pattern="P5",
        title="more than three compare-and-swap retries",
        evidence="verdicts repeated on another version of the row, within one crossing",
        cause="the row is too coarse: things that change independently share one version",
        corrections=(
            "keep what changes often out of the row, or change it less often",
            "cross first, then let the world change: judge on a short hold",
            "split the row: one subject for each thing that changes by itself",
        ),
        minimum_evidence=3,
        detector=Contention,
        severity="minor",
        tolerance=0.01,
    ),
    Signature(
        code="P5-late-timer",
        pattern="P5",
        title="a timer fires after a manual override",
        evidence="timers that fired for an older version than the row had",
        cause="the timer is not bound to the version at which it was set",
        corrections=(
            "let the runtime fire timers: it does nothing once the row has moved",
            "compare the timer's version with the row's in the transaction that acts on it",
        ),
        detector=LateTimer,
        severity="critical",
    ),
)
