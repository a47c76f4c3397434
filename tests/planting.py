"""Ledgers with known failures: clean traffic, and each signature planted at a known rate."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from stores import recorded

from signoff.clock import stamp
from signoff.ledger import (
    CONTROLS,
    AskedAgain,
    Committed,
    ControlChanged,
    Delivered,
    GaveUp,
    Halted,
    Intended,
    Judged,
    Late,
    Moved,
    Opened,
    Proposed,
    Reconciled,
    Record,
    Rejected,
    Resumed,
    Said,
    Suspended,
    TimerFired,
    TimerSet,
    Unknown,
)
from signoff.storage import Storage

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = {"model": "m", "version": "1"}
SAGA = {"model": "saga", "version": "1"}
NO = {"code": "over_cap", "message": "lower it", "then": "revise", "by": "cap", "attempt": 1}

Written = tuple[str, str, str, list[Record]]


class Planter:
    """Writes chains of records as the runtime would, one transaction's worth at a time."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.now = START
        self.written: list[Written] = []
        self._number = 0
        self.prefix = ""

    async def onto(self, storage: Storage, *, rows: bool = False) -> None:
        """Append everything to a store, in its order; with `rows`, so that ids are found."""

        def write(tx: Any) -> None:
            for subject, crossing, at, records in self.written:
                tx.append(subject, crossing, at, records)
                if rows and isinstance(records[0], Opened):
                    tx.save_crossing(recorded(crossing, subject=subject, key=records[0].key))

        await storage.transact(write)

    def add(self, subject: str, crossing: str, *records: Record, after: float = 1.0) -> None:
        self.now += timedelta(seconds=after)
        self.written.append((subject, crossing, stamp(self.now), list(records)))

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def name(self) -> tuple[str, str]:
        self._number += 1
        return f"s-{self._number}", f"{self._number:032x}"

    def opened(self, boundary: str = "offer", **more: Any) -> Opened:
        fields = {"key": f"{boundary}/{self._number}", "subject": {"id": "s"}, **more}
        return Opened(
            boundary=boundary,
            verifiers=more.pop("verifiers", ("cap@1",)),
            **{name: value for name, value in fields.items() if name != "verifiers"},
        )

    def crossing(
        self,
        boundary: str = "offer",
        *,
        rejected: int = 0,
        same: bool = False,
        ends: str = "committed",
        effect: str = "",
        model: dict[str, Any] | None = None,
        subject: str = "",
        crossing: str = "",
        **more: Any,
    ) -> tuple[str, str]:
        """One crossing: so many rejected attempts, then how it ends."""
        fresh, id = self.name()
        subject, id = subject or fresh, crossing or id
        model = model or MODEL
        version = more.get("version")
        records: list[Record] = [self.opened(boundary, **more)]
        for attempt in range(1, rejected + 1):
            value = 0 if same else self.random.random()
            records.append(Proposed(attempt=attempt, fingerprint=model, proposal={"value": value}))
            no = Judged(attempt=attempt, accepted=False, rejections=(NO,), version=version)
            self.add(subject, id, *records, no)
            records = []
        if ends == "rejected":
            self.add(subject, id, Rejected(code="over_cap", ended="budget", attempts=rejected))
            return subject, id
        records += [
            Proposed(
                attempt=rejected + 1, fingerprint=model, proposal={"value": self.random.random()}
            ),
            Judged(attempt=rejected + 1, accepted=True, version=version),
        ]
        if ends == "open":
            self.add(subject, id, *records)
            return subject, id
        if effect:
            self.add(subject, id, *records, Intended(effect=effect, key="k"))
            records = []
        self.add(subject, id, *records, Committed(attempts=rejected + 1, effect=effect))
        return subject, id

    # Each signature: `count` occurrences among `of`

    def weight(self, count: int, of: int) -> None:
        for number in range(of):
            subject, owner = self.name()
            key = f"owner/{self._number}"
            values = {"a": self.random.random(), "b": self.random.random()}
            parts: dict[str, Any] = {}
            for name, value in values.items():
                _, child = self.name()
                self.add(
                    subject, child,
                    Opened(boundary=name, key=f"{key}/1/{name}", subject={}, parent=owner,
                           verifiers=("v@1",)),
                    Proposed(attempt=1, fingerprint=MODEL, proposal={"score": value}),
                    Judged(attempt=1, accepted=True), Committed(receipt={"score": value}),
                )  # fmt: skip
                parts[name] = {"state": "answered", "crossing": child}
            merged = values["a"] if number < count else (values["a"] + values["b"]) / 2
            self.add(
                subject, owner,
                Opened(boundary=f"{self.prefix}owner", key=key, subject={}, verifiers=("v@1",)),
                Proposed(attempt=1, fingerprint={"model": "delegation"},
                         proposal={"score": merged}, parts=parts),
                Judged(attempt=1, accepted=True), Committed(),
            )  # fmt: skip

    def double_retry(self, count: int, of: int) -> None:
        for number in range(of):
            subject, owner = self.name()
            key = f"owner/{self._number}"
            self.add(subject, owner, Opened(boundary="chief", key=key, subject={}))
            for attempt in (1, 2):
                asked = 2 if number < count else 1
                _, child = self.name()
                tries: list[Record] = []
                for n in range(1, asked + 1):
                    tries += [
                        Proposed(attempt=n, fingerprint=MODEL, proposal=self.random.random()),
                        Judged(attempt=n, accepted=False, rejections=(NO,)),
                    ]
                self.add(
                    subject, child,
                    Opened(boundary="clerk", key=f"{key}/{attempt}/clerk", subject={},
                           parent=owner, verifiers=("v@1",)),
                    *tries, Rejected(code="over_cap", ended="budget", attempts=asked),
                )  # fmt: skip
                self.add(
                    subject, owner,
                    Proposed(attempt=attempt, fingerprint={"model": "delegation"}),
                    Judged(attempt=attempt, accepted=False, rejections=(NO,)),
                )  # fmt: skip
            self.add(subject, owner, Rejected(code="partial", ended="budget", attempts=2))

    def saga(self, *, undone: str = "", undo_seconds: float = 1.0, ends: bool = True) -> None:
        """Two steps; the second fails unless `undone` is empty, and the first is taken back."""
        subject, saga = self.name()
        key = f"saga/{self._number}"
        self.add(subject, saga, Opened(boundary=f"{self.prefix}move", key=key, subject={}))
        self._step(subject, saga, key, "debit")
        if not undone:
            self._step(subject, saga, key, "credit")
            self.add(subject, saga, Proposed(attempt=1, fingerprint=SAGA, proposal={}),
                     Judged(attempt=1, accepted=True), Committed())  # fmt: skip
            return
        self._step(subject, saga, key, "credit", fails=True)
        if undone == "yes":
            self._step(subject, saga, key, "debit/undo/1", seconds=undo_seconds)
        if ends:
            said = Proposed(attempt=1, fingerprint=SAGA)
            code = "compensated" if undone == "yes" else "partial"
            self.add(subject, saga, said, Judged(attempt=1, accepted=False, rejections=(NO,)),
                     Rejected(code=code, ended="budget", attempts=1))  # fmt: skip

    def _step(
        self, subject: str, saga: str, key: str, place: str, *, fails: bool = False,
        seconds: float = 1.0,
    ) -> None:  # fmt: skip
        _, id = self.name()
        self.add(
            subject, id,
            Opened(boundary=f"move.{place}", key=f"{key}/1/{place}", subject={}, parent=saga),
            Proposed(attempt=1, fingerprint=SAGA, proposal={}), Judged(attempt=1, accepted=True),
            Intended(effect=f"move.{place}", key=f"{key}/1/{place}"),
        )  # fmt: skip
        end = (
            Rejected(code="refused", ended="effect", attempts=1)
            if fails
            else Committed(effect=f"move.{place}")
        )
        self.add(subject, id, end, after=seconds)

    def costly_undo(self, count: int, of: int) -> None:
        for number in range(of):
            self.saga(undone="yes", undo_seconds=30.0 if number < count else 1.0)

    def partial_write(self, count: int, of: int) -> None:
        for number in range(of):
            self.saga(undone="no" if number < count else "", ends=bool(number % 2))
        self.wait(hours=1)
        self.crossing()

    def divergence(self, count: int, of: int) -> None:
        for number in range(of):
            subject, _ = self.name()
            differs = "verdict" if number < count else ""
            again = AskedAgain(
                log=f"{self.prefix}calls",
                consumer="triage",
                version=1,
                fingerprint=MODEL,
                verdict="accepted",
                differs=differs,
            )
            self.add(subject, "", again)

    def late_events(self, count: int, of: int) -> None:
        for number in range(of):
            subject, _ = self.name()
            at = stamp(self.now)
            late = Late(
                log=f"{self.prefix}calls",
                consumer="triage",
                version=1,
                happened=at,
                watermark=at,
                policy="reprocess",
                reread=3,
                otherwise=int(number < count),
            )
            self.add(subject, "", late)

    def same_crash(self, count: int, of: int) -> None:
        for number in range(count):
            subject, _ = self.name()
            because = f"KeyError: 'row {number}'"
            self.add(subject, "", GaveUp(work="timer remind", tries=13, because=because,
                     ticket=f"work-{number}"))  # fmt: skip

    def slow_gate(self, count: int, of: int) -> None:
        for number in range(of):
            subject, id = self.name()
            seconds = 0.8 if number < count else None
            self.add(subject, id, self.opened("slow"),
                     Proposed(attempt=1, fingerprint=MODEL, proposal={"value": 1}),
                     Judged(attempt=1, accepted=True, seconds=seconds), Committed())  # fmt: skip

    def contention(self, count: int, of: int) -> None:
        for number in range(of):
            subject, id = self.name()
            lost = 4 if number < count else 1
            judged = [Judged(attempt=1, accepted=True, version=v) for v in range(1, lost + 2)]
            self.add(subject, id, self.opened(f"{self.prefix}busy", version=1),
                     Proposed(attempt=1, fingerprint=MODEL, proposal={"value": 1}),
                     *judged, Committed())  # fmt: skip

    def late_timer(self, count: int, of: int) -> None:
        for number in range(of):
            subject, _ = self.name()
            self.add(subject, "", TimerSet(version=1, timers=(("remind", stamp(self.now)),)))
            if number < count:
                self.add(subject, "", Moved(machine="m", source="a", state="human", version=2,
                                            because="ada takes over"))  # fmt: skip
            self.add(subject, "", TimerFired(name="remind", version=1))
            self.add(subject, "", Moved(machine="m", source="a", state="b",
                     version=3 if number < count else 2, because="timer remind"))  # fmt: skip

    def ticket(self, answer: str, boundary: str = "deal") -> None:
        """A proposal that its verifiers accepted and that waited for a person."""
        subject, id = self.name()
        self.add(subject, id, self.opened(f"{self.prefix}{boundary}"),
                 Proposed(attempt=1, fingerprint=MODEL, proposal={"value": 1}),
                 Judged(attempt=1, accepted=True),
                 Suspended(ticket=f"{id}-1", ask="role:lead", because="large"))  # fmt: skip
        by = "deadline" if answer == "expired" else "ada"
        resumed = Resumed(ticket=f"{id}-1", answer=answer, by=by)
        if answer == "approved":
            self.add(subject, id, resumed)
            again = Judged(attempt=1, accepted=True, ticket=f"{id}-1")
            self.add(subject, id, again, Committed())
        elif answer == "edited":
            self.add(subject, id, resumed)
            person = {"model": "person:ada"}
            self.add(subject, id,
                     Proposed(attempt=2, fingerprint=person, proposal={"value": 2}),
                     Judged(attempt=2, accepted=True, ticket=f"{id}-1"), Committed())  # fmt: skip
        else:
            code, ended = (
                ("deadline_passed", "deadline") if answer == "expired" else ("denied", "denied")
            )
            self.add(subject, id, resumed, Rejected(code=code, ended=ended, attempts=1))

    def deadlines(self, count: int, of: int) -> None:
        for number in range(of):
            self.ticket("expired" if number < count else "approved")

    def weak_predicate(self, count: int, of: int) -> None:
        for number in range(of):
            answer = ("denied", "edited")[number % 2] if number < count else "approved"
            self.ticket(answer, "weak")

    def switch(self, change: str, scope: str = "offer") -> None:
        self.add(CONTROLS, "", ControlChanged(control=f"kill:{scope}", change=change, by="ops",
                                              because="prices are wrong"))  # fmt: skip

    def after_kill(self, count: int, of: int) -> None:
        for number in range(of):
            if number == of - count:
                self.switch("killed", "payout")
            self.crossing("payout")

    def killed_again(self, count: int, of: int) -> None:
        self.switch("killed", "tenant:acme")
        for number in range(of):
            self.switch("lifted", "tenant:acme")
            self.wait(hours=1 if number < count else 48)
            self.switch("killed", "tenant:acme")
        self.switch("lifted", "tenant:acme")
        self.wait(days=3)

    def no_verifier(self, count: int, of: int) -> None:
        for number in range(of):
            verifiers = () if number < count else ("v@1",)
            self.crossing("mail", effect="send", verifiers=verifiers)

    def phantom(self, count: int, of: int) -> None:
        for number in range(of):
            subject, _ = self.name()
            phantoms = ({"claimed": "refund", "words": "refunded", "status": "absent"},)
            self.add(subject, "", Said(message="done",
                     phantoms=phantoms if number < count else ()))  # fmt: skip

    def unknown(self, count: int, of: int) -> None:
        for number in range(of):
            subject, id = self.crossing("charge", ends="open")
            self.add(subject, id, Intended(effect="charge", key="k"))
            self.add(subject, id, Unknown(effect="charge", key="k", because="no answer"))
            if number >= count:
                self.add(subject, id,
                         Reconciled(effect="charge", key="k", happened=True, by="probe"),
                         Committed(effect="charge"))  # fmt: skip
        self.wait(hours=1)
        self.crossing()

    def unbounded(self, count: int, of: int) -> None:
        for number in range(of):
            if number < count:
                self.crossing("loop", rejected=12)
            else:
                self.crossing("loop", rejected=2)

    def unbounded_outside(self, count: int, of: int) -> None:
        for number in range(of):
            for _ in range(5 if number < count else 2):
                self.crossing("retry", rejected=1, ends="rejected", subject=f"again-{number}")

    def swallowed(self, count: int, of: int) -> None:
        for number in range(of):
            self.crossing("deaf", rejected=2, same=number < count)

    def model_change(self, count: int, of: int) -> None:
        """From all accepted to `count` of `of` rejected."""
        for _ in range(of):
            self.crossing("score")
        for number in range(of):
            new = {"model": "m", "version": "2"}
            self.crossing("score", rejected=int(number < count), model=new)

    # Clean traffic

    def clean(self, crossings: int = 150) -> None:
        """What a healthy system writes, with its everyday mishaps."""
        pick = self.random.random
        kinds: list[tuple[float, Callable[[], object]]] = [
            (0.45, lambda: self.crossing(rejected=int(pick() < 0.15))),
            (0.10, lambda: self.crossing("send", effect="mail", rejected=int(pick() < 0.1))),
            (0.08, lambda: self.crossing("strict", rejected=3, ends="rejected")),
            (0.10, self._answered),
            (0.07, lambda: self.saga(undone="yes" if pick() < 0.2 else "", undo_seconds=1.0)),
            (0.05, lambda: self.weight(0, 1)),
            (0.04, lambda: self.contention(0, 1)),
            (0.03, lambda: self.late_timer(0, 1)),
            (0.02, self._doubt),
            (0.02, lambda: self.divergence(int(pick() < 0.01), 1)),
            (0.02, lambda: self.late_events(0, 1)),
            (0.01, self._stopped),
            (0.01, lambda: self.crossing(model={"model": "m", "version": "2"})),
        ]
        self.prefix = "healthy "
        for _ in range(crossings):
            draw = pick()
            for share, do in kinds:
                draw -= share
                if draw < 0:
                    do()
                    break
        self.prefix = ""

    def _answered(self) -> None:
        draw = self.random.random()
        self.ticket("denied" if draw < 0.02 else "edited" if draw < 0.04 else
                    "expired" if draw < 0.05 else "approved")  # fmt: skip

    def _doubt(self) -> None:
        subject, id = self.crossing("charge", ends="open")
        self.add(subject, id, Intended(effect="charge", key="k"))
        self.add(subject, id, Unknown(effect="charge", key="k", because="no answer"))
        self.add(subject, id, Reconciled(effect="charge", key="k", happened=True, by="probe"),
                 Committed(effect="charge"))  # fmt: skip
        self.add(subject, id, Delivered(effect="note", key="k/note"))

    def _stopped(self) -> None:
        scope = f"tenant:t{self._number}"
        self.switch("killed", scope)
        subject, id = self.name()
        self.add(subject, id, self.opened(),
                 Halted(by="kill", code="killed", message="stopped"))  # fmt: skip
        self.switch("lifted", scope)


#: Signature -> how it is planted, and (count, of) at its documented minimum evidence.
PLANTS: dict[str, tuple[str, int, int]] = {
    "P1-weight": ("weight", 8, 8),
    "P1-double-retry": ("double_retry", 2, 4),
    "P2-costly-undo": ("costly_undo", 8, 8),
    "P2-partial-write": ("partial_write", 1, 20),
    "P3-divergence": ("divergence", 3, 6),
    "P3-late-events": ("late_events", 3, 20),
    "P4-same-crash": ("same_crash", 1, 1),
    "P4-slow-gate": ("slow_gate", 3, 20),
    "P5-contention": ("contention", 3, 20),
    "P5-late-timer": ("late_timer", 1, 20),
    "P6-after-kill": ("after_kill", 1, 20),
    "P6-deadlines": ("deadlines", 3, 6),
    "P6-killed-again": ("killed_again", 1, 3),
    "SDB-no-verifier": ("no_verifier", 1, 20),
    "SDB-phantom": ("phantom", 1, 20),
    "SDB-unknown": ("unknown", 1, 20),
    "SDB-weak-predicate": ("weak_predicate", 3, 4),
    "SDB-unbounded": ("unbounded", 1, 20),
    "SDB-swallowed": ("swallowed", 4, 6),
    "SDB-model-change": ("model_change", 9, 20),
}
