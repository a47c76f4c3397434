from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from reviewing import (
    HOSTILE,
    PRINCIPALS,
    Offer,
    Renewal,
    document,
    filled,
    offering,
    send,
    signoff,
    suspend,
    within_policy,
)

from signoff import (
    Boundary,
    Committed,
    External,
    Reject,
    Rejected,
    Runtime,
    Suspended,
    Verdict,
)
from signoff.cli import main
from signoff.cli._people import principals_at
from signoff.clock import SystemClock, stamp
from signoff.control import Approval, Escalation, Gate, Heartbeat
from signoff.reading import beating, exact_json
from signoff.state import After, StateMachine
from signoff.testing import FakeClock, Scripted

WHY = ["--because", "looked at it"]
DANA, OMAR, ZED = (["--by", name] for name in ("dana", "omar", "zed"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGNOFF_STORE", sqlite_url)
    monkeypatch.setenv("COLUMNS", "220")
    for name in ("SIGNOFF_PRINCIPAL", "SIGNOFF_PRINCIPALS"):
        monkeypatch.delenv(name, raising=False)
    Path("signoff.toml").write_text(PRINCIPALS)
    return tmp_path


def approvals(*words: str) -> int:
    return main(["approvals", *words])


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert approvals("list", *words, "--json") == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["tickets"]
    return found


def shown(capsys: pytest.CaptureFixture[str], ticket: str) -> dict[str, Any]:
    capsys.readouterr()
    assert approvals("show", ticket, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refusals(url: str) -> list[tuple[str, str]]:
    """(code, by) of the answers that did not count."""

    async def read() -> list[tuple[str, str]]:
        async with Runtime(url) as runtime:
            bodies = [
                json.loads(entry.body)
                async for entry in runtime.ledger.entries()
                if entry.type == "answerrefused"
            ]
        return [(body["code"], body["by"]) for body in bodies]

    return asyncio.run(read())


# Listing


def test_list_shows_what_waits(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert approvals("list") == 1
    assert "there is no store" in capsys.readouterr().err
    first, second = filled(sqlite_url, "r-1", "r-2")
    assert approvals("list") == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert printed[1].startswith(f"{first[:10]}-1  role:sales-lead  renewal.offer  r-1  ")
    assert printed[1].endswith("in 4 h")
    assert [ticket["id"] for ticket in listed(capsys)] == [first, second]


def test_list_can_be_narrowed(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = filled(sqlite_url, "r-1", "r-2")
    assert approvals("deny", first, *WHY, *DANA) == 0
    assert [ticket["id"] for ticket in listed(capsys)] == [second]
    every = listed(capsys, "--all")
    assert [(ticket["id"], ticket["status"]) for ticket in every] == [
        (second, "open"),
        (first, "denied"),
    ]
    assert approvals("list", "--all") == 0
    assert "denied by dana" in capsys.readouterr().out
    assert len(listed(capsys, "--role", "sales-lead")) == 1
    assert len(listed(capsys, "--role", "role:sales-lead")) == 1
    assert listed(capsys, "--role", "operator") == []
    assert len(listed(capsys, "--for", "omar")) == 1
    assert listed(capsys, "--for", "zed") == []
    assert approvals("list", "--for", "zed") == 0
    assert capsys.readouterr().out == "nothing waits for zed; 1 other ticket for others\n"
    assert approvals("deny", second, *WHY, *DANA) == 0
    capsys.readouterr()
    assert approvals("list") == 0
    assert capsys.readouterr().out == "nothing waits for an answer\n"


def test_the_most_urgent_comes_first(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def fill() -> None:
        async with Runtime(sqlite_url) as runtime:
            for name, control in (
                ("patient", Escalation(ask="role:desk", when=lambda offer, renewal: True)),
                ("slow", Approval(ask="role:desk", within=timedelta(days=2))),
                ("quick", Approval(ask="role:desk", within=timedelta(minutes=5))),
                ("over", Approval(ask="role:desk", within=timedelta(microseconds=1))),
            ):
                boundary = Boundary(
                    name,
                    proposer=Scripted(Offer(0.1), proposes=Offer),
                    verifiers=[within_policy],
                    commit=External(send),
                )
                await runtime.run(boundary.bounded_by(control), Renewal("r"))
                if name == "over":
                    break

    asyncio.run(fill())
    tickets = listed(capsys)
    assert [t["boundary"] for t in tickets] in (
        ["over", "quick", "slow", "patient"],
        ["quick", "slow", "patient"],  # a worker has seen to it already
    )
    assert tickets[-1]["due_in_seconds"] is None
    assert approvals("list") == 0
    assert "never" in capsys.readouterr().out


# Showing


def test_show_has_all_that_an_answer_rests_on(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other, ticket = filled(sqlite_url, "r-1", "r-2")
    assert approvals("deny", other, *WHY, *DANA) == 0
    capsys.readouterr()
    assert approvals("show", ticket) == 0
    printed = capsys.readouterr().out
    for part in (
        "asks          role:sales-lead (dana, omar)",
        "because       deep",
        "asked by      approval:role:sales-lead",
        "then it goes to role:operator",
        "on behalf of  omar",
        "whoever requested it may not approve it",
        '"discount": 0.25',
        '"tenant": "acme"',
        "over_cap  90% offered",
        "1 similar ticket before: 1 denied",
        "looked at it",
        f"signoff approvals approve {ticket}",
    ):
        assert part in printed, part
    said = shown(capsys, ticket)
    assert said["proposal"] == {"discount": 0.25, "message": HOSTILE}
    assert said["subject_body"] == {"id": "r-2", "tenant": "acme"}
    assert said["terms"]["chain"] == [["role:operator", None]]
    assert said["rejections"][0]["code"] == "over_cap"
    assert said["similar"]["answers"] == {"denied": 1}
    assert said["warnings"] == []
    # What has ended can still be looked at.
    assert approvals("show", other) == 0
    printed = capsys.readouterr().out
    assert "denied by dana" in printed
    assert '"id": "r-1"' in printed


def test_what_a_model_said_is_shown_exactly_and_not_obeyed(sqlite_url: str, tmp_path: Path) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    for words in (["list"], ["show", ticket], ["list", "--all"]):
        signoff("approvals", *words, store=sqlite_url, folder=tmp_path)  # it looks for escapes
    printed = signoff("approvals", "show", ticket, store=sqlite_url, folder=tmp_path).stdout
    start = printed.index("What will be committed:\n") + len("What will be committed:\n")
    proposal, _ = json.JSONDecoder().raw_decode(printed[start:])
    assert proposal == {"discount": 0.25, "message": HOSTILE}


@pytest.mark.parametrize(
    "value", [HOSTILE, "\x7f\x9b\U000e0041\u200d", {"ü": ["é", "\n", 1.5, None]}, "x\u2028y"]
)
def test_exact_json_is_the_same_value_in_harmless_characters(value: Any) -> None:
    text = exact_json(value)
    assert json.loads(text) == value
    assert all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize("columns", ["20", "40", "80"])
def test_any_width_will_do(
    columns: str,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    monkeypatch.setenv("COLUMNS", columns)
    for words in (["list"], ["show", ticket], ["summary"]):
        assert approvals(*words) == 0
    assert main(["kill", "--list"]) == main(["controls"]) == 0


def test_an_id_may_be_shortened_as_long_as_it_is_clear(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = filled(sqlite_url, "r-1", "r-2")
    for short in (first[:6], f"{first[:6]}-1", f"{first[:10]}-1", first):
        assert shown(capsys, short)["id"] == first
    assert approvals("edit", first, "--proposal", '{"discount": 0.9}', *WHY, *DANA) == 0
    _run_due(sqlite_url)
    capsys.readouterr()
    # The edit was rejected, so that there is a second ticket of the same crossing: the open one.
    assert shown(capsys, first[:6])["id"] == f"{first[:-1]}2"
    assert shown(capsys, f"{first[:6]}-2")["id"] == f"{first[:-1]}2"
    for unknown in ("zzz", "0", ""):
        assert approvals("show", unknown) == 1
        assert "has no ticket" in capsys.readouterr().err


def test_what_was_asked_about_is_shown(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A verifier and a gate that escalate, each."""

    def ask(offer: Offer, renewal: Renewal) -> Verdict:
        return Reject("ask", "a person decides", then="escalate")

    async def fill() -> None:
        async with Runtime(sqlite_url) as runtime:
            offers = Scripted(*[Offer(0.1)] * 2)
            verified = Boundary("a", proposer=offers, verifiers=[ask], commit=send)
            await runtime.run(verified, Renewal("r-a"))
            gated = Boundary("b", proposer=offers, verifiers=[], commit=send)
            await runtime.run(gated.bounded_by(Gate(ask)), Renewal("r-b"))

    asyncio.run(fill())
    for ticket in listed(capsys):
        assert approvals("show", ticket["id"]) == 0
        assert "a person decides" in capsys.readouterr().out


def test_an_empty_digest_is_no_digest(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    (first,) = filled(sqlite_url, "r-1")
    assert approvals("approve", first, "--saw", "", *WHY, *DANA) == 1
    assert "--saw is empty" in capsys.readouterr().err


def _run_due(url: str) -> None:
    async def run() -> None:
        async with Runtime(url, knows=[offering()]) as runtime:
            await runtime.drain()
            while {c.status async for c in runtime.ledger.under_way()} & {"open", "intended"}:
                await runtime.clock.pause(0.01)

    asyncio.run(run())


def test_show_warns_of_what_would_make_a_yes_void(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    assert main(["kill", "tenant:acme", *WHY, *DANA]) == 0
    assert shown(capsys, ticket)["warnings"] == ["tenant:acme is killed: looked at it"]
    assert approvals("approve", ticket, *WHY, *DANA) == 1
    assert "killed: tenant:acme is killed" in capsys.readouterr().err
    assert approvals("show", ticket) == 0
    assert "NOTE: tenant:acme is killed" in capsys.readouterr().out


# Answering


def test_an_answer_is_written_and_a_worker_acts_on_it(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    assert approvals("approve", ticket, *WHY, *DANA) == 0
    assert "a worker acts on it" in capsys.readouterr().out
    _run_due(sqlite_url)
    assert main(["ledger", "show", "r-1"]) == 0
    told = capsys.readouterr().out
    beats = ["SUSPENDED", "APPROVED   by dana: looked at it", "intended", "COMMITTED"]
    assert [told.find(beat) > 0 for beat in beats] == [True] * 4


def test_an_answer_that_waits_in_vain_says_so(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = filled(sqlite_url, "r-1", "r-2")
    assert approvals("approve", first, *WHY, *DANA, "--wait", "0.3") == 1
    assert "it is not done; the answer stands" in capsys.readouterr().out
    assert approvals("approve", second, *WHY, *DANA, "--wait", "0.3", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["status"], said["ended"], said["crossing"]["status"]) == (
        "approved",
        False,
        "open",
    )


def test_a_denial_ends_the_crossing_at_once(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    assert approvals("deny", ticket, "--because", HOSTILE, *OMAR, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["status"], said["ended"], said["crossing"]["status"]) == (
        "denied",
        True,
        "rejected",
    )
    assert approvals("show", ticket) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_refusal_has_a_code_and_is_on_the_ledger(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    for words, code in (
        (["approve", ticket, *OMAR], "four_eyes"),
        (["approve", ticket, *ZED], "no_role"),
        (["deny", ticket, "--by", "a stranger"], "no_role"),
        (["approve", ticket, *DANA, "--saw", "f" * 64], "other_proposal"),
        (["approve", "f" * 24 + "-1", *DANA], "no_such_ticket"),
        (["edit", "nothing-7", *DANA], "no_such_ticket"),
        (["edit", ticket, "--proposal", "{}", *ZED], "no_role"),
    ):
        assert approvals(*words, *WHY) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith(f"signoff: {code}: "), told.err
    assert approvals("approve", ticket, *ZED, *WHY, "--json") == 1
    assert json.loads(capsys.readouterr().out)["refused"]["code"] == "no_role"
    assert approvals("deny", ticket, *DANA, *WHY) == 0
    for words in (["approve"], ["deny"], ["edit"], ["edit", "--proposal", "{}"]):
        assert approvals(words[0], ticket, *words[1:], *DANA, *WHY) == 1
        assert "signoff: answered: " in capsys.readouterr().err
    assert [code for code, _ in refusals(sqlite_url)] == [
        "four_eyes", "no_role", "no_role", "other_proposal", "no_such_ticket", "no_such_ticket",
        "no_role", "no_role", "answered", "answered", "answered", "answered",
    ]  # fmt: skip


def test_what_was_seen_may_be_named_by_the_beginning_of_its_digest(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    digest = shown(capsys, ticket)["digest"]
    assert approvals("approve", ticket, "--saw", digest[:7], *WHY, *DANA) == 1
    assert approvals("approve", ticket, "--saw", digest[:12], *WHY, *DANA) == 0


@pytest.mark.parametrize(
    ("words", "status", "wrong"),
    [
        ([], 2, "--proposal"),
        (["--proposal", "{}", "--file", "x"], 2, "not both"),
        (["--proposal", "{"], 1, "is no JSON"),
        (["--proposal", "null"], 1, "is null"),
        (["--proposal", '{"discount": NaN}'], 1, "NaN is no number"),
        (["--proposal", "[" * 100_000], 1, "cannot be put on the ledger"),
        (["--file", "missing.json"], 1, "No such file"),
        (["--file", "latin.json"], 1, "not UTF-8"),
        (["--file", "."], 1, "directory"),
    ],
)
def test_an_edit_that_is_no_proposal_is_not_sent(
    words: list[str],
    status: int,
    wrong: str,
    sqlite_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    Path("latin.json").write_bytes(b'"\xe9"')
    assert approvals("edit", ticket, *words, *WHY, *DANA) == status
    told = capsys.readouterr()
    assert told.out == ""
    assert wrong in told.err
    assert refusals(sqlite_url) == []
    assert shown(capsys, ticket)["status"] == "open"


@pytest.mark.parametrize("words", [["approve"], ["edit"], ["deny"], ["retry"], ["drop"]])
def test_who_is_not_listed_anywhere_is_shown_how(
    words: list[str], sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    Path("signoff.toml").unlink()
    assert approvals(*words, ticket, *WHY, *DANA) == 1
    assert "[principals.dana]" in capsys.readouterr().err
    assert approvals(*words, ticket, *DANA) == 2
    assert refusals(sqlite_url) == []


@pytest.mark.parametrize("words", [["approve"], ["edit", "--proposal", "1"], ["deny"]])
def test_nobody_answers_without_a_reason(
    words: list[str], sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    assert approvals(*words, ticket, "--because", "  ", *DANA) == 1
    assert "because of what" in capsys.readouterr().err


# The editor


def _in_a_terminal(ticket: str, url: str, folder: Path, editor: str) -> tuple[int, str]:
    """Run `edit` with a terminal of its own, and an editor that is a line of shell."""
    script = folder / "editor"
    script.write_text(f"#!/bin/sh\n{editor}\n")
    script.chmod(0o755)
    ours, theirs = pty.openpty()
    env = {**os.environ, "EDITOR": str(script), "SIGNOFF_STORE": url, "TMPDIR": str(folder)}
    env.pop("VISUAL", None)
    command = [sys.executable, "-m", "signoff", "approvals", "edit", ticket, *WHY, *DANA]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=env
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            some = os.read(ours, 4096)
        except OSError:
            break  # the other side was closed
        if not some:
            break
        said += some
    os.close(ours)
    return process.wait(60), said.decode()


def test_an_editor_opens_with_what_waits(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    status, said = _in_a_terminal(ticket, sqlite_url, tmp_path, "true")
    assert (status, "nothing was changed" in said) == (1, True)
    status, said = _in_a_terminal(ticket, sqlite_url, tmp_path, "exit 3")
    assert (status, "ended with status 3" in said) == (1, True)
    assert not [*tmp_path.glob("signoff-*")]
    status, said = _in_a_terminal(ticket, sqlite_url, tmp_path, 'echo "{" > "$1"')
    assert (status, "is no JSON" in said) == (1, True)
    [kept] = tmp_path.glob("signoff-*")  # what somebody wrote is not lost
    assert (kept.read_text(), "What you wrote is in" in said) == ("{\n", True)
    kept.unlink()
    change = """sed -i 's/0.25/0.15/' "$1" """
    status, said = _in_a_terminal(ticket, sqlite_url, tmp_path, change)
    assert (status, f"edited by dana: {ticket}" in said) == (0, True)
    assert not [*tmp_path.glob("signoff-*")]
    _run_due(sqlite_url)
    assert main(["ledger", "show", "r-1"]) == 0
    told = capsys.readouterr().out
    assert "COMMITTED  receipt sent 0.15" in told
    assert "by person:dana" in told


# With a runtime at work


def test_two_reviewers_and_a_worker_elsewhere(sqlite_url: str, tmp_path: Path) -> None:
    async def work() -> None:
        tickets = await suspend(sqlite_url, "r-1", "r-2", "r-3")

        async def answer(*words: str, by: list[str]) -> Any:
            words = ("approvals", *words, *WHY, *by, "--wait", "20")
            return await asyncio.to_thread(document, *words, store=sqlite_url, folder=tmp_path)

        first, second, third = tickets
        fine, again = '{"discount": 0.15}', '{"discount": 0.3}'
        async with Runtime(sqlite_url, knows=[offering()]):
            approved, edited, rewritten = await asyncio.gather(
                answer("approve", first, by=DANA),
                answer("edit", second, "--proposal", fine, by=OMAR),
                answer("edit", third, "--proposal", again, by=OMAR),
            )
            assert approved["crossing"]["receipt"] == "sent 0.25"
            assert edited["crossing"]["receipt"] == "sent 0.15"
            # Under four eyes an edit is no yes: another person has to say it.
            assert rewritten["crossing"]["status"] == "suspended"
            asked = rewritten["crossing"]["ticket"]["id"]
            words = ("approvals", "approve", asked, *WHY)
            alone = await asyncio.to_thread(
                signoff, *words, *OMAR, store=sqlite_url, folder=tmp_path
            )
            assert (alone.returncode, "four_eyes: " in alone.stderr) == (1, True)
            last = await answer("approve", asked, by=DANA)
            assert last["crossing"]["receipt"] == "sent 0.3"

    asyncio.run(work())


def test_of_two_who_answer_at_once_one_is_told_that_it_was_answered(
    sqlite_url: str, tmp_path: Path
) -> None:
    [ticket] = filled(sqlite_url, "r-1")

    async def both() -> list[int]:
        answers = [
            asyncio.to_thread(
                signoff, "approvals", verb, ticket, *WHY, *by, store=sqlite_url, folder=tmp_path
            )
            for verb, by in (("approve", DANA), ("deny", OMAR))
        ]
        return [done.returncode for done in await asyncio.gather(*answers)]

    assert sorted(asyncio.run(both())) == [0, 1]
    assert [code for code, _ in refusals(sqlite_url)] == ["answered"]


def test_on_postgres_it_is_the_same(postgres_database: str, tmp_path: Path) -> None:
    async def work() -> None:
        url, folder = postgres_database, tmp_path
        [ticket] = await suspend(url, "r-1")
        found = await asyncio.to_thread(document, "approvals", "list", store=url, folder=folder)
        assert [each["id"] for each in found["tickets"]] == [ticket]
        async with Runtime(url, knows=[offering()]):
            words = ("approvals", "approve", ticket[:8], *WHY, *DANA, "--wait", "20")
            said = await asyncio.to_thread(document, *words, store=url, folder=folder)
        assert said["crossing"]["status"] == "committed"
        for words in (("approvals", "summary"), ("doctor",), ("controls",)):
            await asyncio.to_thread(document, *words, store=url, folder=folder)

    asyncio.run(work())


# Work that was given up


def _given_up(url: str) -> None:
    """A timer whose work fails every time, and rests."""

    async def broken(runtime: Runtime, handle: Any) -> None:
        raise ValueError(HOSTILE)

    machine = StateMachine(
        "nudging",
        {"open": {"closed"}},
        start="open",
        timers=[After(timedelta(hours=1), at="open", do=broken)],
        subject=Renewal,
    )

    async def fill() -> None:
        clock = FakeClock()
        async with Runtime(url, clock=clock, knows=[machine], max_restarts=1) as runtime:
            for subject in ("r-1", "r-2"):
                await runtime.start(machine, Renewal(subject))
            await clock.advance(hours=2)

    asyncio.run(fill())


def test_work_that_was_given_up_is_tried_again_or_dropped(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _given_up(sqlite_url)
    by_subject = {t["subject"]: t["id"] for t in listed(capsys, "--for", "dana")}
    first, second = by_subject["r-1"], by_subject["r-2"]
    assert approvals("list") == approvals("show", first) == 0
    printed = capsys.readouterr().out
    assert f"{first[:15]}  role:operator" in printed
    assert "signoff approvals retry" in printed
    assert "\x1b" not in printed
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("given up") == 2
    assert "approvals retry" in printed
    for verb in ("approve", "deny", "edit"):
        assert approvals(verb, first, *WHY, *DANA) == 1
        assert "retry it, or drop it" in capsys.readouterr().err
    assert approvals("retry", first, *WHY, *ZED) == 1
    assert "no_role" in capsys.readouterr().err
    assert approvals("retry", first[:12], *WHY, *DANA) == 0
    assert "A worker tries it now." in capsys.readouterr().out
    assert approvals("drop", second, *WHY, *DANA, "--json") == 0
    assert json.loads(capsys.readouterr().out)["status"] == "dropped"
    assert listed(capsys) == []
    assert approvals("summary") == 0
    assert "retried  dropped" in capsys.readouterr().out
    assert approvals("show", first) == 0
    assert "retried by dana" in capsys.readouterr().out
    assert main(["ledger", "show", "r-1"]) == 0
    told = capsys.readouterr().out
    assert "GAVE UP" in told
    assert "RETRIED" in told


def test_a_proposal_is_neither_retried_nor_dropped(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [ticket] = filled(sqlite_url, "r-1")
    for verb in ("retry", "drop"):
        assert approvals(verb, ticket, *WHY, *DANA) == 1
        assert "approve, edit or deny it" in capsys.readouterr().err
    assert refusals(sqlite_url) == []


# Service levels and health


def test_summary_tells_how_quickly_everybody_answers(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fill() -> None:
        clock = FakeClock()
        people = {"dana": ["sales-lead", "operator"]}
        async with Runtime(sqlite_url, clock=clock, principals=people) as runtime:
            boundary = offering(*[Offer(0.25)] * 4)
            outcomes = [await runtime.run(boundary, Renewal(f"r-{n}")) for n in range(4)]
            tickets = [o.ticket for o in outcomes if isinstance(o, Suspended)]
            await clock.advance(hours=1)
            assert isinstance(await runtime.approve(tickets[0], by="dana", because="ok"), Committed)
            await clock.advance(hours=1)
            assert isinstance(await runtime.deny(tickets[1], by="dana", because="no"), Rejected)
            await clock.advance(hours=3)  # the others go to the operator
            assert isinstance(await runtime.approve(tickets[2], by="dana", because="ok"), Committed)

    asyncio.run(fill())
    assert approvals("summary", "--json") == 0
    levels = {s["ask"]: s for s in json.loads(capsys.readouterr().out)["service_levels"]}
    lead, operator = levels["role:sales-lead"], levels["role:operator"]
    assert (lead["asked"], lead["answered"], lead["passed_on"], lead["open"]) == (4, 2, 2, 0)
    assert (lead["approved"], lead["denied"], lead["in_time"]) == (1, 1, 0.5)
    assert (lead["median"], lead["longest"]) == (5400.0, 7200.0)
    assert (operator["asked"], operator["open"], operator["in_time"]) == (2, 1, 1.0)
    assert operator["longest"] == 3600.0  # from when it was passed on
    assert approvals("summary") == 0
    assert "50%" in capsys.readouterr().out


def test_doctor_tells_what_waits_and_what_is_killed(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1", "r-2")
    main(["kill", "renewals", *WHY, *DANA])
    capsys.readouterr()
    assert main(["doctor", "--json"]) == 0
    checks = {c["check"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["tickets"]["found"].startswith("2 wait for a person, 0 overdue")
    assert checks["kill"]["found"].startswith("renewals, by dana since")
    assert "--lift" in checks["kill"]["remedy"]


@pytest.mark.parametrize(
    ("state", "seconds", "verdict", "said"),
    [
        ("running", 5, "OK", "due work in host:7: running, restarted 2 times"),
        ("running", 60, "--", "which is too long"),
        ("restarting", 60, "--", "which is too long"),
        ("given_up", 5, "--", "last error ValueError"),
        ("stopped", 600, "OK", "stopped"),
        ("running", 200_000, "OK", "1 more child last heard of over a day ago"),
        ("running", -5, "OK", "heard of 0.00 ms ago"),
    ],
)
def test_heartbeats_are_judged(state: Any, seconds: int, verdict: str, said: str) -> None:
    now = SystemClock().now()
    beat = Heartbeat(
        process="host:7",
        child="due work",
        at=stamp(now - timedelta(seconds=seconds)),
        state=state,
        restarts=2,
        error="ValueError: \x1b[2J",
    )
    [finding] = beating([beat], now)
    assert (finding.verdict, said in finding.found) == (verdict, True), finding.found
    assert "\x1b" not in finding.found
    assert bool(finding.remedy) == (verdict != "OK")


def test_principals_are_read_from_where_they_are(tmp_path: Path) -> None:
    assert [*principals_at(tmp_path / "signoff.toml", "dana")] == ["dana", "omar", "zed"]
