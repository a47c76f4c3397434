from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import connect
from typing import Any, cast

import pytest

pytest.importorskip("cel_expr_python")
pytest.importorskip("yaml")

from signoff import Accept, Boundary, Committed, Reject, Rejected, Runtime, Suspended, Transactional
from signoff.cli import main
from signoff.cli._policy_replay import moment_of, window_of
from signoff.clock import stamp
from signoff.control import Approval, Gate
from signoff.errors import UsageError
from signoff.state import StateMachine
from signoff.testing import FakeClock, Scripted

TYPES = """\
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel


class Line(BaseModel):
    price: float


class Offer(BaseModel):
    discount: float
    note: str = ""
    lines: list[Line] = []


class OtherOffer(BaseModel):
    discount: Literal["high", "low"]


class Renewal(BaseModel):
    id: str
    max_discount: float = 0.3
    tenant: str = ""
    limits: dict[str, float] = {"gold": 0.5}


class Agent(BaseModel):
    id: str
    role: str
"""

POLICY = """\
policy: renewal
version: "1"
default: allow
rules:
  - id: cap
    when: |
      proposal.discount > subject.max_discount &&
      proposal.discount < subject.limits['gold']
    code: over_cap
    message: "{proposal.discount:.0%} offered, {subject.max_discount:.0%} allowed"
    then: revise
    path: discount
  - id: rich
    when: proposal.lines.price.exists(p, p > 100.0) || proposal.discount >= 0.5
    code: rich_line
    message: "a person decides"
    then: escalate
tenants:
  acme:
    rules:
      - id: cap
        when: proposal.discount > 0.4
        code: over_acme_cap
        message: "acme has 40%"
        then: stop
"""

PLAIN = ("--proposal", "policy_history_types:Offer", "--subject", "policy_history_types:Renewal")


@pytest.fixture(autouse=True)
def types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SIGNOFF_STORE", f"sqlite:///{tmp_path / 'signoff.db'}")
    monkeypatch.setenv("COLUMNS", "200")
    Path("policy_history_types.py").write_text(TYPES)
    Path("renewal.yaml").write_text(POLICY)
    yield importlib.import_module("policy_history_types")
    del sys.modules["policy_history_types"]


def no_promise(offer: Any, renewal: Any) -> Any:
    return Reject("promises", "promise nothing") if "promise" in offer.note else Accept()


def keep(offer: Any, renewal: Any, write: Any) -> float:
    return float(offer.discount)


def offering(types: Any, *answers: Any, controls: Any = None, name: str = "renewal.offer") -> Any:
    return Boundary(
        name,
        proposer=Scripted(*answers, proposes=types.Offer),
        verifiers=[no_promise],
        commit=Transactional(keep),
        subject=types.Renewal,
        controls=[Gate("renewal.yaml")] if controls is None else controls,
    )


def running(**more: Any) -> Runtime:
    people = {"dana": ["operator"]}
    store = f"sqlite:///{Path.cwd() / 'signoff.db'}"
    return Runtime(store, clock=more.pop("clock", FakeClock()), principals=people, **more)


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def explained(capsys: pytest.CaptureFixture[str], crossing: str) -> Any:
    assert main(["policy", "explain", crossing[:10], "--json"]) == 0
    return said(capsys)


def replayed(capsys: pytest.CaptureFixture[str], file: str, *words: str) -> Any:
    assert main(["policy", "replay", file, *PLAIN, "--json", *words]) == 0
    return said(capsys)


# explain


def revised(types: Any, **more: Any) -> str:
    """A crossing that passed the second time."""

    async def run() -> str:
        boundary = offering(types, types.Offer(discount=0.4), types.Offer(discount=0.2))
        async with running(**more) as runtime:
            outcome = await runtime.run(boundary, types.Renewal(id="r-1"))
        assert isinstance(outcome, Committed)
        return outcome.crossing

    return asyncio.run(run())


def test_explain_names_the_rule_its_condition_and_what_it_read(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    crossing = revised(types)
    account = explained(capsys, crossing)
    assert account["crossing"] == crossing
    assert (account["subject"], account["boundary"]) == ("r-1", "renewal.offer")
    first, second = account["judgements"]
    (policy,) = first["policies"]
    assert (policy["policy"], policy["version"], len(policy["digest"])) == ("renewal", "1", 12)
    (objection,) = first["objections"]
    assert objection["rule"] == "cap"
    assert objection["then"] == "revise"
    assert objection["when"].startswith("proposal.discount > subject.max_discount &&\n")
    assert objection["reads"] == {
        "proposal.discount": 0.4,
        "subject.max_discount": 0.3,
        "subject.limits": {"gold": 0.5},
    }
    assert (first["accepted"], second["accepted"]) == (False, True)
    assert second["objections"] == []
    assert second["policies"] == first["policies"]
    assert account["decided"]["type"] == "committed"
    (text,) = account["policies"].values()
    assert text == {"text": POLICY, "problem": None}


def test_explain_for_people(types: Any, capsys: pytest.CaptureFixture[str]) -> None:
    crossing = revised(types)
    assert main(["policy", "explain", crossing]) == 0
    printed = capsys.readouterr().out
    assert "rule cap, then revise, over_cap: 40% offered, 30% allowed" in printed
    assert re.search(r"subject\.max_discount +0\.3", printed)
    assert "proposal.discount > subject.max_discount && proposal.discount <" in printed
    assert "COMMITTED" in printed.splitlines()[-1]


def test_explain_needs_no_types_of_the_user(types: Any, capsys: pytest.CaptureFixture[str]) -> None:
    crossing = revised(types)
    Path("policy_history_types.py").write_text("raise SystemExit('imported')")
    assert explained(capsys, crossing)["judgements"][0]["objections"][0]["rule"] == "cap"


def test_explain_says_who_waived_what_on_which_ticket(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    offer = types.Offer(discount=0.1, lines=[types.Line(price=9), types.Line(price=900)])

    async def run() -> str:
        async with running() as runtime:
            waits = await runtime.run(offering(types, offer), types.Renewal(id="r-1"))
            assert isinstance(waits, Suspended)
            done = await runtime.approve(waits.ticket, by="dana", because="a good customer")
        assert isinstance(done, Committed)
        return done.crossing

    account = explained(capsys, crossing := asyncio.run(run()))
    first, second = account["judgements"]
    (objection,) = first["objections"]
    assert (objection["rule"], objection["then"]) == ("rich", "escalate")
    assert objection["reads"] == {"proposal.lines.price": [9.0, 900.0], "proposal.discount": 0.1}
    (waived,) = second["waived"]
    assert (waived["rule"], waived["code"]) == ("rich", "rich_line")
    assert waived["reads"] == objection["reads"]
    assert (waived["person"], waived["because"]) == ("dana", "a good customer")
    assert waived["ticket"] == f"{crossing}-1"
    assert main(["policy", "explain", crossing]) == 0
    printed = capsys.readouterr().out
    assert f"waived by dana on ticket {crossing}-1: a good customer" in printed


def test_explain_while_a_person_is_asked(types: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> str:
        async with running() as runtime:
            boundary = offering(types, types.Offer(discount=0.7))
            waits = await runtime.run(boundary, types.Renewal(id="r-1"))
        assert isinstance(waits, Suspended)
        return waits.crossing

    account = explained(capsys, asyncio.run(run()))
    assert (account["status"], account["decided"]["type"]) == ("suspended", "suspended")


def test_explain_shows_the_tenants_own_rule(types: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> str:
        async with running() as runtime:
            boundary = offering(types, types.Offer(discount=0.45))
            outcome = await runtime.run(boundary, types.Renewal(id="r-1", tenant="acme"))
        assert isinstance(outcome, Rejected)
        return outcome.crossing

    (judged,) = explained(capsys, asyncio.run(run()))["judgements"]
    (objection,) = judged["objections"]
    assert objection["when"] == "proposal.discount > 0.4"
    assert objection["reads"] == {"proposal.discount": 0.45}


def test_explain_where_a_verifier_was_faster(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> str:
        async with running() as runtime:
            promise = types.Offer(discount=0.4, note="I promise")
            boundary = offering(types, promise, "no offer", types.Offer(discount=0.1))
            outcome = await runtime.run(boundary, types.Renewal(id="r-1"))
        assert isinstance(outcome, Committed)
        return outcome.crossing

    crossing = asyncio.run(run())
    first, second, third = explained(capsys, crossing)["judgements"]
    assert (first["policies"], first["others"][0]["code"]) == ([], "promises")
    assert (second["proposal"], second["others"][0]["code"]) == (None, "malformed")
    assert third["accepted"]
    assert main(["policy", "explain", crossing]) == 0
    assert "no policy was asked: something else had objected before" in capsys.readouterr().out


def test_explain_a_crossing_without_a_policy(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def odd(offer: Any, renewal: Any) -> Any:
        return Reject("odd", "no", then="stop")

    async def run() -> str:
        async with running() as runtime:
            boundary = offering(types, types.Offer(discount=0.1), controls=[Gate(odd)])
            outcome = await runtime.run(boundary, types.Renewal(id="r-1"))
        assert isinstance(outcome, Rejected)
        return outcome.crossing

    account = explained(capsys, asyncio.run(run()))
    assert account["policies"] == {}
    (objection,) = account["judgements"][0]["objections"]
    assert (objection["code"], objection["unknown"]) == ("odd", "a function in Python objected")


def without_texts(type: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "details": {}} if type == "controlchanged" else fields


def other_texts(type: str, fields: dict[str, Any]) -> dict[str, Any]:
    if type != "controlchanged":
        return fields
    return {**fields, "details": {**fields["details"], "text": "policy: another"}}


@pytest.mark.parametrize(
    ("redact", "problem"),
    [
        (without_texts, "its text is not on the ledger"),
        (other_texts, "the text on the ledger has another digest, so it is not the one"),
    ],
)
def test_explain_says_so_if_the_text_is_not_there(
    types: Any, capsys: pytest.CaptureFixture[str], redact: Any, problem: str
) -> None:
    crossing = revised(types, redact=redact)
    (objection,) = explained(capsys, crossing)["judgements"][0]["objections"]
    assert objection["unknown"].startswith(problem)
    assert (objection["when"], objection["reads"], objection["rule"]) == (None, {}, "cap")
    assert main(["policy", "explain", crossing]) == 0
    assert problem in capsys.readouterr().out


def test_explain_brings_back_what_was_stored_apart(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "x" * 10_000
    Path("renewal.yaml").write_text(POLICY + "# " + "y" * 10_000 + "\n")

    async def run() -> str:
        async with running() as runtime:
            boundary = offering(types, types.Offer(discount=0.4, note=long), "nothing", "nothing")
            outcome = await runtime.run(boundary, types.Renewal(id="r-1"))
        assert isinstance(outcome, Rejected)
        return outcome.crossing

    first = explained(capsys, asyncio.run(run()))["judgements"][0]
    assert first["proposal"]["note"] == long
    assert first["objections"][0]["when"].startswith("proposal.discount >")


def test_explain_tells_the_policy_that_judged_from_the_one_that_came_later(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> tuple[str, ...]:
        gate = cast("Any", Gate("renewal.yaml"))
        found: list[str] = []
        async with running() as runtime:
            for number in (1, 2):
                offers = types.Offer(discount=0.4), types.Offer(discount=0.1)
                boundary = offering(types, *offers, controls=[gate])
                outcome = await runtime.run(boundary, types.Renewal(id=f"r-{number}"))
                assert isinstance(outcome, Committed)
                found.append(outcome.crossing)
                rewritten(('"1"', '"2"'), ("&&\n", "&& // anew\n"), name="renewal.yaml")
        return tuple(found)

    before, after = asyncio.run(run())
    for crossing, version, anew in ((before, "1", False), (after, "2", True)):
        judged = explained(capsys, crossing)["judgements"][0]
        assert judged["policies"][0]["version"] == version
        assert ("anew" in judged["objections"][0]["when"]) is anew


def test_explain_shows_nothing_that_a_terminal_obeys(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> str:
        async with running() as runtime:
            hostile = types.Offer(discount=0.4, note="\x1b[31m [bold]")
            boundary = offering(types, hostile, "nothing", "nothing")
            return str((await runtime.run(boundary, types.Renewal(id="r-1"))).crossing)

    assert main(["policy", "explain", asyncio.run(run())]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "[bold]" in printed


def test_explain_an_unknown_crossing(types: Any, capsys: pytest.CaptureFixture[str]) -> None:
    revised(types)
    assert main(["policy", "explain", "ffffffff"]) == 1
    assert "no crossing 'ffffffff'" in capsys.readouterr().err


def test_explain_survives_a_ledger_that_somebody_altered(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    crossing = revised(types)
    with closing(connect("signoff.db")) as raw, raw:
        raw.execute("UPDATE signoff_records SET body = 'no json' WHERE type = 'proposed'")
        raw.execute("UPDATE signoff_records SET body = '[1]' WHERE type = 'judged' AND seq = 3")
    account = explained(capsys, crossing)
    assert account["judgements"][1]["proposal"] is None
    assert main(["policy", "explain", crossing]) == 0


def test_explain_without_the_extra_says_what_is_missing(
    types: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(name: str) -> None:
        return None

    crossing = revised(types)
    monkeypatch.setattr(importlib.util, "find_spec", nowhere)
    assert main(["policy", "explain", crossing]) == 2
    assert "pip install 'signoff[policy]'" in capsys.readouterr().err


# replay


def history(types: Any, *discounts: float, clock: FakeClock | None = None, **more: Any) -> None:
    """One crossing per discount; a number over the cap is tried three times."""

    async def run() -> None:
        time = clock or FakeClock()
        async with running(clock=time) as runtime:
            for number, discount in enumerate(discounts):
                notes = [types.Offer(discount=discount, note=f"{turn}") for turn in range(3)]
                subject = types.Renewal(id=f"r-{number}", tenant=more.get("tenant", ""))
                options = {key: more[key] for key in ("controls", "name") if key in more}
                await runtime.run(offering(types, *notes, **options), subject)
                await time.advance(days=1)

    asyncio.run(run())


def rewritten(*changes: tuple[str, str], name: str = "new.yaml") -> str:
    text = POLICY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    Path(name).write_text(text)
    return name


def test_the_policy_that_judged_changes_nothing(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    history(types, 0.1, 0.4, 0.7, 0.2)
    found = replayed(capsys, "renewal.yaml", "--fail-on-change")
    assert (found["compared"], found["changed"]) == (6, 0)
    assert found["counts"]["same"] == 6


def test_each_way_in_which_a_decision_changes(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    history(types, 0.1, 0.2, 0.4, 0.7)
    rich = "proposal.lines.price.exists(p, p > 100.0) || proposal.discount >= 0.5"
    new = rewritten(
        ("proposal.discount > subject.max_discount &&", "proposal.discount > 0.15 &&"),
        ("proposal.discount < subject.limits['gold']", "proposal.discount < 0.35"),
        (rich, "proposal.discount >= 0.6"),
        ("code: rich_line", "code: a_person"),
    )
    found = replayed(capsys, new)
    assert found["counts"] == {
        "same": 1,
        "newly_rejected": 1,
        "newly_accepted": 3,
        "rejected_otherwise": 1,
        "not_reached": 0,
        "no_proposal": 0,
        "misfit": 0,
    }
    (rejected,) = found["examples"]["newly_rejected"]
    assert rejected["proposal"]["discount"] == 0.2
    assert rejected["recorded"] == []
    assert (rejected["now"][0]["rule"], rejected["now"][0]["code"]) == ("cap", "over_cap")
    (otherwise,) = found["examples"]["rejected_otherwise"]
    assert otherwise["recorded"] == [{"code": "rich_line", "then": "escalate"}]
    assert otherwise["now"][0]["code"] == "a_person"
    assert main(["policy", "replay", new, *PLAIN]) == 0
    printed = capsys.readouterr().out
    assert "6 decisions compared, 5 would change" in printed
    assert rejected["crossing"] in printed
    assert "over_cap (revise)" in printed
    explained(capsys, rejected["crossing"])


def test_another_consequence_is_another_decision(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    history(types, 0.4)
    found = replayed(capsys, rewritten(("then: revise", "then: stop")))
    assert found["counts"]["rejected_otherwise"] == 3


def test_the_exit_status_says_whether_anything_changes(types: Any) -> None:
    history(types, 0.1, 0.4)
    command = ["policy", "replay", *PLAIN]
    stricter = rewritten(("subject.max_discount &&", "0.05 &&"))
    assert main([*command, stricter]) == 0
    assert main([*command, stricter, "--fail-on-change"]) == 1
    assert main([*command, "renewal.yaml", "--fail-on-change"]) == 0
    nowhere = ["--boundary", "elsewhere", "--fail-on-change"]
    assert main([*command, "renewal.yaml", *nowhere]) == 3


def test_what_no_longer_fits_the_type_is_told(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    history(types, 0.1)
    Path("new.yaml").write_text('policy: renewal\nversion: "1"\ndefault: allow\nrules: []\n')
    words = ["policy", "replay", "new.yaml", *PLAIN[2:]]
    words += ["--proposal", "policy_history_types:OtherOffer"]
    assert main([*words, "--json"]) == 0
    found = said(capsys)
    assert (found["compared"], found["counts"]["misfit"]) == (0, 1)
    assert found["misfits"][0]["problem"].startswith("OtherOffer: discount: Input should be 'high'")
    assert main(words) == 0
    assert "1 proposal could not be judged" in capsys.readouterr().out
    assert main([*words, "--fail-on-change"]) == 3


def test_what_never_reached_a_policy_is_not_compared(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> None:
        async with running() as runtime:
            promise = types.Offer(discount=0.9, note="I promise")
            boundary = offering(types, promise, "no offer", types.Offer(discount=0.1))
            await runtime.run(boundary, types.Renewal(id="r-1"))

    asyncio.run(run())
    counts = replayed(capsys, "renewal.yaml")["counts"]
    assert (counts["same"], counts["not_reached"], counts["no_proposal"]) == (1, 1, 1)


def test_a_boundary_that_had_no_gate_is_compared_with_its_commits(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    history(types, 0.1, 0.4, controls=[])
    counts = replayed(capsys, "renewal.yaml")["counts"]
    assert (counts["same"], counts["newly_rejected"]) == (1, 1)


def test_of_several_policies_the_one_of_that_name_is_compared(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    other = 'policy: other\nversion: "1"\ndefault: allow\nrules:\n'
    other += "  - {id: low, when: proposal.discount < 0.15, code: low, message: low, then: stop}\n"
    Path("other.yaml").write_text(other)
    history(types, 0.1, 0.2, 0.4, controls=[Gate("other.yaml"), Gate("renewal.yaml")])
    ours, theirs = (replayed(capsys, file)["counts"] for file in ("renewal.yaml", "other.yaml"))
    assert (ours["same"], ours["not_reached"]) == (4, 1)
    assert (theirs["same"], theirs["not_reached"]) == (5, 0)
    Path("third.yaml").write_text(other.replace("policy: other", "policy: third"))
    assert replayed(capsys, "third.yaml")["counts"]["newly_accepted"] == 3


def test_functions_of_a_gate_are_not_the_policys_words(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def small(offer: Any, renewal: Any) -> Any:
        return Reject("small", "too small", then="stop") if offer.discount < 0.2 else Accept()

    history(types, 0.1, 0.25, controls=[Gate("renewal.yaml", small)])
    assert replayed(capsys, "renewal.yaml")["counts"]["same"] == 2


def test_what_a_person_waived_had_been_objected_to(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> None:
        async with running() as runtime:
            boundary = offering(types, types.Offer(discount=0.7))
            waits = await runtime.run(boundary, types.Renewal(id="r-1"))
            assert isinstance(waits, Suspended)
            await runtime.approve(waits.ticket, by="dana", because="yes")

    asyncio.run(run())
    found = replayed(capsys, "renewal.yaml")
    assert (found["compared"], found["counts"]["same"]) == (1, 1)
    new = rewritten(("proposal.discount >= 0.5", "proposal.discount >= 0.8"))
    assert replayed(capsys, new)["counts"]["newly_accepted"] == 1


def test_a_proposal_that_waited_for_another_control_counts_once(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> None:
        approval = cast("Any", Approval(ask="role:operator", within=timedelta(days=1)))
        controls: list[Any] = [Gate("renewal.yaml"), approval]
        async with running() as runtime:
            boundary = offering(types, types.Offer(discount=0.1), controls=controls)
            waits = await runtime.run(boundary, types.Renewal(id="r-1"))
            assert isinstance(waits, Suspended)
            done = await runtime.approve(waits.ticket, by="dana", because="yes")
            assert isinstance(done, Committed)

    asyncio.run(run())
    assert replayed(capsys, "renewal.yaml")["compared"] == 1


def limit(number: float) -> Any:
    def limited(renewal: Any) -> Any:
        return renewal.model_copy(update={"max_discount": number})

    return limited


def test_the_subject_is_as_it_stood_on_its_spine_then(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> None:
        machine: Any = StateMachine(
            "renewal", {"open": {"open"}}, start="open", subject=types.Renewal
        )
        async with running() as runtime:
            handle: Any = await runtime.start(machine, types.Renewal(id="r-1", max_discount=0.3))
            first = offering(types, types.Offer(discount=0.25))
            await runtime.advance(handle, "open", through=first)
            await runtime.change(handle, limit(0.2), because="news")
            second = offering(types, types.Offer(discount=0.25), types.Offer(discount=0.1))
            await runtime.advance(handle, "open", through=second)

    asyncio.run(run())
    found = replayed(capsys, "renewal.yaml")
    assert (found["compared"], found["counts"]["same"]) == (3, 3)


def test_a_row_that_moved_while_it_was_judged(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was judged again on a newer version is replayed on that one."""

    async def run() -> str:
        machine: Any = StateMachine(
            "renewal", {"open": {"open"}}, start="open", subject=types.Renewal
        )
        async with running() as runtime:
            handle: Any = await runtime.start(machine, types.Renewal(id="r-1", max_discount=0.2))

            async def meanwhile(question: Any) -> Any:
                await runtime.change(handle, limit(0.45), because="news")
                return types.Offer(discount=0.4)

            outcome = await runtime.advance(handle, "open", through=offering(types, meanwhile))
        assert isinstance(outcome, Committed)
        return outcome.crossing

    crossing = asyncio.run(run())
    assert explained(capsys, crossing)["judgements"][-1]["subject"]["max_discount"] == 0.45
    found = replayed(capsys, "renewal.yaml")
    assert (found["compared"], found["changed"]) == (1, 0)


def test_tenants_and_principals_are_judged_as_recorded(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    history(types, 0.45, tenant="acme")
    assert replayed(capsys, "renewal.yaml")["counts"]["same"] == 1
    rule = (
        "  - id: role\n    when: principal.role == 'lead'\n    code: leads\n"
        "    message: no\n    then: stop\n"
    )
    text = POLICY.replace("tenants:\n", rule + "tenants:\n")
    Path("who.yaml").write_text(text)
    assert main(["policy", "replay", "who.yaml", *PLAIN, "--json"]) == 1  # no type was given
    assert said(capsys)["valid"] is False
    controls: list[Any] = [Gate("who.yaml", principal=types.Agent)]

    async def run() -> None:
        lead = types.Agent(id="lea", role="lead")
        async with running() as runtime:
            for number, principal in enumerate((lead, {"id": "al", "role": "agent"}, "bo", None)):
                boundary = offering(types, types.Offer(discount=0.1), controls=controls)
                subject = types.Renewal(id=f"p-{number}")
                await runtime.run(boundary, subject, principal=principal)

    asyncio.run(run())
    who = ("--principal", "policy_history_types:Agent")
    found = replayed(capsys, "who.yaml", *who)
    assert (found["compared"], found["counts"]["same"]) == (5, 4)  # acme had no such rule then
    (changed,) = found["examples"]["rejected_otherwise"]
    assert {now["code"] for now in changed["now"]} == {"policy_error", "over_acme_cap"}


def test_only_a_window_and_a_boundary(types: Any, capsys: pytest.CaptureFixture[str]) -> None:
    history(types, 0.1, 0.1, 0.1, 0.1)  # from 1 January on, one a day
    assert replayed(capsys, "renewal.yaml", "--since", "2026-01-02")["compared"] == 3
    window = ("--since", "2026-01-02", "--until", "2026-01-03T12:00:00+00:00")
    assert replayed(capsys, "renewal.yaml", *window)["compared"] == 2
    assert replayed(capsys, "renewal.yaml", "--boundary", "renewal.offer")["compared"] == 4
    assert replayed(capsys, "renewal.yaml", "--boundary", "elsewhere")["compared"] == 0


def test_each_boundary_is_counted_for_itself(
    types: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    history(types, 0.1)
    history(types, 0.1, 0.2, name="renewal.again")
    found = replayed(capsys, "renewal.yaml")["boundaries"]
    assert {name: counts["same"] for name, counts in found.items()} == {
        "renewal.again": 2,
        "renewal.offer": 1,
    }


def test_examples_are_few(types: Any, capsys: pytest.CaptureFixture[str]) -> None:
    history(types, *[0.25] * 8)
    new = rewritten(("subject.max_discount &&", "0.05 &&"))
    assert len(replayed(capsys, new)["examples"]["newly_rejected"]) == 5
    assert len(replayed(capsys, new, "--most", "2")["examples"]["newly_rejected"]) == 2
    assert replayed(capsys, new, "--most", "0")["examples"] == {"newly_rejected": []}


def test_replay_writes_nothing(types: Any, capsys: pytest.CaptureFixture[str]) -> None:
    history(types, 0.1, 0.4)
    with closing(connect("signoff.db")) as raw:
        before = list(raw.execute("SELECT position, hash FROM signoff_records"))
    replayed(capsys, "renewal.yaml")
    with closing(connect("signoff.db")) as raw:
        assert list(raw.execute("SELECT position, hash FROM signoff_records")) == before


def test_history_in_postgresql(
    types: Any, capsys: pytest.CaptureFixture[str], postgres_database: str
) -> None:
    async def run() -> str:
        async with Runtime(postgres_database, clock=FakeClock()) as runtime:
            note = "x" * 10_000
            offers = types.Offer(discount=0.4, note=note), types.Offer(discount=0.1)
            outcome = await runtime.run(offering(types, *offers), types.Renewal(id="r-1"))
        assert isinstance(outcome, Committed)
        return outcome.crossing

    crossing = asyncio.run(run())
    store = ("--store", postgres_database)
    found = replayed(capsys, "renewal.yaml", *store)
    assert (found["compared"], found["changed"]) == (2, 0)
    assert main(["policy", "explain", crossing, "--json", *store]) == 0
    assert said(capsys)["judgements"][0]["objections"][0]["reads"]["proposal.discount"] == 0.4


def test_a_policy_that_is_wrong_is_refused(types: Any, capsys: pytest.CaptureFixture[str]) -> None:
    history(types, 0.1)
    new = rewritten(("proposal.discount >= 0.5", "proposal.discont >= 0.5"))
    assert main(["policy", "replay", new, *PLAIN]) == 1
    assert "new.yaml:14:56: proposal.discont does not exist" in capsys.readouterr().err


NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("12h", datetime(2026, 3, 31, 0, tzinfo=UTC)),
        ("90m", datetime(2026, 3, 31, 10, 30, tzinfo=UTC)),
        ("2w", datetime(2026, 3, 17, 12, tzinfo=UTC)),
        ("2026-02-01", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01T10:00:00+02:00", datetime(2026, 2, 1, 8, tzinfo=UTC)),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    assert moment_of("--since", text, NOW) == stamp(expected)


@pytest.mark.parametrize("text", ["soon", "30", "d", "-1d", "999999w", "2026-13-01", "٣d"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError, match="write 30d, 12h, or a date"):
        moment_of("--since", text, NOW)


def test_a_window_ends_after_it_begins(types: Any) -> None:
    assert window_of("", "", NOW) == ("", "")
    with pytest.raises(UsageError, match="is not after"):
        window_of("1d", "2d", NOW)
    assert main(["policy", "replay", "renewal.yaml", *PLAIN, "--since", "soon"]) == 2
