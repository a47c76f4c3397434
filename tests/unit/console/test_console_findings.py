"""Diagnosis, reliability, replay and decisions over real stores, runs and projects."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from console_doors import HERE
from planting import Planter
from starlette.testclient import TestClient
from stores import opened

from signoff import workloads
from signoff.cli import main
from signoff.console import Settings, create_app

HOSTILE = "<script>alert('over')</script>"

RECORDS = Path(workloads.__file__).parent


@contextmanager
def console(
    tmp_path: Path, planted: Planter | None = None, *projects: Path
) -> Iterator[TestClient]:
    """A console over a store with what was planted, and somebody who is in."""
    store = f"sqlite:///{tmp_path / 'store.db'}"

    async def make() -> None:
        async with opened(store) as storage:
            await (planted or Planter()).onto(storage, rows=True)

    asyncio.run(make())
    settings = Settings(store=store, projects=projects or (tmp_path,), replays=tmp_path / "replays")
    app = create_app(settings)
    with TestClient(app, base_url=HERE) as browser:
        browser.get(f"/enter?key={app.state.access.key}")
        for _ in range(400):
            if app.state.desk.index.progress.caught_up:
                break
            threading.Event().wait(0.05)
        yield browser


def looked(browser: TestClient, address: str) -> str:
    """A page, once what it shows was looked at."""
    for _ in range(1000):
        page = browser.get(address)
        assert page.status_code == 200, page.text
        assert len(page.content) < 100_000
        if "Looking since" not in page.text:
            return page.text
        assert 'hx-trigger="every 2s"' in page.text
        threading.Event().wait(0.1)
    raise AssertionError(f"{address} looks for too long")


def words(page: str) -> str:
    """What a person reads of a page, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def token(page: str) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', page.partition("<main")[2])[0]


def test_a_planted_signature_is_shown_with_its_evidence_and_what_corrects_it(
    tmp_path: Path,
) -> None:
    planter = Planter()
    planter.clean(20)
    planter.no_verifier(6, 12)
    with console(tmp_path, planter) as browser:
        page = looked(browser, "/diagnosis")
        told = words(page)
        assert "critical missing verifier" in told
        assert "SDB-no-verifier , of the boundary" in told
        assert "6 times of 12" in told
        assert "add a verifier: a plain function of the proposal and the subject" in told
        assert "and 1 more" in told
        [link, *_] = re.findall(r'href="(/crossings/[0-9a-f]+)"', page)
        assert "mail" in browser.get(link).text
        [story, *_] = re.findall(r'href="(/subjects/story\?id=[^"]+)"', page)
        assert browser.get(story).status_code == 200
        # What was looked for in vain is there as well, and is not what was found.
        absent = page.partition("looked for and not found")[2]
        assert "P1-double-retry" in absent
        assert "SDB-no-verifier" not in absent
        again = browser.post("/diagnosis", data={"csrf": token(page), "since": "24h"})
        assert again.url.query == b"since=24h"
        assert browser.post("/diagnosis", data={"since": "24h"}).status_code == 403
        assert "Looked at" in looked(browser, "/diagnosis?since=24h")
        assert browser.get("/diagnosis?since=--help").status_code == 400
        wrong = {"csrf": token(page), "since": "--help"}
        assert browser.post("/diagnosis", data=wrong).status_code == 400


def test_a_ledger_without_anything_has_nothing_to_tell(tmp_path: Path) -> None:
    with console(tmp_path) as browser:
        assert "No signature was found" in looked(browser, "/diagnosis")
        assert "nothing to measure" in browser.get("/reliability").text
        replay = words(browser.get("/replay").text)
        assert "There is no run in the folder" in replay
        assert "signoff replay BOUNDARY --model MODEL --json" in replay
        decisions = words(browser.get("/decisions").text)
        assert "There is no decision record in" in decisions
        assert "signoff select --model NAME --record decision_record.md" in decisions
        assert "signoff new NAME" in decisions


def test_reliability_of_a_known_boundary_is_measured_and_of_no_other_word(tmp_path: Path) -> None:
    planter = Planter()
    for day in range(4):
        for number in range(12):
            rejected = (number + day) % 4 == 0
            planter.crossing("offer", rejected=int(rejected), subject=f"s-{number}")
        planter.wait(days=1)
    planter.crossing("--help")
    planter.crossing(HOSTILE)
    with console(tmp_path, planter) as browser:
        page = looked(browser, "/reliability?boundary=offer")
        told = words(page)
        assert "pass^1" in told
        assert "sigma" in told
        assert "points in 30 days" in told
        assert "y(t) = mu*t + sigma*xi(t) is stylised" in told
        assert "What would help" in told
        assert '<path class="band"' in page
        everything = looked(browser, "/reliability")
        assert "<script>alert" not in everything
        assert "There is not enough evidence" in words(
            looked(browser, f"/reliability?boundary={HOSTILE}")
        )
        for name in ("--help", "none", "-", "offer --k"):
            assert browser.get("/reliability", params={"boundary": name}).status_code == 404
            asked = {"csrf": token(page), "boundary": name}
            assert browser.post("/reliability", data=asked).status_code == 404
        asked = {"csrf": token(page), "boundary": "offer"}
        assert browser.post("/reliability", data=asked).url.query == b"boundary=offer"


def replayed(folder: Path, capsys: pytest.CaptureFixture[str], **more: Any) -> dict[str, Any]:
    """What `signoff replay corpus --json` prints of a candidate that is worse."""
    lines: list[dict[str, Any]] = []
    for number in range(60):
        for model in ("old", "new"):
            for run in range(2):
                bad = model == "new" and number % 3 == 0
                proposal = {"discount": 40 if bad else 10, "text": f"{HOSTILE} {number}"}
                lines.append(
                    {"input": f"r-{number}", "model": model, "ok": not bad, "proposal": proposal}
                    | {"verdict": "over_cap" if bad else "accepted", "trial": run + 1}
                )
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    capsys.readouterr()
    line = ["replay", "corpus", str(corpus), "--baseline", "old", "--candidate", "new", "--json"]
    assert main(line) == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document | more


def test_a_run_of_replay_is_listed_and_shown_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "replays"
    folder.mkdir()
    (folder / "next <model>.json").write_text(json.dumps(replayed(tmp_path, capsys)))
    with console(tmp_path) as browser:
        listed = browser.get("/replay").text
        assert "HOLD" in listed
        [link] = re.findall(r'href="(/replay/run[^"]*)"', listed)
        page = browser.get(html.unescape(link)).text
        told = words(page)
        assert "the candidate is accepted less often" in told
        assert "100.0%" in told
        assert "66.7%" in told
        assert "sign flip" in told or "McNemar" in told
        assert "Within baseline" in told
        assert "verdict divergence: r-" in told
        assert "<del>  &#34;discount&#34;: 10,</del>" in page
        assert "<ins>  &#34;discount&#34;: 40,</ins>" in page
        assert "<script>alert" not in page
        assert len(page) < 100_000


def test_what_is_no_run_is_said_in_words_and_nothing_outside_the_folder_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "replays"
    folder.mkdir()
    good = replayed(tmp_path, capsys)
    (tmp_path / "outside.json").write_text(json.dumps(good))
    (folder / "link.json").symlink_to(tmp_path / "outside.json")
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / "notes.txt").write_text("no run")
    (folder / "empty.json").touch()
    (folder / "broken.json").write_text('{"decision": ')
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "other.json").write_text('{"models": []}')
    (folder / "strange.json").write_text(json.dumps(good | {"examples": 7}))
    (folder / "half.json").write_text(json.dumps(good | {"reasons": [f"{HOSTILE}\ud800"]}))
    with (folder / "large.json").open("wb") as file:
        file.truncate(21 * 1024 * 1024)
    os.close(os.open(os.fsencode(folder) + b"/\xff.json", os.O_CREAT | os.O_WRONLY))
    says = {
        "empty.json": "It is empty",
        "broken.json": "It is no JSON",
        "deep.json": "nested too deeply",
        "other.json": "not what signoff replay prints",
        "strange.json": "not what signoff replay prints",
        "large.json": "larger than 20 MB",
    }
    with console(tmp_path) as browser:
        for _ in range(20):
            page = browser.get("/replay")
            assert page.status_code == 200
            if "is being read" not in page.text:
                break
        for name in ("link", "folder", "pipe", "notes"):
            assert f">{name}<" not in page.text
        for name, told in says.items():
            assert told in words(page.text)
            assert told in words(browser.get("/replay/run", params={"name": name}).text), name
        half = browser.get("/replay/run", params={"name": "half.json"})
        assert half.status_code == 200
        assert "<script>alert" not in half.text
        for name in ("link.json", "../outside.json", "/etc/passwd", "folder.json", "", "."):
            assert browser.get("/replay/run", params={"name": name}).status_code == 404, name
        assert browser.get("/replay?page=9").status_code == 200


def test_a_project_that_is_what_was_decided_agrees_and_one_that_is_not_has_drifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record = RECORDS / "billing_assist" / "decision_record.md"
    for name in ("shop", "store"):
        assert main(["new", name, "--record", str(record)]) == 0
    (tmp_path / "store" / "decision_record.json").unlink()
    other = (RECORDS / "port_in" / "decision_record.md").read_text()
    (tmp_path / "store" / "decision_record.md").write_text(other)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "decision_record.md").write_text(other.replace("state machine", "event log", 1))
    planter = Planter()
    planter.no_verifier(6, 12)
    folders = (tmp_path / "shop", tmp_path / "store", bad, tmp_path / "gone")
    with console(tmp_path, planter, *folders) as browser:
        told = words(looked(browser, "/decisions"))
        assert "The wiring is what was decided." in told
        assert "conversational" in told
        for line in ("spine", "coordination", "control", "sequence", "date and model"):
            assert line in told
        assert "shop.amount" in told
        assert "typed, budgeted, distinguishable" in told
        looked(browser, "/diagnosis")
        page = looked(browser, "/decisions?project=2")
        told = words(page)
        assert "where the wiring is not what was decided" in told
        assert "the record declares it, and nothing that is wired makes it" in told
        assert "make a signoff.state.StateMachine" in told
        assert "agrees" in told
        assert "SDB-no-verifier found" in told
        (tmp_path / "store" / "decision_record.md").write_bytes(record.read_bytes())
        assert "Look again" in words(browser.get("/decisions?project=2").text)
        assert "was changed since" in words(browser.get("/decisions?project=2").text)
        asked = {"csrf": token(page), "project": "2"}
        assert browser.post("/decisions", data=asked).url.query == b"project=2"
        assert "The wiring is what was decided" in looked(browser, "/decisions?project=2")
        told = words(looked(browser, "/decisions?project=3"))
        assert "The record cannot be read." in told
        assert "was changed by hand" in told
        assert "It could not be told." in told
        assert "There is no decision record" in browser.get("/decisions?project=4").text
        assert browser.get("/decisions?project=5").status_code == 404
        assert browser.get("/decisions?project=x").status_code == 400
        for wrong, status in (("5", 404), ("x", 400), ("0", 404), ("9" * 9, 400)):
            answer = browser.post("/decisions", data={**asked, "project": wrong})
            assert answer.status_code == status
