from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from reviewing import (
    HOSTILE,
    PRINCIPALS,
    Offer,
    Renewal,
    document,
    filled,
    offering,
    signoff,
    suspend,
    within_policy,
)

from signoff import Boundary, Committed, External, Rejected, Runtime
from signoff.boundary import KILLS
from signoff.cli import main
from signoff.ledger import CONTROLS
from signoff.testing import Scripted

WHY = ["--because", "an incident"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGNOFF_STORE", sqlite_url)
    monkeypatch.setenv("COLUMNS", "220")
    for name in ("SIGNOFF_PRINCIPAL", "SIGNOFF_PRINCIPALS"):
        monkeypatch.delenv(name, raising=False)
    Path("signoff.toml").write_text(PRINCIPALS)
    return tmp_path


def kill(*words: str) -> int:
    return main(["kill", *words])


def killed(scope: str, *words: str, by: str = "dana") -> int:
    return kill(scope, *WHY, "--by", by, *words)


def changes(url: str) -> list[tuple[str, str, str]]:
    """(control, change, by) of the records about controls."""

    async def read() -> list[tuple[str, str, str]]:
        async with Runtime(url) as runtime:
            bodies = [json.loads(e.body) async for e in runtime.ledger.of_subject(CONTROLS)]
        return [(body["control"], body["change"], body.get("by", "")) for body in bodies]

    return asyncio.run(read())


def test_a_kill_says_what_it_stands_before(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1", "r-2")
    assert killed("everything") == 0
    printed = capsys.readouterr().out
    assert "killed everything, by dana: an incident" in printed
    assert "After record 13 of the ledger nothing in its scope commits.\n" in printed
    assert printed.count("suspended") == 2
    assert "signoff kill everything --lift" in printed
    assert kill("--list") == 0
    assert "everything  dana  an incident" in capsys.readouterr().out
    assert changes(sqlite_url) == [("kill:everything", "killed", "dana")]


@pytest.mark.parametrize(
    ("scope", "reached"),
    [
        ("everything", 2),
        ("renewal.offer", 2),
        ("renewals", 2),
        ("tenant:acme", 2),
        ("tenant:umbrella", 0),
        ("subject:r-1", 1),
        ("subject:q", 0),
    ],
)
def test_every_scope_finds_what_is_in_it(
    scope: str, reached: int, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1", "r-2")
    assert killed(scope, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert [crossing["status"] for crossing in said["in_scope"]] == ["suspended"] * reached
    assert (said["killed"]["scope"], said["position"]) == (scope, 13)


def test_a_name_that_the_ledger_does_not_know_may_be_a_slip(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1")
    assert killed("renewal.ofer") == 0
    assert "no boundary 'renewal.ofer'; it has renewal.offer" in capsys.readouterr().out


def test_lifting(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    filled(sqlite_url, "r-1")
    assert killed("renewals") == killed("tenant:acme") == 0
    assert killed("renewals", "--lift") == 0
    printed = capsys.readouterr().out
    assert "lifted renewals, by dana: an incident" in printed
    assert "Still killed: tenant:acme" in printed
    assert killed("tenant:acme", "--lift", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["lifted"]["scope"], said["position"], said["kills"]) == ("tenant:acme", 10, [])
    assert killed("tenant:acme", "--lift") == 1
    assert "tenant:acme is not killed" in capsys.readouterr().err
    assert kill("--list") == 0
    assert capsys.readouterr().out == "nothing is killed\n"


@pytest.mark.parametrize("lift", [[], ["--lift"]])
def test_only_who_is_listed_may_and_the_attempt_is_on_record(
    lift: list[str], sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1")
    killed("everything")
    capsys.readouterr()
    for stranger in ("zed", "nobody", "omar"):
        assert killed("everything", *lift, by=stranger) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith(f"signoff: may_not_kill: {stranger} is not listed")
        assert "dana may" in told.err
    assert killed("tenant:acme", by="omar") == 0
    assert [by for _, change, by in changes(sqlite_url) if change == "refused"] == [
        "zed",
        "nobody",
        "omar",
    ]


def test_without_a_file_nobody_may_and_it_is_shown_how(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1")
    Path("signoff.toml").unlink()
    assert killed("everything", by="dana d.") == 1
    assert capsys.readouterr().err.splitlines() == [
        "signoff: there is no signoff.toml, so nobody may answer or kill. Write it, for yourself:",
        '[principals."dana d."]',
        'roles = ["operator"]',
        'may_kill = ["everything"]',
    ]
    assert changes(sqlite_url) == []


def test_the_lines_that_are_shown_are_enough(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1")
    Path("signoff.toml").unlink()
    killed("everything", by="dana d.")
    Path("signoff.toml").write_text("\n".join(capsys.readouterr().err.splitlines()[1:]))
    assert killed("everything", by="dana d.") == 0


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("principals = 1", "nobody is listed"),
        ("[principals", "is no TOML"),
        ("[principals.dana]\nmay_kill = 'x'", "has to be a list"),
        ("[principals.dana]\nkills = []", "has a 'kills'"),
    ],
)
def test_a_file_that_is_wrong_says_how(
    text: str, wrong: str, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1")
    Path("signoff.toml").write_text(text)
    assert killed("everything") == 1
    assert wrong in capsys.readouterr().err


def test_names_and_files_come_from_the_environment(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1")
    Path("signoff.toml").rename("people.toml")
    monkeypatch.setenv("SIGNOFF_PRINCIPALS", "people.toml")
    monkeypatch.setenv("LOGNAME", "zed")
    assert kill("everything", *WHY) == 1
    assert "zed is not listed" in capsys.readouterr().err
    monkeypatch.setenv("SIGNOFF_PRINCIPAL", "dana")
    assert kill("everything", *WHY) == 0


def test_a_login_that_has_no_name_is_asked_for_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert kill("everything", *WHY) == 2
    assert "--by" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([], 2),
        (["everything"], 2),
        (["everything", "--because", " "], 2),
        (["everything", "--list"], 2),
        (["--list", "--lift"], 2),
        (["tenant:", *WHY, "--by", "dana"], 1),
        (["a\x1b[2Jb", *WHY, "--by", "dana"], 1),
        ([" x", *WHY, "--by", "dana"], 1),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: list[str], status: int, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1")
    assert kill(*words) == status
    told = capsys.readouterr()
    assert told.out == ""
    assert "\x1b" not in told.err
    assert changes(sqlite_url) == []


def test_a_store_that_is_not_there_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--list"], ["everything", *WHY, "--by", "dana"]):
        assert kill(*words) == 1
        assert "there is no store" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["signoff.toml"]


def test_a_hostile_reason_does_not_reach_the_terminal(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url, "r-1")
    assert kill("everything", "--because", HOSTILE, "--by", "dana") == 0
    kill("--list")
    main(["doctor"])
    main(["controls"])
    main(["ledger", "show", CONTROLS])
    said = capsys.readouterr().out
    assert "[bold red]x[/]" in said
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_an_effect_that_was_intended_is_said_to_end(sqlite_url: str, tmp_path: Path) -> None:
    async def work() -> tuple[str, str]:
        going, done = asyncio.Event(), asyncio.Event()

        async def slowly(offer: Offer, renewal: Renewal, key: str) -> str:
            going.set()
            await done.wait()
            return "sent"

        boundary = Boundary(
            "slow",
            proposer=Scripted(Offer(0.1), Offer(0.1), proposes=Offer),
            verifiers=[within_policy],
            commit=External(slowly, tries=1),
        )
        async with Runtime(sqlite_url) as runtime:
            running = asyncio.create_task(runtime.run(boundary, Renewal("r-1")))
            await going.wait()
            words = ("kill", "slow", *WHY, "--by", "dana")
            told = await asyncio.to_thread(signoff, *words, store=sqlite_url, folder=tmp_path)
            halted = await runtime.run(boundary, Renewal("r-2"))
            assert isinstance(halted, Rejected)
            assert (halted.ended, halted.code) == ("halted", "killed")
            done.set()
            assert isinstance(await running, Committed)
            return told.stdout, told.stderr

    printed, errors = asyncio.run(work())
    assert errors == ""
    assert "nothing in its scope commits, except the 1 effect that had been" in printed
    assert "intended  " in printed
    assert "its effect is under way, and ends" in printed


def test_a_kill_reaches_a_runtime_in_another_process(sqlite_url: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with Runtime(sqlite_url) as runtime:
            fine = [Offer(0.1), Offer(0.1)]
            boundary = offering(*fine)
            assert isinstance(await runtime.run(boundary, Renewal("r-1")), Committed)

            async def run(*words: str) -> None:
                said = await asyncio.to_thread(
                    signoff, "kill", *words, store=sqlite_url, folder=tmp_path
                )
                assert said.returncode == 0, said.stderr

            await run("renewals", *WHY, "--by", "dana")
            halted = await runtime.run(boundary, Renewal("r-2"))
            assert isinstance(halted, Rejected)
            assert halted.ended == "halted"
            await run("renewals", "--lift", *WHY, "--by", "dana")
            assert isinstance(await runtime.run(boundary, Renewal("r-2")), Committed)

    asyncio.run(work())


def test_on_postgres_it_is_the_same(postgres_database: str, tmp_path: Path) -> None:
    async def work() -> None:
        url, folder = postgres_database, tmp_path
        await suspend(url, "r-1")
        async with Runtime(url) as runtime:
            kills = lambda *words: asyncio.to_thread(  # noqa: E731
                document, "kill", *words, "--by", "dana", *WHY, store=url, folder=folder
            )
            said = await kills("tenant:acme")
            assert [c["subject"] for c in said["in_scope"]] == ["r-1"]
            halted = await runtime.run(offering(Offer(0.1)), Renewal("r-2"))
            assert isinstance(halted, Rejected)
            assert halted.ended == "halted"
            other = replace(Renewal("r-3"), tenant="umbrella")
            assert isinstance(await runtime.run(offering(Offer(0.1)), other), Committed)
            await kills("tenant:acme", "--lift")
            assert await runtime.ledger.switch(KILLS) == "[]"
            assert (await runtime.ledger.verify()).intact

    asyncio.run(work())


def test_controls_shows_what_is_set(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        async with Runtime(sqlite_url) as runtime:
            await runtime.run(offering(Offer(0.1)), Renewal("r-1"))

    asyncio.run(work())
    killed("tenant:acme")
    capsys.readouterr()
    assert main(["controls", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [kill["scope"] for kill in said["kills"]] == ["tenant:acme"]
    [share] = said["throttles"]
    assert (share["throttle"], share["tenant"]) == ("throttle:renewal.offer", "acme")
    assert (share["held"], share["used"]) == (0, 1)
    assert main(["controls"]) == 0
    printed = capsys.readouterr().out
    assert "renewal.offer  acme" in printed
    assert "tenant:acme  dana  an incident" in printed
