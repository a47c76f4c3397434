"""Each signature is found where it was planted, at its documented minimum, and nowhere else."""

from __future__ import annotations

import asyncio

import pytest
from planting import PLANTS, Planter
from stores import opened

from signoff.diagnosis import SIGNATURES, Diagnosis, diagnose

MEMORY = "sqlite://:memory:"

#: Clean ledgers that are looked at; at most 1 % of them may be called sick.
CLEAN = 300


def diagnosed(planter: Planter, url: str = MEMORY) -> Diagnosis:
    async def main() -> Diagnosis:
        async with opened(url) as storage:
            await planter.onto(storage)
            return await diagnose(storage)

    return asyncio.run(main())


def codes(diagnosis: Diagnosis) -> set[str]:
    assert not diagnosis.unread
    return {finding.signature.code for finding in diagnosis.findings}


def test_every_signature_is_planted() -> None:
    assert PLANTS.keys() == {signature.code for signature in SIGNATURES}


@pytest.mark.parametrize("code", PLANTS)
def test_a_signature_is_found_at_its_minimum_evidence(code: str) -> None:
    how, count, of = PLANTS[code]
    planter = Planter(1)
    getattr(planter, how)(count, of)

    diagnosis = diagnosed(planter)

    assert codes(diagnosis) == {code}
    (finding,) = diagnosis.findings
    signature = finding.signature
    assert finding.count >= signature.minimum_evidence
    assert finding.evidence
    assert finding.cause
    assert finding.corrections


@pytest.mark.parametrize("code", [code for code in PLANTS if PLANTS[code][1] > 1])
def test_below_the_minimum_evidence_nothing_is_said(code: str) -> None:
    how, count, of = PLANTS[code]
    planter = Planter(2)
    getattr(planter, how)(count - 1, of)

    assert diagnosed(planter).healthy


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("code", PLANTS)
def test_a_signature_is_found_in_the_midst_of_clean_traffic(code: str, seed: int) -> None:
    how, count, of = PLANTS[code]
    planter = Planter(seed)
    planter.clean(60)
    getattr(planter, how)(count, of)
    planter.clean(60)

    found = diagnosed(planter).findings

    (signature,) = (each for each in SIGNATURES if each.code == code)
    assert [f.count for f in found if f.signature is signature] == [count]


def test_all_signatures_are_found_together() -> None:
    planter = Planter(3)
    for how, count, of in PLANTS.values():
        planter.clean(10)
        getattr(planter, how)(count, of)

    assert codes(diagnosed(planter)) == PLANTS.keys()


def test_rejected_crossings_in_a_row_are_unbounded_retries() -> None:
    planter = Planter(4)
    planter.unbounded_outside(1, 10)

    (finding,) = diagnosed(planter).findings

    assert (finding.signature.code, finding.count) == ("SDB-unbounded", 1)


def test_clean_ledgers_are_called_healthy() -> None:
    sick: list[tuple[int, set[str]]] = []
    for seed in range(CLEAN):
        planter = Planter(1000 + seed)
        planter.clean()
        diagnosis = diagnosed(planter)
        assert diagnosis.crossings > 100
        if not diagnosis.healthy:
            sick.append((seed, codes(diagnosis)))

    assert len(sick) < CLEAN / 100, sick


def test_both_databases_diagnose_alike(any_store: str) -> None:
    planter = Planter(5)
    planter.clean(30)
    planter.swallowed(4, 6)

    (finding,) = diagnosed(planter, any_store).findings

    assert (finding.signature.code, finding.where, finding.count) == ("SDB-swallowed", "deaf", 4)
