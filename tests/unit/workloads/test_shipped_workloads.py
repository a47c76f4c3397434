"""The workloads that ship: listed by name, each with a record that is still what is selected."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from signoff.errors import BadInput
from signoff.methodology import read_record, select
from signoff.workloads import NAMES, shipped

#: What each of them is, as section 7 of the design has it.
CLASSES = {
    "billing-assist": ("conversational", "no durable spine"),
    "network-triage": ("autonomous", "event log"),
    "lead-warming": ("long-horizon", "no durable spine"),
    "port-in": ("long-horizon", "state machine"),
    "contract-renewal": ("long-horizon", "state machine"),
}

#: The five files that are read side by side.
FILES = ("workload.py", "boundary.py", "lifecycle.py", "decision_record.md", "world.py")


def test_every_workload_is_listed() -> None:
    assert set(NAMES) == set(CLASSES)


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_is_what_the_design_says(name: str) -> None:
    found = shipped(name)
    record = select(found.workload)
    assert (record.runtime.decision, record.spine.decision) == CLASSES[name]
    assert found.runtime_class == CLASSES[name][0]
    assert found.about.endswith(".")
    assert found.damage


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_has_the_same_five_files(name: str) -> None:
    package = importlib.import_module(shipped(name).package)
    folder = Path(str(package.__file__)).parent
    assert all((folder / file).is_file() for file in FILES)


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_what_is_selected_today(name: str) -> None:
    package = importlib.import_module(shipped(name).package)
    text = (Path(str(package.__file__)).parent / "decision_record.md").read_text(encoding="utf-8")
    assert text == package.decided().as_markdown()
    assert read_record(text).workload == shipped(name).workload


def test_a_name_may_be_spelled_otherwise() -> None:
    assert shipped("Billing Assist") is shipped("billing_assist") is shipped("billing-assist")


def test_a_name_that_nobody_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean network-triage"):
        shipped("network-triags")
    with pytest.raises(BadInput, match="there are billing-assist"):
        shipped("nonsense")
