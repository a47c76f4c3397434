from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from orders import Model, Placed, orders
from pydantic import BaseModel
from reviewing import HOSTILE

from signoff import Runtime
from signoff.cli import main
from signoff.state import EventLog


class Said(BaseModel):
    text: str


talk = EventLog("talk", events=Said)


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, store_url: str) -> str:
    monkeypatch.setenv("SIGNOFF_STORE", store_url)
    monkeypatch.setenv("COLUMNS", "220")

    async def fill() -> None:
        model = Model()
        async with Runtime(store_url, knows=[model.consumer()]) as runtime:
            for n in range(3):
                await runtime.append(orders, f"o-{n}", Placed(amount=n))
            await runtime.append(talk, "t", Said(text=HOSTILE))
            await runtime.drain()

    asyncio.run(fill())
    return store_url


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert main(["events", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_logs_streams_and_consumers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    told = document(capsys, "list")
    assert told["logs"] == [
        {"log": "orders", "events": 6, "streams": 3},
        {"log": "talk", "events": 1, "streams": 1},
    ]
    assert told["consumers"] == [
        {"consumer": "discounts", "log": "orders", "position": 6, "behind": 0}
    ]
    streams = document(capsys, "list", "orders", "--most", "2")
    assert [row["stream"] for row in streams["streams"]] == ["o-0", "o-1"]
    assert streams["more"]
    assert main(["events", "list"]) == 0
    assert "at most behind" in capsys.readouterr().out


def test_tail_tells_the_last_events_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    told = document(capsys, "tail", "orders", "--most", "2")
    assert [event["position"] for event in told["events"]] == [5, 6]
    told = document(capsys, "tail", "orders", "--after", "1")
    assert [event["position"] for event in told["events"]] == [2, 3, 4, 5, 6]
    offered = next(event for event in told["events"] if event["type"] == "Offered")
    assert offered["fingerprint"]["model"] == "first"
    assert main(["events", "tail", "orders"]) == 0
    assert "first" in capsys.readouterr().out


def test_show_tells_history_forks_and_what_was_asked_again(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def ask() -> None:
        async with Runtime(store) as runtime:
            await runtime.ask_again(Model(15, "other").consumer(), stream="o-1")

    asyncio.run(ask())
    assert document(capsys, "fork", "orders", "o-1", "--at", "2", "--to", "what-if") == {
        "log": "orders", "source": "o-1", "forked": 2, "stream": "what-if",
    }  # fmt: skip
    forked = document(capsys, "show", "orders", "what-if")
    assert (forked["source"], forked["forked"], len(forked["events"])) == ("o-1", 2, 2)
    told = document(capsys, "show", "orders", "o-1")
    assert [event["version"] for event in told["events"]] == [1, 2]
    (again,) = told["asked_again"]
    assert (again["about"], again["version"], again["fingerprint"]["model"]) == (1, None, "other")
    assert main(["events", "show", "orders", "o-1"]) == 0
    out = capsys.readouterr().out
    assert "asked again" in out
    assert "about 1" in out
    assert main(["ledger", "show", "o-1"]) == 0
    out = capsys.readouterr().out
    assert "ASKED AGAIN" in out
    assert "other events would follow" in out
    assert main(["ledger", "show", "what-if"]) == 0
    assert "forked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["tail", "nothing"], "no event log 'nothing'"),
        (["list", "nothing"], "it has orders, talk"),
        (["show", "orders", "nobody"], "no stream 'nobody'"),
        (["fork", "orders", "o-1", "--at", "9", "--to", "x"], "has no version 9"),
        (["fork", "orders", "o-1", "--at", "1", "--to", "o-2"], "has begun already"),
        (["fork", "orders", "o-1", "--at", "1", "--to", "a\nb"], "cannot name a stream"),
    ],
)
def test_what_is_not_there_is_refused_in_words(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["events", *words]) == 1
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [["tail", "talk"], ["show", "talk", "t"]])
def test_hostile_text_is_shown_and_not_obeyed(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["events", *words]) == 0
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.splitlines())
    assert document(capsys, *words)["events"][0]["data"] == {"text": HOSTILE}


def test_follow_goes_on_until_it_is_interrupted(store: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "signoff", "events", "tail", "orders", "--follow", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SIGNOFF_STORE": store},
        cwd=tmp_path,
    ) as program:
        assert program.stdout is not None
        first = [json.loads(program.stdout.readline()) for _ in range(6)]

        async def more() -> None:
            async with Runtime(store) as runtime:
                await runtime.append(orders, "o-9", Placed(amount=9))

        asyncio.run(more())
        last = json.loads(program.stdout.readline())
        program.send_signal(signal.SIGINT)
        assert program.wait(20) == 130
    assert [event["position"] for event in first] == [1, 2, 3, 4, 5, 6]
    assert (last["stream"], last["position"]) == ("o-9", 7)
