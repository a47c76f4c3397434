from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cel_expr_python")
pytest.importorskip("yaml")

from signoff.cli import main

TYPES = """\
from dataclasses import dataclass
from pydantic import BaseModel


class Offer(BaseModel):
    discount: float


@dataclass
class Renewal:
    id: str
    max_discount: float = 0.3


@dataclass
class Person:
    role: str
"""

POLICY = """\
policy: renewal
version: "2026-11-01"
default: allow
rules:
  - id: cap
    when: proposal.discount > subject.max_discount
    code: over_cap
    message: "{proposal.discount:.0%} offered"
    then: revise
    path: discount
tenants:
  acme:
    without: [cap]
"""

CASES = """\
cases:
  - name: within the cap
    proposal: {discount: 0.1}
    subject: {id: r-1}
    expect: accept
  - name: over the cap
    proposal: {discount: 0.9}
    subject: {id: r-1}
    expect: [over_cap]
  - name: acme has no cap
    proposal: {discount: 0.9}
    subject: {id: r-1}
    tenant: acme
    expect: accept
  - name: a discount that is no number
    proposal: {discount: .nan}
    subject: {id: r-1}
    expect: [policy_error]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("policy_command_types.py").write_text(TYPES)
    Path("renewal.yaml").write_text(POLICY)
    Path("cases.yaml").write_text(CASES)
    return tmp_path


def run(*words: str) -> int:
    types = ["--proposal", "policy_command_types:Offer"]
    types += ["--subject", "policy_command_types:Renewal"]
    return main(["policy", *words, *types])


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_check_shows_every_rule_and_what_it_reads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run("check", "renewal.yaml") == 0
    printed = capsys.readouterr().out
    assert "renewal@2026-11-01" in printed
    assert "proposal.discount, subject.max_discount" in printed
    assert "for tenant acme" in printed


def test_check_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "renewal.yaml", "--json") == 0
    said = document(capsys)
    assert said["valid"] is True
    assert said["default"] == "allow"
    assert said["tenants"] == {"acme": []}
    assert said["rules"] == [
        {
            "id": "cap",
            "when": "proposal.discount > subject.max_discount",
            "then": "revise",
            "code": "over_cap",
            "path": "discount",
            "reads": ["proposal.discount", "subject.max_discount"],
            "shows": ["proposal.discount"],
        }
    ]


def test_check_says_where_a_policy_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    Path("renewal.yaml").write_text(POLICY.replace("proposal.discount >", "proposal.discont >"))
    assert run("check", "renewal.yaml") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "renewal.yaml:6:11: proposal.discont does not exist; did you mean proposal.discount?\n"
    )
    assert run("check", "renewal.yaml", "--json") == 1
    said = document(capsys)
    assert (said["valid"], said["problems"][0]["line"]) == (False, 6)


def test_a_hostile_policy_does_not_write_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("renewal.yaml").write_text('policy: "\\e[31m"\n"\\e[2J": 1\n')
    assert run("check", "renewal.yaml") == 1
    assert "\x1b" not in capsys.readouterr().err


def test_cases_that_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test", "renewal.yaml", "cases.yaml") == 0
    printed = capsys.readouterr().out
    assert "4 cases, 0 failed" in printed
    assert run("test", "renewal.yaml", "cases.yaml", "--json") == 0
    said = document(capsys)
    assert said["passed"] is True
    assert said["cases"][1]["rejects"][0]["message"] == "90% offered"


def test_a_case_that_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cases.yaml").write_text(CASES.replace("discount: 0.1", "discount: 0.4"))
    assert run("test", "renewal.yaml", "cases.yaml") == 1
    printed = capsys.readouterr().out
    assert "FAIL" in printed
    assert "4 cases, 1 failed" in printed


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ("discount: 0.1", "discount: much", "cases.yaml:3:26: cases[1].proposal.discount"),
        ("discount: 0.1", "", "cases.yaml:3:15: cases[1].proposal.discount: Field required"),
        ("expect: accept", "expect: yes", "cases.yaml:5:"),
        ("tenant: acme", "customer: acme", "there is no such field"),
        ("tenant: acme", "principal: {role: x}", "no type was given for the principal"),
    ],
)
def test_a_case_that_is_no_case(
    before: str, after: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("cases.yaml").write_text(CASES.replace(before, after, 1))
    assert run("test", "renewal.yaml", "cases.yaml") == 1
    assert wrong in capsys.readouterr().err


@pytest.mark.parametrize(
    "named", ["policy_command_types", "policy_command_types:Nobody", "nowhere:Offer", ":", "a.:b"]
)
def test_a_type_that_is_not_there_is_wrong_usage(
    named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "renewal.yaml", "--proposal", named]
    assert main(["policy", *words, "--subject", "policy_command_types:Renewal"]) == 2
    assert "--proposal" in capsys.readouterr().err


def test_a_principal_has_a_type_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    Path("renewal.yaml").write_text(
        POLICY.replace("subject.max_discount", "0.3 && principal.role != 'lead'")
    )
    assert run("check", "renewal.yaml") == 1
    assert run("check", "renewal.yaml", "--principal", "policy_command_types:Person") == 0
    capsys.readouterr()
