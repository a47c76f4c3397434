"""Mistakes that both type checkers must see, on the line where they are made."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
API = Path(__file__).with_name("api.py")

PRELUDE = """\
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, assert_never

from pydantic import BaseModel

from signoff import Accept, Boundary, Committed, External, Outcome, Reject, Rejected, Runtime
from signoff import Suspended, Transactional, Unknown, Verdict, Write
from signoff.boundary import Question
from signoff.control import Approval, Escalation, Gate, KillSwitch, Throttle
from signoff.coordination import Delegation, Merged, Part, ScatterGather, Specialist
from signoff.proposers import Function
from signoff.replay import Examination, replay
from signoff.state import After, Handle, StateMachine
from signoff.testing import Scripted


class Renewal(BaseModel):
    id: str
    cap: float = 0.30


class Ticket(BaseModel):
    id: str


class Offer(BaseModel):
    discount: float


class Reply(BaseModel):
    text: str


def within_cap(offer: Offer, renewal: Renewal) -> Verdict:
    return Accept() if offer.discount <= renewal.cap else Reject("over_cap", "too much")


def polite(reply: Reply, renewal: Renewal) -> Verdict:
    return Accept()


def deep(offer: Offer, renewal: Renewal) -> bool:
    return offer.discount > 0.20


def rude(reply: Reply, renewal: Renewal) -> bool:
    return "!" in reply.text


def capped(renewal: Renewal) -> bool:
    return renewal.cap < 0.10


def old_ticket(ticket: Ticket) -> bool:
    return ticket.id.startswith("0")


def on_ticket(offer: Offer, ticket: Ticket) -> Verdict:
    return Accept()


async def send(offer: Offer, renewal: Renewal, key: str) -> str:
    return key


async def without_key(offer: Offer, renewal: Renewal) -> str:
    return renewal.id


async def answer(reply: Reply, renewal: Renewal, key: str) -> str:
    return key


async def answer_ticket(offer: Offer, ticket: Ticket, key: str) -> str:
    return key


async def mood(reply: Reply, renewal: Renewal) -> str:
    return "cheerful"


async def balance(offer: Offer, renewal: Renewal) -> float:
    return 0.0


def keep(offer: Offer, renewal: Renewal, write: Write[Renewal]) -> float:
    return offer.discount


def suggest_to_ticket(question: Question[Ticket]) -> Offer:
    return Offer(discount=0.1)


def merge_offers(parts: Mapping[str, Part], renewal: Renewal) -> Offer:
    return Offer(discount=0.1)


def merge_replies(parts: Mapping[str, Part], renewal: Renewal) -> Reply:
    return Reply(text=", ".join(parts))


def merge_on_ticket(parts: Mapping[str, Part], ticket: Ticket) -> Offer:
    return Offer(discount=0.1)


offers = Scripted(Offer(discount=0.1))
replies = Scripted(Reply(text="hello"))
boundary = Boundary("renewal.offer", proposer=offers, verifiers=[within_cap], commit=send)
on_tickets = Boundary(
    "ticket.offer", proposer=Scripted(Offer(discount=0.1)), verifiers=[], commit=answer_ticket
)
owner = Boundary("renewal.own", proposer=Merged(Offer), verifiers=[within_cap], commit=send)
DAY = timedelta(days=1)
Stage = Literal["open", "offered", "expired"]
MOVES: dict[Stage, set[Stage]] = {"open": {"offered"}, "offered": {"expired"}}
lifecycle = StateMachine[Stage]("renewal", MOVES, start="open")


def code_of(rejected: Rejected | Suspended | Unknown) -> str:
    return rejected.code if isinstance(rejected, Rejected) else ""


"""


@dataclass(frozen=True)
class Mistake:
    """What is wrong, seen on its first line, and what should stand there instead."""

    name: str
    wrong: str
    right: str
    code: str = "{line}\n"


MISTAKES = [
    Mistake(
        "a verifier that forgets to answer",
        """\
def generous(offer: Offer, renewal: Renewal) -> Verdict:
    if offer.discount > renewal.cap:
        return Reject("over_cap", "too much")
""",
        """\
def generous(offer: Offer, renewal: Renewal) -> Verdict:
    if offer.discount > renewal.cap:
        return Reject("over_cap", "too much")
    return Accept()
""",
    ),
    Mistake(
        "a verifier about another proposal",
        'Boundary("b", proposer=offers, verifiers=[polite], commit=send)',
        'Boundary("b", proposer=offers, verifiers=[within_cap], commit=send)',
    ),
    Mistake(
        "a verifier about another subject",
        "await runtime.run(Boundary('b', proposer=offers, verifiers=[on_ticket], commit=send), r)",
        "await runtime.run(Boundary('b', proposer=offers, verifiers=[within_cap], commit=send), r)",
        """\
        async def cross(runtime: Runtime, r: Renewal) -> None:
            {line}
        """,
    ),
    Mistake(
        "a commit without a key",
        'Boundary("b", proposer=offers, verifiers=[within_cap], commit=without_key)',
        'Boundary("b", proposer=offers, verifiers=[within_cap], commit=send)',
    ),
    Mistake(
        "a commit of another proposal",
        'Boundary("b", proposer=offers, verifiers=[within_cap], commit=answer)',
        'Boundary("b", proposer=offers, verifiers=[within_cap], commit=send)',
    ),
    Mistake(
        "an effect without a key",
        "External(without_key, idempotent=True)",
        "External(send, idempotent=True)",
    ),
    Mistake(
        "evidence about another proposal",
        'Boundary("b", proposer=offers, verifiers=[within_cap], commit=send, evidence=[mood])',
        'Boundary("b", proposer=offers, verifiers=[within_cap], commit=send, evidence=[balance])',
    ),
    Mistake(
        "an approval of another proposal",
        "boundary.bounded_by(Approval(when=rude, ask='role:lead', within=DAY))",
        "boundary.bounded_by(Approval(when=deep, ask='role:lead', within=DAY))",
    ),
    Mistake(
        "an escalation about another subject",
        "boundary.bounded_by(KillSwitch('offers'), Escalation(before=old_ticket, ask='role:desk'))",
        "boundary.bounded_by(KillSwitch('offers'), Escalation(before=capped, ask='role:desk'))",
    ),
    Mistake(
        "a gate for another proposal",
        "boundary.bounded_by(Throttle(per_minute=3), Gate(polite))",
        "boundary.bounded_by(Throttle(per_minute=3), Gate(within_cap))",
    ),
    Mistake(
        "an unknown fallback",
        "Approval(when=deep, ask='role:lead', within=DAY, otherwise='deny')",
        "Approval(when=deep, ask='role:lead', within=DAY, otherwise='stop')",
    ),
    Mistake(
        "a proposer of another proposal",
        "boundary.proposed_by(replies)",
        "boundary.proposed_by(offers)",
    ),
    Mistake(
        "a proposer that reads another subject",
        "boundary.proposed_by(Function(suggest_to_ticket))",
        "boundary.proposed_by(Function(suggest))",
        """\
        def suggest(question: Question[Renewal]) -> Offer:
            return Offer(discount=question.subject.cap)


        {line}
        """,
    ),
    Mistake(
        "an outbox effect on another subject",
        "Transactional(keep, effects=(External(answer_ticket),))",
        "Transactional(keep, effects=(External(send),))",
    ),
    Mistake(
        "a misspelt state",
        'await runtime.advance(renewal, "offerd", through=boundary)',
        'await runtime.advance(renewal, "offered", through=boundary)',
        """\
        async def go_on(runtime: Runtime, renewal: Handle[Stage, Renewal]) -> None:
            {line}
        """,
    ),
    Mistake(
        "a misspelt state in the transition table",
        'StateMachine[Stage]("renewal", {"open": {"offerd"}}, start="open")',
        'StateMachine[Stage]("renewal", {"open": {"offered"}}, start="open")',
    ),
    Mistake(
        "a misspelt first state",
        'StateMachine[Stage]("renewal", MOVES, start="opne")',
        'StateMachine[Stage]("renewal", MOVES, start="open")',
    ),
    Mistake(
        "a misspelt state of a timer",
        'StateMachine[Stage]("r", MOVES, start="open", timers=[After(DAY, at="opne", go="open")])',
        'StateMachine[Stage]("r", MOVES, start="open", timers=[After(DAY, at="open", go="open")])',
    ),
    Mistake(
        "a wrong subject",
        'await runtime.run(boundary, Ticket(id="t-1"))',
        'await runtime.run(boundary, Renewal(id="r-1"))',
        """\
        async def cross(runtime: Runtime) -> None:
            {line}
        """,
    ),
    Mistake(
        "a row of another subject",
        'await runtime.advance(ticket, "offered", through=boundary)',
        'await runtime.advance(renewal, "offered", through=boundary)',
        """\
        async def go_on(
            runtime: Runtime, ticket: Handle[Stage, Ticket], renewal: Handle[Stage, Renewal]
        ) -> None:
            {line}
        """,
    ),
    Mistake(
        "reading a receipt before looking at the outcome",
        "return outcome.receipt",
        'return outcome.receipt if isinstance(outcome, Committed) else ""',
        """\
        def receipt_of(outcome: Outcome[str]) -> str:
            {line}
        """,
    ),
    Mistake(
        "forgetting that it may be suspended",
        "assert_never(outcome)",
        "return code_of(outcome)",
        """\
        def told(outcome: Outcome[str]) -> str:
            match outcome:
                case Committed(receipt):
                    return receipt
                case Rejected(rejections):
                    return str(rejections[-1])
                case Unknown(effect):
                    return effect
                case _:
                    {line}
        """,
    ),
    Mistake(
        "forgetting that it may be unknown",
        "assert_never(outcome)",
        "return code_of(outcome)",
        """\
        def told(outcome: Outcome[str]) -> str:
            match outcome:
                case Committed(receipt):
                    return receipt
                case Rejected(rejections):
                    return str(rejections[-1])
                case Suspended(ticket):
                    return ticket.ask
                case _:
                    {line}
        """,
    ),
    Mistake(
        "an unknown consequence",
        'Reject("over_cap", "too much", then="retry")',
        'Reject("over_cap", "too much", then="revise")',
    ),
    Mistake(
        "a commit within reach of replay",
        "examined.commit",
        "examined.verifiers",
        """\
        examined = Examination.of(boundary)
        print({line})
        """,
    ),
    Mistake(
        "a candidate for another proposal",
        "await replay(boundary, runtime.ledger, model=replies)",
        "await replay(boundary, runtime.ledger, model=offers)",
        """\
        async def before_we_switch(runtime: Runtime) -> None:
            {line}
        """,
    ),
    Mistake(
        "a merge of another proposal",
        "Delegation(owner, [boundary], merge=merge_replies)",
        "Delegation(owner, [boundary], merge=merge_offers)",
    ),
    Mistake(
        "a merge about another subject",
        "await runtime.run(Delegation(owner, [boundary], merge=merge_on_ticket), r)",
        "await runtime.run(Delegation(owner, [boundary], merge=merge_offers), r)",
        """\
        async def cross(runtime: Runtime, r: Renewal) -> None:
            {line}
        """,
    ),
    Mistake(
        "a specialist about another subject",
        "await runtime.run(Delegation(owner, [on_tickets], merge=merge_offers), r)",
        "await runtime.run(Delegation(owner, [boundary], merge=merge_offers), r)",
        """\
        async def cross(runtime: Runtime, r: Renewal) -> None:
            {line}
        """,
    ),
    Mistake(
        "an unknown policy for missing answers",
        'Delegation(owner, [boundary], merge=merge_offers, partial="ignore")',
        'Delegation(owner, [boundary], merge=merge_offers, partial="drop")',
    ),
    Mistake(
        "an aggregate about another subject",
        'ScatterGather("g", [boundary], aggregate=merge_on_ticket)',
        'ScatterGather("g", [boundary], aggregate=merge_offers)',
    ),
    Mistake(
        "a verifier of another aggregate",
        'ScatterGather("g", [boundary], aggregate=merge_offers, verifiers=[polite])',
        'ScatterGather("g", [boundary], aggregate=merge_offers, verifiers=[within_cap])',
    ),
    Mistake(
        "a receipt of a delegation that is taken for another",
        "return outcome.receipt if isinstance(outcome, Committed) else 0.0",
        "return outcome.receipt if isinstance(outcome, Committed) else ''",
        """\
        async def key_of(runtime: Runtime, renewal: Renewal) -> str:
            outcome = await runtime.run(
                Delegation(owner, [Specialist(boundary=boundary)], merge=merge_offers), renewal
            )
            {line}
        """,
    ),
]


def _slug(mistake: Mistake) -> str:
    return mistake.name.replace(" ", "_")


def _module(mistake: Mistake, line: str) -> tuple[str, int]:
    """The text of a module, and where in it the line stands."""
    text = PRELUDE + dedent(mistake.code).replace("{line}", line)
    return text, text[: text.rindex(line)].count("\n") + 1


#: File name -> the lines on which a checker reports errors.
Reported = Mapping[str, set[int]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every mistake and its correction, as modules of their own."""
    folder = tmp_path_factory.mktemp("mistakes")
    for mistake in MISTAKES:
        for kind, line in (("wrong", mistake.wrong), ("right", mistake.right)):
            folder.joinpath(f"{kind}_{_slug(mistake)}.py").write_text(_module(mistake, line)[0])
    return folder


@pytest.fixture(scope="module")
def by_mypy(folder: Path) -> Reported:
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    command += ["--config-file=", f"--cache-dir={ROOT / '.mypy_cache' / 'mistakes'}"]
    ran = subprocess.run(
        [*command, str(API), *map(str, sorted(folder.glob("*.py")))],
        env={"MYPYPATH": str(ROOT / "src"), "PATH": ""},
        capture_output=True,
        text=True,
    )
    reported: dict[str, set[int]] = {}
    for file, line in re.findall(r"(\w+\.py):(\d+): error: ", ran.stdout):
        reported.setdefault(file, set()).add(int(line))
    assert "errors in" in ran.stdout, ran.stdout + ran.stderr
    return reported


@pytest.fixture(scope="module")
def by_basedpyright(folder: Path) -> Reported:
    config = {
        "include": ["*.py"],
        "extraPaths": [str(ROOT / "src")],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "reportUnusedImport": False,
        "reportUnusedExpression": False,
        "reportUnusedCallResult": False,
    }
    folder.joinpath("pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "basedpyright", "-p", str(folder), "--outputjson"]
    ran = subprocess.run([*command, "--pythonpath", sys.executable], capture_output=True, text=True)
    reported: dict[str, set[int]] = {}
    for found in json.loads(ran.stdout)["generalDiagnostics"]:
        if found["severity"] == "error":
            lines = reported.setdefault(Path(found["file"]).name, set())
            lines.add(found["range"]["start"]["line"] + 1)
    return reported


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
@pytest.mark.parametrize("checker", ["by_mypy", "by_basedpyright"])
def test_it_is_seen_where_it_is_made(
    mistake: Mistake, checker: str, request: pytest.FixtureRequest
) -> None:
    reported: Reported = request.getfixturevalue(checker)
    _, line = _module(mistake, mistake.wrong)
    assert reported.get(f"wrong_{_slug(mistake)}.py") == {line}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
@pytest.mark.parametrize("checker", ["by_mypy", "by_basedpyright"])
def test_its_correction_passes(
    mistake: Mistake, checker: str, request: pytest.FixtureRequest
) -> None:
    reported: Reported = request.getfixturevalue(checker)
    assert f"right_{_slug(mistake)}.py" not in reported


def test_mypy_infers_what_the_public_names_promise(by_mypy: Reported) -> None:
    """basedpyright checks the same file together with the library."""
    assert API.name not in by_mypy
