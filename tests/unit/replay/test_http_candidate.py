"""A candidate behind HTTP that times out, or refuses, half-way."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from deals import Offer, selling
from recordings import always, recorded

from signoff.proposers import Model
from signoff.replay import ReplayReport, replay

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pydantic_ai") is None,
    reason="pydantic-ai is not installed: pip install 'signoff[models]'",
)

#: How a provider ends: without an answer, with an error, with a filter's refusal.
Ends = Literal["silence", "overloaded", "refusal"]


class Provider:
    """An OpenAI-compatible server that answers so many questions, and then does something else."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = 10**9
        self.ends: Ends = "silence"
        self.release = threading.Event()
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                with provider._lock:
                    provider.asked += 1
                    ended = provider.asked > provider.answers
                if ended and provider.ends == "silence":
                    provider.release.wait(10)
                status = 503 if ended and provider.ends == "overloaded" else 200
                answer = json.dumps(provider.answer(status, ended)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                with suppress(ConnectionError):  # the client may have stopped waiting
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def answer(self, status: int, ended: bool) -> dict[str, Any]:
        if status != 200:
            return {"error": {"message": "overloaded", "type": "server_error"}}
        refused = ended and self.ends == "refusal"
        message: dict[str, Any] = {"role": "assistant", "content": '{"price": 5}'}
        if refused:
            message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-5-2025-08-07",
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "finish_reason": "content_filter" if refused else "stop",
                }
            ],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        }


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    thread = threading.Thread(target=provider.server.serve_forever, daemon=True)
    thread.start()
    yield provider
    provider.release.set()
    provider.server.shutdown()
    provider.server.server_close()
    thread.join()


def asking(provider: Provider, **more: Any) -> ReplayReport:
    candidate = Model(
        "openai:gpt-5",
        proposes=Offer,
        instructions="Make an offer.",
        base_url=provider.url,
        api_key="sk-test",
        timeout=1.0,
    )
    boundary = selling().proposed_by(always(5))

    async def main() -> ReplayReport:
        async with recorded(boundary) as runtime:
            return await replay(
                boundary, runtime.ledger, model=candidate, n=2, concurrency=2, **more
            )

    return asyncio.run(main())


def test_a_provider_that_answers_is_compared_and_its_cost_is_known(provider: Provider) -> None:
    report = asking(provider)
    assert provider.asked == 20
    assert report.comparison.kinds == {"same": 10}
    assert 0 < report.usd == pytest.approx(report.candidate.usd)
    assert report.candidate.served[0].startswith("openai:gpt-5@gpt-5-2025-08-07 #")


@pytest.mark.parametrize("ends", ["silence", "overloaded"])
def test_a_provider_that_stops_half_way_leaves_what_it_said_and_can_be_asked_on(
    provider: Provider, tmp_path: Path, ends: Ends
) -> None:
    provider.answers, provider.ends = 8, ends
    report = asking(provider, journal=tmp_path / "j.jsonl")
    assert report.candidate.answers == 8
    assert (report.partial, report.decision) == (True, "REVIEW")
    assert "the candidate failed 5 times in a row" in report.stopped[0]
    assert ("timeout" if ends == "silence" else "503") in report.stopped[0]
    # Asked once each: retrying is not the provider's library's business. Of two that are out at
    # the same time one may fail before the last answer comes, which begins the row anew; and one
    # may still be out when it is given up.
    assert 8 + 4 <= provider.asked <= 8 + 5 + 2


def test_refusals_are_answers_and_count_against_the_candidate(provider: Provider) -> None:
    provider.answers, provider.ends = 10, "refusal"
    report = asking(provider)
    assert provider.asked == 20
    assert not report.partial
    assert report.comparison.candidate.accepted == 10
    refused = [reply for reply in report.replies if reply.trial.verdict == "no_proposal"]
    assert {reply.because for reply in refused} == {"I cannot help with that."}


def test_a_bound_in_dollars_holds_with_real_prices(provider: Provider) -> None:
    once = asking(provider).usd / 20
    report = asking(provider, max_usd=once * 7.5)
    assert 6 <= report.candidate.answers <= 7
    assert report.usd <= once * 7.5
