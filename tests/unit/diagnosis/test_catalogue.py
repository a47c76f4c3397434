"""The catalogue: whole, and told on its page as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from signoff.cli._findings import threshold
from signoff.diagnosis import SIGNATURES, Signature

PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "diagnosis.md"

#: What the methodology names, and so the catalogue must have.
PATTERNS = {"P1": 2, "P2": 2, "P3": 2, "P4": 2, "P5": 2, "P6": 2, "SDB": 6}


def test_every_pattern_has_the_signatures_that_the_methodology_names() -> None:
    patterns = [signature.pattern for signature in SIGNATURES]

    assert all(patterns.count(pattern) >= number for pattern, number in PATTERNS.items())


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.code)
def test_the_page_tells_a_signature_as_it_is(signature: Signature) -> None:
    (row,) = (
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| **{signature.code}**")
    )

    for text in (signature.title, signature.evidence, signature.cause, *signature.corrections):
        assert text in row
    assert signature.severity in row
    if signature.tolerance or signature.minimum_evidence > 1:
        assert threshold(signature).partition(",")[0] in row


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.code)
def test_every_pass_has_detectors_of_its_own(signature: Signature) -> None:
    once, again = signature.detector(), signature.detector()

    assert once is not again
    assert once.reads
    assert once.tallies == {}
