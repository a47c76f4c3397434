"""The pass itself: what it reads, what it leaves out, and what it does with what is bent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planting import MODEL, PLANTS, Planter
from stores import opened

from signoff.diagnosis import (
    SIGNATURES,
    Detector,
    Diagnosis,
    End,
    Reading,
    Signature,
    diagnose,
)
from signoff.errors import BadInput, UsageError
from signoff.ledger import Committed, Judged, Opened, Proposed, Unknown
from signoff.storage import Storage


def looked(planter: Planter, **how: Any) -> Diagnosis:
    async def main() -> Diagnosis:
        async with opened("sqlite://:memory:") as storage:
            await planter.onto(storage, rows=True)
            return await diagnose(storage, **how)

    return asyncio.run(main())


def found(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    return [(finding.signature.code, finding.where) for finding in diagnosis.findings]


class Zeros(Detector):
    reads = ("proposed",)

    def feed(self, reading: Reading) -> None:
        tally = self.at(reading.where)
        tally.of += 1
        if reading.body["proposal"]["value"] == 0:
            tally.hit(reading)


ZEROS = Signature(
    code="MINE-zeros",
    pattern="SDB",
    title="nothing is offered",
    evidence="proposals of zero",
    cause="the model avoids the question",
    corrections=("ask it for a number above zero",),
    minimum_evidence=2,
    detector=Zeros,
)


def test_an_empty_ledger_is_healthy() -> None:
    diagnosis = looked(Planter())

    assert diagnosis.healthy
    assert (diagnosis.records, diagnosis.first, diagnosis.unread) == (0, "", ())


def test_a_signature_of_ones_own_is_found_beside_the_others() -> None:
    planter = Planter()
    for _ in range(3):
        planter.crossing(rejected=1, same=True)
    planter.no_verifier(1, 1)

    diagnosis = looked(planter, signatures=[*SIGNATURES, ZEROS])

    assert found(diagnosis) == [("SDB-no-verifier", "mail"), ("MINE-zeros", "offer")]
    mine = diagnosis.findings[1]
    assert (mine.count, mine.of, mine.rate) == (3, 6, 0.5)
    assert mine.interval is not None
    assert 0.5 in mine.interval


def test_findings_come_gravest_first_and_then_by_number() -> None:
    planter = Planter()
    planter.swallowed(6, 6)
    planter.deadlines(4, 6)
    planter.weak_predicate(5, 6)
    planter.unknown(1, 2)

    codes = [code for code, _ in found(looked(planter))]

    assert codes == ["SDB-unknown", "SDB-weak-predicate", "P6-deadlines", "SDB-swallowed"]


def test_two_signatures_with_one_code_are_refused() -> None:
    with pytest.raises(UsageError, match="MINE-zeros"):
        looked(Planter(), signatures=[ZEROS, ZEROS])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"corrections": ()}, "correction"),
        ({"minimum_evidence": 0}, "minimum_evidence"),
        ({"tolerance": 1.0}, "tolerance"),
        ({"severity": "bad"}, "critical"),
    ],
)
def test_a_signature_that_makes_no_sense_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        replace(ZEROS, **change)


def test_only_one_subject_is_looked_at() -> None:
    planter = Planter()
    planter.no_verifier(2, 2)

    diagnosis = looked(planter, run="s-1")

    assert diagnosis.crossings == 1
    assert [finding.count for finding in diagnosis.findings] == [1]


def test_only_one_crossing_with_its_parts_is_looked_at() -> None:
    planter = Planter()
    planter.saga(undone="no")
    planter.no_verifier(1, 1)

    diagnosis = looked(planter, run=f"{1:032x}", now="2026-03-02T00:00:00.000000Z")

    assert found(diagnosis) == [("P2-partial-write", "move")]
    assert diagnosis.crossings == 3


def test_only_one_boundary_with_its_parts_is_looked_at() -> None:
    planter = Planter()
    planter.crossing()
    planter.saga(undone="no")
    planter.no_verifier(1, 1)

    assert found(looked(planter, run="move")) == [("P2-partial-write", "move")]
    assert found(looked(planter, run="mail")) == [("SDB-no-verifier", "mail")]


def test_a_kill_counts_whatever_is_looked_at() -> None:
    planter = Planter()
    planter.after_kill(1, 3)

    for run in ("payout", "s-3"):
        assert found(looked(planter, run=run)) == [("P6-after-kill", "payout")]


def test_a_boundary_may_be_called_like_the_beginning_of_ids() -> None:
    planter = Planter()
    planter.no_verifier(1, 1)
    for _ in range(3):
        planter.crossing("00", effect="send", verifiers=())

    assert found(looked(planter, run="00")) == [("SDB-no-verifier", "00")]
    with pytest.raises(BadInput, match="begins the ids of several"):
        looked(planter, run="000")


def test_nobody_by_that_name_is_told() -> None:
    planter = Planter()
    planter.crossing()

    with pytest.raises(BadInput, match="no subject, crossing or boundary named 'nobody'"):
        looked(planter, run="nobody")


def test_what_is_older_is_known_but_not_counted() -> None:
    planter = Planter()
    planter.no_verifier(2, 2)
    planter.switch("killed", "payout")
    subject, id = planter.name()
    planter.add(subject, id, planter.opened("payout"))
    planter.wait(days=1)
    since = planter.now.isoformat()
    planter.add(
        subject,
        id,
        Proposed(attempt=1, fingerprint=MODEL, proposal={}),
        Judged(attempt=1, accepted=True),
        Committed(),
    )

    diagnosis = looked(planter, since=since)

    assert found(diagnosis) == [("P6-after-kill", "payout")]
    assert diagnosis.records == 3


async def _bend(storage: Storage, sql: str) -> None:
    await storage.transact(lambda tx: tx.execute(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE signoff_records SET body = 'no json' WHERE position = 3",
        "UPDATE signoff_records SET body = '[1]' WHERE position = 3",
        """UPDATE signoff_records SET body = '{"rejections":7}' WHERE position = 3""",
        "UPDATE signoff_records SET body=replace(hex(zeroblob(9999)), '0', '[') WHERE position=3",
    ],
)
def test_a_record_that_somebody_bent_is_told_and_the_rest_is_read(sql: str) -> None:
    planter = Planter()
    planter.crossing(rejected=1)
    planter.no_verifier(1, 1)

    async def main() -> Diagnosis:
        async with opened("sqlite://:memory:") as storage:
            await planter.onto(storage)
            await _bend(storage, sql)
            return await diagnose(storage)

    diagnosis = asyncio.run(main())

    assert {each.position for each in diagnosis.unread} == {3}
    assert found(diagnosis) == [("SDB-no-verifier", "mail")]


def test_a_detector_that_fails_is_named() -> None:
    planter = Planter()
    for _ in range(30):
        planter.crossing()

    class Fails(Zeros):
        def feed(self, reading: Reading) -> None:
            raise RuntimeError("cannot")

    diagnosis = looked(planter, signatures=[replace(ZEROS, detector=Fails)])

    assert diagnosis.unreadable == 30
    assert len(diagnosis.unread) == 20
    assert "Fails.feed: RuntimeError('cannot')" in diagnosis.unread[0].because


def test_records_of_another_version_are_passed_over() -> None:
    planter = Planter()
    planter.crossing()

    async def main() -> Diagnosis:
        async with opened("sqlite://:memory:") as storage:
            await planter.onto(storage)
            await _bend(
                storage, "UPDATE signoff_records SET type = 'fromthefuture' WHERE position = 2"
            )
            return await diagnose(storage)

    assert asyncio.run(main()).healthy


def test_nothing_is_kept_of_crossings_that_have_ended() -> None:
    planter = Planter(7)
    planter.clean(200)
    kept: list[int] = []

    class Counts(Zeros):
        def feed(self, reading: Reading) -> None:
            assert reading.trail is not None

        def finish(self, end: End) -> None:
            kept.append(len(end.open))

    looked(planter, signatures=[replace(ZEROS, detector=Counts)])

    assert kept[0] <= 10  # those that were halted, and never run again


def test_places_are_bounded() -> None:
    planter = Planter()
    for number in range(1100):
        planter.crossing(f"boundary {number}")

    class Places(Zeros):
        def finish(self, end: End) -> None:
            assert len(self.tallies) == 1001

    looked(planter, signatures=[replace(ZEROS, detector=Places)])


def test_the_way_is_told() -> None:
    planter = Planter()
    for _ in range(2000):
        planter.crossing()
    told: list[int] = []

    looked(planter, progress=told.append)

    assert told == [5000]


def test_a_part_is_known_to_an_owner_that_is_written_after_it() -> None:
    planter = Planter()
    child, owner = f"{1:032x}", f"{2:032x}"
    planter.add("s", child, Opened(boundary="clerk", key="k/1/clerk", subject={}, parent=owner))
    planter.add("s", owner, Opened(boundary="chief", key="k", subject={}))
    seen: list[list[str]] = []

    class Parts(Zeros):
        reads = ("opened",)

        def feed(self, reading: Reading) -> None:
            assert reading.trail is not None
            seen.append([part.boundary for part in reading.trail.parts.values()])

    looked(planter, signatures=[replace(ZEROS, detector=Parts)])

    assert seen == [[], ["clerk"]]


def test_an_effect_in_doubt_for_a_moment_is_not_stuck() -> None:
    planter = Planter()
    planter.crossing()
    subject, id = planter.crossing("charge", ends="open")
    planter.add(subject, id, Unknown(effect="charge", key="k", because="no answer"))

    assert looked(planter).healthy
    (finding,) = looked(planter, now="2026-03-01T14:00:00.000000Z").findings
    assert (finding.signature.code, finding.count, finding.of) == ("SDB-unknown", 1, 1)


#: What depends on the order between subjects: kills, and which model came first.
ORDERED = {"P6-after-kill", "P6-killed-again", "SDB-model-change"}


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_between_subjects_changes_nothing(chance: Any) -> None:
    planter = Planter(11)
    for code, (how, count, of) in PLANTS.items():
        if code not in ORDERED:
            getattr(planter, how)(count, of)
    planter.clean(40)
    chains: dict[str, list[Any]] = {}
    for written in planter.written:
        chains.setdefault(written[0], []).append(written)
    draws = [subject for subject, chain in chains.items() for _ in chain]
    chance.shuffle(draws)
    mixed = Planter()
    mixed.written = [chains[subject].pop(0) for subject in draws]
    looked_for = [each for each in SIGNATURES if each.code not in ORDERED]
    now = "2026-04-01T00:00:00.000000Z"

    before, after = (looked(each, signatures=looked_for, now=now) for each in (planter, mixed))

    def counts(diagnosis: Diagnosis) -> dict[tuple[str, str], tuple[int, int]]:
        return {(f.signature.code, f.where): (f.count, f.of) for f in diagnosis.findings}

    assert counts(after) == counts(before)
    assert len(counts(before)) == len(looked_for)
