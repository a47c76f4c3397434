from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from signoff import Boundary, Runtime, Transactional
from signoff.cli import main
from signoff.cli._app import wired
from signoff.diagnosis import Trial, as_png, reliability, reliability_svg
from signoff.errors import MissingExtra
from signoff.testing import FakeClock, Scripted

HOSTILE = "evil\x1b[31m<b>&\u202e"


def run(*words: str) -> int:
    return main(["reliability", *words])


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Two boundaries on one ledger, asked on four days."""
    from pydantic import BaseModel

    from signoff import Accept, Reject

    class Deal(BaseModel):
        id: str = "d"

    class Offer(BaseModel):
        price: int

    def within_limit(offer: Offer, deal: Deal) -> Any:
        return Accept() if offer.price <= 10 else Reject("over_limit", "too much")

    def sell(offer: Offer, deal: Deal, write: Any) -> int:
        return offer.price

    url = f"sqlite:///{tmp_path / 'r.db'}"

    async def fill() -> None:
        clock = FakeClock()
        async with Runtime(url, clock=clock) as runtime:
            for name, prices in (("sell", (7, 50, 7, 7)), ("rent", (7, 7, 7, 7))):
                proposer = Scripted(*(Offer(price=price) for price in prices))
                boundary = Boundary(
                    name, proposer=proposer, verifiers=[within_limit],
                    commit=Transactional(sell), subject=Deal, attempts=1,
                )  # fmt: skip
                for number in range(4):
                    await runtime.run(boundary, Deal(), key=f"{name}/{number}")
                    await clock.advance(days=1)

    asyncio.run(fill())
    return url


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "trials.jsonl"
    lines = [
        {"input": f"q{asked}", "model": model, "number": number, "group": "g",
         "ok": (asked + number) % 3 > 0 if model == "old" else asked > 2}
        for model in ("old", "new")
        for asked in range(6)
        for number in (1, 2)
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_the_bare_noun_measures_the_whole_ledger(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--store", store) == 0
    shown = capsys.readouterr().out
    for words in ("sell", "rent", "pass^4", "A/A flips", "mu, points in 30 days", "sigma halved"):
        assert words in shown


def test_a_boundary_may_be_named_without_a_verb(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sell", "--store", store, "--json") == 0
    found = document(capsys)
    assert [row["group"] for row in found["slices"]] == ["", "sell"]
    assert found["slices"][0]["passes"][0]["value"] == 0.75
    assert found["slices"][0]["variance"]["flips"] == pytest.approx(0.5)
    assert found["momentum"][0]["mu"] is not None
    assert found["ok"] == "first"


def test_since_counts_back_from_the_last_record(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--store", store, "--since", "2d", "--json", "--by", "model") == 0
    found = document(capsys)
    assert [(row["group"], row["trials"]) for row in found["slices"]] == [("", 3)]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["nothing"], 1, "no boundary 'nothing'; it knows rent, sell"),
        (["--since", "soon"], 2, "--since is 'soon'"),
        (["--since", "2030-01-01"], 1, "no judged proposal since 2030-01-01"),
        (["--k", "0"], 2, ""),
        (["--by", "weather"], 2, ""),
        (["--confidence", "95"], 2, "such as 0.95"),
        (["--strengthen", "sell"], 2, "write NAME=SHARE"),
        (["--strengthen", "sell=140%"], 2, "from 0 to 1"),
        (["--strengthen", "lease=0.9"], 2, "no group is called 'lease'"),
        (["--plot", "chart.pdf"], 2, ".svg or as .png"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    store: str, words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "--store", store) == status
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err


def test_a_level_may_be_written_as_a_percentage(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--store", store, "--strengthen", "sell=90%", "--json") == 0
    levels = [e["level"] for e in document(capsys)["levers"] if e["lever"] == "boundary"]
    assert levels == [0.9]


def test_a_corpus_is_measured(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("corpus", str(corpus)) == 0
    shown = capsys.readouterr().out
    for words in ("old", "new", "all together", "p (McNemar)", "no trial has a time on record"):
        assert words in shown


def test_one_model_of_a_corpus_in_one_group(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("corpus", str(corpus), "--model", "new", "--group", "g", "--json") == 0
    found = document(capsys)
    assert [row["model"] for row in found["slices"]] == ["new"]
    assert found["versions"] == []
    assert run("corpus", str(corpus), "--model", "newer") == 1
    assert run("corpus", str(corpus), "--group", "h") == 1
    assert "no trial to count in 'h'" in capsys.readouterr().err


def test_what_was_wrong_with_a_corpus_is_told(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus.write_text(corpus.read_text() + '\n{"input": "q9"}\nnot json\n')
    assert run("corpus", str(corpus)) == 0
    assert "records left out, 2 kinds of problems" in capsys.readouterr().out


def test_a_hostile_name_does_not_write_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hostile.jsonl"
    lines = [{"input": str(n), "model": HOSTILE, "group": HOSTILE, "ok": True} for n in range(5)]
    path.write_text("\n".join(map(json.dumps, lines)))
    chart = tmp_path / "chart.svg"
    assert run("corpus", str(path), "--by", "group", "--plot", str(chart)) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    texts = ElementTree.parse(chart).getroot().itertext()
    assert any("evil" in text and "<b>&" in text and "\x1b" not in text for text in texts)


def test_a_chart_is_written_beside_the_tables(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chart = tmp_path / "chart.svg"
    assert run("--store", store, "--plot", str(chart)) == 0
    assert "chart written to" in capsys.readouterr().out
    root = ElementTree.parse(chart).getroot()
    said = " ".join(root.itertext())
    for words in ("pass^k, with 95% intervals", "k: answers in a row", "days since", "mu ", "100%"):
        assert words in said
    assert "prefers-color-scheme: dark" in said


def test_a_folder_that_is_not_there_is_refused(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--store", store, "--plot", str(tmp_path / "no" / "chart.svg")) == 1
    assert "the system refused" in capsys.readouterr().err


def test_a_png_is_a_png(store: str, tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    chart = tmp_path / "chart.png"
    assert run("--store", store, "--plot", str(chart)) == 0
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_a_png_without_the_extra_names_the_extra(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    with pytest.raises(MissingExtra):
        as_png("<svg/>")
    assert run("--store", store, "--plot", str(tmp_path / "chart.png")) == 2
    assert "signoff[plot]" in capsys.readouterr().err


def test_a_chart_of_many_models_shows_some_and_says_how_many_more() -> None:
    trials = [
        Trial(input=str(n), model=f"m{model}", number=run, ok=n > model)
        for model in range(9)
        for n in range(12)
        for run in (1, 2)
    ]
    svg = reliability_svg(reliability(trials))
    said = list(ElementTree.fromstring(svg).itertext())
    assert "and 3 more, with fewer trials" in said
    assert "No trend: no trial has a time on record." in said


def test_a_chart_of_nothing_is_a_chart() -> None:
    ElementTree.fromstring(reliability_svg(reliability([])))


def test_the_help_names_both_ways() -> None:
    shown = CliRunner().invoke(wired(), ["reliability", "--help"]).output
    assert "boundary" in shown
    assert "corpus" in shown
