from __future__ import annotations

import asyncio
import importlib
import json
import re
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from signoff import Runtime
from signoff.cli import main
from signoff.testing import FakeClock

APP = """\
from pydantic import BaseModel

from signoff import Accept, Boundary, Reject, Transactional, Verdict, Write
from signoff.boundary import Question
from signoff.proposers import Function, Rates, Simulated


class Deal(BaseModel):
    id: str
    limit: int = 10


class Offer(BaseModel):
    price: int


def honest(question: Question[Deal]) -> Offer:
    return Offer(price=5)


def within_limit(offer: Offer, deal: Deal) -> Verdict:
    return Accept() if offer.price <= deal.limit else Reject("over_limit", "too much")


def sell(offer: Offer, deal: Deal, write: Write[Deal]) -> int:
    return offer.price


def priced(offer: Offer, deal: Deal) -> str:
    return "sold"


make_offer = Boundary(
    "deal.sell",
    proposer=Simulated(
        honest, proposes=Offer, exaggerate={"price": 90}, wrong={"price": 3}, slow_seconds=0.0
    ),
    verifiers=[within_limit],
    commit=Transactional(sell),
)
slowly = make_offer.proposed_by(
    Simulated(honest, proposes=Offer, rates=Rates(slow=1.0), slow_seconds=0.3)
)
several = [make_offer]
by_name = {"offer": make_offer}


def boundaries():
    return several


def broken():
    raise RuntimeError("no database")


number = 7
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("SIGNOFF_STORE", raising=False)
    Path("replay_live_app.py").write_text(APP)
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Path:
    """A store in the folder, with thirty deals on record an hour ago."""
    app = importlib.import_module("replay_live_app")

    path = folder / "signoff.db"

    async def record() -> None:
        clock = FakeClock(datetime(2026, 11, 1, tzinfo=UTC))
        async with Runtime(f"sqlite:///{path}", clock=clock) as runtime:
            for n in range(30):
                await runtime.run(app.make_offer, app.Deal(id=f"d{n}"))

    asyncio.run(record())
    return path


APP_OPTION = ("--app", "replay_live_app:make_offer")


def replay(*arguments: str) -> int:
    return main(["replay", *arguments])


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = replay(*arguments, "--json")
    return status, json.loads(capsys.readouterr().out)


def test_a_good_candidate_ships_and_a_bad_one_is_held(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("deal.sell", *APP_OPTION, "--model", "simulated", "--n", "2", "--margin", "0.2")
    assert replay(*line) == 0
    out = capsys.readouterr().out
    assert out.startswith("SHIP\n")
    assert "30 questions of deal.sell; every answer is kept in" in out
    assert "What it took" in out
    assert replay(*line, "--misbehaves", "0.9") == 1
    assert capsys.readouterr().out.startswith("HOLD\n")
    assert replay("deal.sell", *APP_OPTION, "--model", "simulated", "--most", "2", "--n", "2") == 3


def test_the_ledger_is_only_read(store: Path) -> None:
    def dump() -> list[str]:
        with sqlite3.connect(store) as connection:
            return list(connection.iterdump())

    before = dump()
    replay("deal.sell", *APP_OPTION, "--model", "simulated", "--misbehaves", "0.5")
    assert dump() == before


def test_the_same_line_asks_nothing_twice_and_fresh_asks_all(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("deal.sell", *APP_OPTION, "--model", "simulated", "--misbehaves", "0.5", "--n", "2")
    _, first = as_json(capsys, *line)
    journal = Path(first["journal"])
    assert journal.resolve().parent == store.parent
    assert journal.name.startswith("signoff-replay-deal.sell-")
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[:50]) + '\n{"torn')
    _, again = as_json(capsys, *line)
    assert again["lanes"]["candidate"]["answers"] == first["lanes"]["candidate"]["answers"]
    assert len(journal.read_text().splitlines()) >= len(lines)
    kept = journal.read_bytes()
    _, third = as_json(capsys, *line)
    errors = sum('"error":""' not in each for each in kept.decode().splitlines()[1:])
    assert third["decision"] == first["decision"]
    assert len(journal.read_bytes()) >= len(kept)
    assert errors or journal.read_bytes() == kept
    journal.write_text("no journal\n")
    assert replay(*line) == 1
    assert "line 1 is no line of a replay's journal" in capsys.readouterr().err
    status, _ = as_json(capsys, *line, "--fresh")
    assert status in (0, 1, 3)


@pytest.mark.parametrize("name", ["make_offer", "several", "by_name", "boundaries"])
def test_boundaries_are_found_in_every_form(store: Path, name: str) -> None:
    line = ("--model", "simulated", "--most", "3", "--n", "1")
    assert replay("deal.sell", "--app", f"replay_live_app:{name}", *line) == 3


def test_boundaries_are_found_through_the_settings(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("deal.sell", "--model", "simulated", "--most", "3", "--n", "1")
    assert replay(*line) == 2
    Path("signoff.toml").write_text('[boundaries]\napp = "replay_live_app:several"\n')
    assert replay(*line) == 3
    Path("signoff.toml").write_text('[boundaries]\napp = ["replay_live_app:several"]\n')
    assert replay(*line) == 3
    capsys.readouterr()
    for wrong in ("[boundaries]\napp = 7\n", "boundaries = 3\n", "[boundaries\n"):
        Path("signoff.toml").write_text(wrong)
        assert replay(*line) == 1
        assert "signoff.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("deal.sel", *APP_OPTION, "--model", "simulated"), 2, "there is deal.sell"),
        (("deal.sell", *APP_OPTION), 2, "nothing would differ"),
        (("deal.sell", *APP_OPTION, "--model", "gpt"), 2, "is no model"),
        (("deal.sell", "--app", "replay_live_app:nope", "--model", "simulated"), 2, "imported"),
        (("deal.sell", "--app", "replay_live_app", "--model", "simulated"), 2, "module:attribute"),
        (("deal.sell", "--app", "replay_live_app:number", "--model", "simulated"), 2, "is int"),
        (
            ("deal.sell", "--app", "replay_live_app:broken", "--model", "simulated"),
            1,
            "no database",
        ),
        (("deal.sell", *APP_OPTION, "--model", "simulated", "--since", "1h"), 1, "the last was"),
        (("deal.sell", *APP_OPTION, "--model", "simulated", "--since", "soon"), 2, "write 30d"),
        (("deal.sell", *APP_OPTION, "--prompt", "absent.txt"), 1, "cannot read absent.txt"),
        (("deal.sell", *APP_OPTION, "--model", "simulated", "--report", "r.pdf"), 2, ".md, .json"),
        (("renewal.close", "--model", "simulated", "--seed", "1"), 1, "no crossing of renewal"),
    ],
)
def test_bad_input_says_what_to_do(
    store: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    assert replay(*arguments) == status
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_a_store_that_is_not_there_is_not_made(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay("deal.sell", *APP_OPTION, "--model", "simulated") == 1
    assert "there is no store" in capsys.readouterr().err
    assert not (folder / "signoff.db").exists()


def test_a_ledger_of_another_version_is_told(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signoff.storage._migration.newest", lambda dialect: 0)
    assert replay("deal.sell", *APP_OPTION, "--model", "simulated") == 1
    err = capsys.readouterr().err
    assert "Upgrade signoff" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("suffix", ["md", "json", "xml"])
def test_a_report_is_written_in_the_format_of_its_name(store: Path, suffix: str) -> None:
    report = Path(f"report.{suffix}")
    line = ("deal.sell", *APP_OPTION, "--model", "simulated", "--misbehaves", "0.9", "--n", "2")
    assert replay(*line, "--report", str(report)) == 1
    text = report.read_text()
    assert {"md": "# HOLD", "json": '"decision": "HOLD"', "xml": "<failure"}[suffix] in text
    assert "deal" in text


def test_another_effect_can_be_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ("deal.sell", *APP_OPTION, "--model", "simulated", "--n", "2", "--misbehaves", "0.3")
    _, plain = as_json(capsys, *line)
    _, sold = as_json(capsys, *line, "--effect", "replay_live_app:priced")
    assert sold["levels"]["effect"]["across"] == 0
    assert plain["levels"]["proposal"]["across"] == sold["levels"]["proposal"]["across"]


def test_what_is_on_record_can_be_the_baseline(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("deal.sell", *APP_OPTION, "--model", "simulated", "--baseline", "recorded")
    _, found = as_json(capsys, *line, "--n", "1")
    assert found["lanes"]["baseline"]["label"] == "on record"
    assert found["variance_measured"] is False


def test_the_renewal_agent_is_known_by_itself(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cel_expr_python")
    pytest.importorskip("yaml")
    assert main(["renewals", "run", "--rows", "25", "--json"]) == 0
    capsys.readouterr()
    line = ("renewal.close", "--model", "simulated", "--misbehaves", "0.8", "--n", "2")
    status, found = as_json(capsys, *line)
    assert status == 1
    assert found["about"]["boundary"] == "renewal.close"
    # Its own proposer is the one that answered on record.
    assert not [note for note in found["about"]["notes"] if "not by the baseline" in note]
    assert replay("renewal.offer", "--model", "simulated", "--misbehaves", "0.8") == 2
    assert "replay those one by one" in capsys.readouterr().err


def test_an_interrupted_line_says_what_is_kept_and_goes_on(store: Path) -> None:
    line = [sys.executable, "-m", "signoff", "replay", "deal.sell", "--model", "simulated"]
    line += ["--app", "replay_live_app:slowly", "--seed", "1", "--n", "4", "--concurrency", "2"]
    running = subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    journals: list[Path] = []
    while running.poll() is None:
        journals = list(store.parent.glob("*.jsonl"))
        if journals and len(journals[0].read_text().splitlines()) > 4:
            break
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert re.search(r"\d+ answers kept in signoff-replay-deal\.sell-\w+\.jsonl", err)
    assert "run the same line again to go on" in err
    assert "Traceback" not in err
    kept = journals[0].read_text()
    assert 4 < len(kept.splitlines()) < 241
    replay(*line[4:], "--concurrency", "64")
    assert journals[0].read_text().startswith(kept)
    assert len(journals[0].read_text().splitlines()) == 241
