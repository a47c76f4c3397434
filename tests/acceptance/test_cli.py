"""The real program in a process of its own: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from signoff import Accept, Boundary, External, Reject, Runtime, Verdict
from signoff.boundary import Answer
from signoff.ledger import Usage
from signoff.state import After, StateMachine
from signoff.testing import FakeClock, Scripted

HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]x[/] \u202egnp.exe"

_wait = threading.Event().wait

Stage = Literal["open", "offered", "expired"]


@dataclass(frozen=True)
class Renewal:
    id: str


@dataclass(frozen=True)
class Offer:
    discount: float
    message: str


def within_policy(offer: Offer, renewal: Renewal) -> Verdict:
    if offer.discount <= 0.3:
        return Accept()
    return Reject("over_cap", f"{offer.discount:.0%} offered; {offer.message}", path="discount")


async def send(offer: Offer, renewal: Renewal, key: str) -> dict[str, str]:
    if offer.message == "vanish":
        raise TimeoutError("no answer")
    return {"email": key}


lifecycle = StateMachine[Stage](
    "renewal",
    {"open": {"offered"}, "offered": {"expired"}},
    start="open",
    timers=[After(timedelta(days=30), at="offered", go="expired")],
    subject=Renewal,
)


def _offering(
    *answers: Any, name: str = "renewal.offer"
) -> Boundary[Renewal, Offer, dict[str, str]]:
    return Boundary(
        name,
        proposer=Scripted(*answers, proposes=Offer),
        verifiers=[within_policy],
        commit=External(send, tries=1),
    )


async def _fill(url: str) -> None:
    clock = FakeClock()
    spent = Usage(tokens_in=120, tokens_out=40, usd=0.0012)
    second = Answer(content='```json\n{"discount": 0.2, "message": "hello"}\n```', usage=spent)
    async with Runtime(url, clock=clock, knows=[lifecycle]) as runtime:
        renewal = await runtime.start(lifecycle, Renewal("r-1"))
        offering = _offering(Offer(0.9, HOSTILE), second)
        await runtime.advance(renewal, "offered", through=offering)
        await clock.advance(days=31)
        never = [Offer(discount, "no") for discount in (0.9, 0.8, 0.7)]
        await runtime.run(_offering(*never), Renewal("r-2"))
        await runtime.run(_offering(HOSTILE, Offer(0.1, "x" * 6000)), Renewal("r-3"))
        await runtime.run(_offering(Offer(0.1, "vanish"), name="vanishing"), Renewal("r-4"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "signoff.db"
    asyncio.run(_fill(f"sqlite:///{path}"))
    return path


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Path:
    """A copy, to do anything to."""
    return Path(shutil.copy(filled, tmp_path / "copy.db"))


def signoff(
    *words: str | Path, store: Path | str | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "signoff", *map(str, words)]
    if store is not None:
        command += ["--store", store if isinstance(store, str) else f"sqlite:///{store}"]
    kept = {k: v for k, v in os.environ.items() if k not in ("SIGNOFF_STORE", "COLUMNS")}
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        env={**kept, **(env or {})},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\u202e" not in done.stdout + done.stderr
    return done


def document(*words: str, store: Path | str) -> Any:
    done = signoff(*words, "--json", store=store)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_help_is_quick_and_tells_the_exit_statuses() -> None:
    began = time.perf_counter()
    done = signoff("--help")
    assert time.perf_counter() - began < 5
    assert done.returncode == 0
    assert "Exit status: 0 done" in done.stdout
    assert all(noun in done.stdout for noun in ("ledger", "doctor", "local", "renewals"))


def test_help_does_not_load_what_it_does_not_need() -> None:
    code = (
        "import sys; sys.argv = ['signoff', '--help']\n"
        "from signoff.cli import main; main()\n"
        "heavy = {'rich.table', 'psycopg', 'pydantic_ai', 'xllamacpp'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_installed_program_is_the_same() -> None:
    program = Path(sys.executable).parent / "signoff"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == signoff("--version").stdout
    assert done.stdout.startswith("signoff ")


@pytest.mark.parametrize(
    "words", [["bogus"], ["ledger", "show"], ["ledger", "export", "--since", "-1"]]
)
def test_wrong_usage_is_2(words: list[str]) -> None:
    done = signoff(*words)
    assert done.returncode == 2
    assert done.stdout == ""


def test_show_tells_a_subjects_story(store: Path) -> None:
    told = signoff("ledger", "show", "r-1", store=store).stdout
    beats = [
        "r-1  renewal at expired, version 3",
        "started    renewal at open",
        "renewal.offer: committed, 2 attempts",
        "over_cap: 90% offered",
        "within_policy, at discount; then revise",
        "the proposer was told, and asked again",
        "120+40 tokens",
        "accepted",
        "intended   effect send",
        "COMMITTED  receipt",
        "open -> offered",
        "timer set",
        "offered->expired fired",
    ]
    places = [told.find(beat) for beat in beats]
    assert -1 not in places, beats[places.index(-1)]
    assert places == sorted(places)


def test_show_brings_large_values_back(store: Path) -> None:
    shown = document("ledger", "show", "r-3", store=store)
    [crossing] = shown["crossings"]
    proposals = [r["body"] for r in crossing["records"] if r["type"] == "proposed"]
    assert proposals[0]["raw"] == HOSTILE
    assert len(proposals[1]["proposal"]["message"]) == 6000
    assert crossing["status"] == "committed"


def test_show_finds_a_crossing_by_the_beginning_of_its_id(store: Path) -> None:
    [crossing] = document("ledger", "show", "r-2", store=store)["crossings"]
    short = crossing["crossing"][:6]
    assert document("ledger", "show", "--crossing", short, store=store)["crossings"] == [crossing]
    other = signoff("ledger", "show", "r-1", "--crossing", short, store=store)
    assert (other.returncode, "is about r-2" in other.stderr) == (1, True)
    assert signoff("ledger", "show", "--crossing", "0000", store=store).returncode == 1


def test_an_unknown_subject_is_told_what_there_is(store: Path) -> None:
    done = signoff("ledger", "show", "r-77", store=store)
    assert done.returncode == 1
    assert "has no subject 'r-77'; it knows r-1, r-2, r-3" in done.stderr


@pytest.mark.parametrize("columns", ["20", "40", "200"])
def test_any_width_will_do(columns: str, store: Path) -> None:
    for words in (("ledger", "show", "r-1"), ("ledger", "summary"), ("doctor",)):
        done = signoff(*words, store=store, env={"COLUMNS": columns})
        assert done.returncode == 0
        assert max(map(len, done.stdout.splitlines())) <= int(columns) or columns == "20"


def test_a_terminal_without_unicode_will_do(store: Path) -> None:
    done = signoff("ledger", "show", "r-1", store=store, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "\\ufffd" in done.stdout


def test_list_goes_page_by_page(store: Path) -> None:
    first = document("ledger", "list", "--most", "3", store=store)
    rest = document("ledger", "list", "--after", first["subjects"][-1]["subject"], store=store)
    assert [s["subject"] for s in first["subjects"]] == ["r-1", "r-2", "r-3"]
    assert [s["subject"] for s in rest["subjects"]] == ["r-4"]
    assert (first["more"], rest["more"]) == (True, False)
    assert "--after 'r-3'" in signoff("ledger", "list", "--most", "3", store=store).stdout


def test_summary_counts_by_boundary_and_shows_what_waits(store: Path) -> None:
    summary = document("ledger", "summary", store=store)
    assert summary["boundaries"]["renewal.offer"] == {"committed": 2, "rejected": 1, "attempts": 7}
    assert summary["boundaries"]["vanishing"] == {"unknown": 1, "attempts": 1}
    assert [(w["kind"], w["name"]) for w in summary["pending"]] == [("effect", "vanishing")]
    assert "vanishing" in signoff("ledger", "summary", store=store).stdout


def test_verify_proves_and_a_seal_can_be_asked_for_later(store: Path) -> None:
    root = document("ledger", "seal", store=store)["root"]
    proof = document("ledger", "verify", store=store)
    assert proof["intact"]
    assert (proof["subjects"], proof["seals"], proof["root"]) == (4, 1, root)
    assert signoff("ledger", "verify", "--sealed", root, store=store).returncode == 0
    lost = signoff("ledger", "verify", "--sealed", "f" * 64, store=store)
    assert lost.returncode == 4
    assert "no seal has the root" in lost.stdout


def test_an_altered_record_is_found(store: Path) -> None:
    connection = sqlite3.connect(store)
    connection.execute("UPDATE signoff_records SET body = '{}' WHERE subject = 'r-2' AND seq = 2")
    connection.commit()
    connection.close()
    done = signoff("ledger", "verify", store=store)
    assert done.returncode == 4
    assert "NOT INTACT: 1 fault" in done.stdout
    assert signoff("ledger", "verify", "--json", store=store).returncode == 4
    shown = signoff("ledger", "show", "r-2", store=store)
    assert (shown.returncode, "proposed   {}" in shown.stdout) == (0, True)
    doctor = signoff("doctor", store=store)
    assert doctor.returncode == 1
    assert "FAIL  ledger" in doctor.stdout


def test_an_unreadable_record_is_shown_and_exported_as_it_is(store: Path) -> None:
    connection = sqlite3.connect(store)
    connection.execute("UPDATE signoff_records SET body = 'oops' WHERE subject = 'r-2'")
    connection.commit()
    connection.close()
    assert "oops" in signoff("ledger", "show", "r-2", store=store).stdout
    exported = signoff("ledger", "export", "--subject", "r-2", store=store).stdout
    assert {json.loads(line)["body"]["unreadable"] for line in exported.splitlines()} == {"oops"}
    assert signoff("ledger", "verify", store=store).returncode == 4


def test_an_export_holds_every_record_and_can_be_continued(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    done = signoff("ledger", "export", "-o", file, store=store)
    assert "records written to" in done.stderr
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == document("ledger", "verify", store=store)["records"]
    [large] = [line for line in lines if "payloads" in line]
    [kept] = large["payloads"].values()
    assert len(kept["message"]) == 6000
    rest = signoff("ledger", "export", "--since", str(lines[9]["position"]), store=store).stdout
    assert [json.loads(line) for line in rest.splitlines()] == lines[10:]
    one = signoff("ledger", "export", "--subject", "r-2", store=store).stdout
    assert {json.loads(line)["subject"] for line in one.splitlines()} == {"r-2"}
    assert signoff("ledger", "export", "--subject", "r-99", store=store).returncode == 1


def test_a_reader_that_leaves_early_ends_it_quietly(store: Path) -> None:
    line = f"{sys.executable} -m signoff ledger export --store sqlite:///{store} | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_said_and_fails(store: Path) -> None:
    line = f"{sys.executable} -m signoff ledger export --store sqlite:///{store} > /dev/full"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "signoff: the system refused: No space left on device\n"


READING: list[list[str]] = [
    ["ledger", "show", "r-1"],
    ["ledger", "list"],
    ["ledger", "summary"],
    ["ledger", "verify"],
    ["ledger", "seal"],
    ["ledger", "export"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_store_that_is_not_there_is_not_made(words: list[str], tmp_path: Path) -> None:
    done = signoff(*words, store=tmp_path / "missing.db")
    assert done.returncode == 1
    assert "there is no store at" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.db"
    connection = sqlite3.connect(theirs)
    connection.execute("CREATE TABLE invoices (id)")
    connection.close()
    before = theirs.read_bytes()
    for words in (*READING, ["doctor"]):
        done = signoff(*words, store=theirs)
        assert done.returncode == 1
        assert "is not a signoff store" in done.stdout + done.stderr
    assert theirs.read_bytes() == before
    assert list(tmp_path.iterdir()) == [theirs]


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:secret@h/d", "sqlite://", "sqlite:////tmp"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    done = signoff("ledger", "list", store=url)
    assert done.returncode == 1
    assert "secret" not in done.stderr


def test_the_store_can_be_named_in_the_environment(store: Path) -> None:
    done = signoff("ledger", "list", env={"SIGNOFF_STORE": f"sqlite:///{store}"})
    assert "r-1" in done.stdout


def test_doctor_tells_what_waits_and_what_is_in_doubt(store: Path) -> None:
    report = document("doctor", store=store)
    checks = {check["check"]: check for check in report["checks"]}
    assert report["healthy"]
    assert checks["store"]["verdict"] == checks["ledger"]["verdict"] == "OK"
    assert "vanishing: 1 waits" in checks["effect"]["found"]
    assert checks["effect"]["remedy"]
    assert "vanishing: 1 crossing unknown" in checks["unknown"]["found"]


def test_doctor_on_a_fresh_machine_is_no_failure(tmp_path: Path) -> None:
    done = signoff("doctor", store=tmp_path / "none.db")
    assert done.returncode == 0
    assert "there is no store at" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_reading_while_a_runtime_is_at_work(store: Path) -> None:
    async def work() -> tuple[Any, Any]:
        async with Runtime(f"sqlite:///{store}", clock=FakeClock()):
            shown = await asyncio.to_thread(document, "ledger", "show", "r-1", store=store)
            return shown, await asyncio.to_thread(document, "doctor", store=store)

    shown, report = asyncio.run(work())
    assert shown["stands"]["state"] == "expired"
    [in_use] = [check for check in report["checks"] if check["check"] == "in use"]
    assert f"process {os.getpid()}" in in_use["found"]


def test_an_interrupt_is_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "signoff", "renewals", "run", "--rows", "5000"]
    command += ["--store", f"sqlite:///{tmp_path / 'x.db'}", "--services", str(tmp_path / "s")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    while not (tmp_path / "x.db").exists() and process.poll() is None:
        _wait(0.05)
    _wait(0.3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.strip() == "signoff: interrupted; run the same line again to go on"


def test_on_postgres_it_is_the_same(postgres_database: str) -> None:
    missing = signoff("ledger", "list", store=postgres_database)
    assert missing.returncode == 1
    assert "there is no store in" in missing.stderr
    asyncio.run(_fill(postgres_database))
    assert document("ledger", "show", "r-1", store=postgres_database)["stands"]["version"] == 3
    assert document("ledger", "verify", store=postgres_database)["intact"]
    assert document("doctor", store=postgres_database)["healthy"]
    assert signoff("ledger", "export", store=postgres_database).stdout.count("\n") > 20
