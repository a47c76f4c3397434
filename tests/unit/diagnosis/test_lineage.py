"""The records of parts come before those of their owner."""

from __future__ import annotations

from signoff.diagnosis._lineage import Lineage


def test_what_has_no_owner_passes_at_once() -> None:
    lineage = Lineage[str]()
    lineage.opened("a", "", "q")
    assert lineage.ended("a", ["a"]) == ["a"]


def test_a_part_waits_for_its_owner() -> None:
    lineage = Lineage[str]()
    lineage.opened("part", "owner", "q")
    assert lineage.ended("part", ["part"]) == []
    lineage.opened("owner", "", "q")
    assert lineage.ended("owner", ["owner"]) == ["part", "owner"]
    assert lineage.rest() == []


def test_a_part_that_is_asked_for_again_is_left_out() -> None:
    lineage = Lineage[str]()
    for crossing in ("first", "second"):
        lineage.opened(crossing, "owner", "q")
        assert lineage.ended(crossing, [crossing]) == []
    lineage.opened("other", "owner", "another q")
    lineage.ended("other", ["other"])
    lineage.opened("owner", "", "q")
    assert lineage.ended("owner", []) == ["first", "other"]


def test_the_parts_of_a_part_that_is_asked_for_again_are_left_out() -> None:
    lineage = Lineage[str]()
    for middle in ("m1", "m2"):
        lineage.opened(f"{middle}.part", middle, "deep")
        lineage.ended(f"{middle}.part", [f"{middle}.part"])
        lineage.opened(middle, "owner", "q")
        lineage.ended(middle, [middle])
    # The records of a late part come after those of its owner.
    lineage.opened("m2.late", "m2", "late")
    assert lineage.ended("m2.late", ["m2.late"]) == []
    lineage.opened("owner", "", "q")
    assert lineage.ended("owner", []) == ["m1.part", "m1"]
    assert lineage.rest() == []


def test_what_waits_for_an_owner_that_has_not_ended_is_told_at_the_end() -> None:
    lineage = Lineage[str]()
    lineage.opened("part", "owner", "q")
    lineage.ended("part", ["part"])
    assert lineage.rest() == ["part"]
