"""A policy is replaced while others commit: every verdict names the one policy that gave it."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cel_expr_python")
pytest.importorskip("yaml")

from bounded import Order, Price, bodies, entries, running, selling

from signoff import Committed, Rejected
from signoff.boundary import Question
from signoff.control import BadPolicy, Gate
from signoff.proposers import Function

POLICY = """
policy: prices
version: "{version}"
default: allow
rules:
  - id: r{version}
    code: outside_{version}
    then: stop
    when: proposal.price {what} 50
    message: "no"
"""

#: What each version allows: they contradict each other, so that a mixture shows.
ALLOWS = {"cheap": lambda price: price <= 50, "dear": lambda price: price > 50}


def write(path: Path, version: str) -> None:
    what = ">" if version == "cheap" else "<="
    path.write_text(POLICY.format(version=version, what=what))


async def propose(question: Question[Order]) -> Price:
    await asyncio.sleep(0)
    return Price(price=random.randrange(100))  # the order of the writers is not determined, either


@pytest.mark.parametrize("readings", [25, pytest.param(500, marks=pytest.mark.slow)])
def test_every_verdict_names_the_policy_that_gave_it(
    store_url: str, tmp_path: Path, readings: int
) -> None:
    path = tmp_path / "prices.yaml"
    write(path, "cheap")
    gate = Gate(path)
    boundary = selling(proposer=Function(propose), verifiers=[]).bounded_by(gate)

    async def main() -> None:
        stopping = False
        turns = 0

        async with running(store_url) as runtime:

            async def cross(writer: int) -> None:
                nonlocal turns
                turn = 0
                while not stopping:
                    turn += 1
                    await runtime.run(boundary, Order(id=f"{writer}.{turn}"))
                    turns += 1

            writers = [asyncio.create_task(cross(n)) for n in range(16)]
            labels: dict[str, str] = {}
            for n in range(readings):
                version = ("dear", "cheap")[n % 2]
                write(path, version)
                (label,) = gate.reload()
                labels[version] = label
                before = turns
                while turns < before + 16:
                    assert not any(writer.done() for writer in writers)
                    await asyncio.sleep(0)
            stopping = True
            await asyncio.gather(*writers)

            versions = {label: version for version, label in labels.items()}
            prices: dict[str, int] = {}
            judged: dict[tuple[str, bool], int] = {}
            for entry in await entries(runtime):
                fields = json.loads(entry.body)
                if entry.type == "proposed":
                    prices[entry.crossing] = fields["proposal"]["price"]
                elif entry.type == "judged":
                    gates = [name for name in fields["controls"] if name.startswith("gate:")]
                    assert len(gates) == 1
                    (version,) = [versions[label] for label in versions if label in gates[0]]
                    assert ALLOWS[version](prices[entry.crossing]) == fields["accepted"]
                    verdict = (version, fields["accepted"])
                    judged[verdict] = judged.get(verdict, 0) + 1
            assert len(judged) == 4, "each policy allowed something, and something not"

            announced = await bodies(runtime, "controlchanged")
            assert {told["details"]["policy"] for told in announced} == set(versions)
            assert all(told["details"]["boundary"] == boundary.name for told in announced)
            assert all("proposal.price" in told["details"]["text"] for told in announced)

    asyncio.run(main())


def test_a_policy_that_judged_is_announced_even_if_nothing_comes_after(
    store_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "prices.yaml"
    write(path, "cheap")
    gate = Gate(path)

    async def replaced_meanwhile(question: Question[Order]) -> Price:
        write(path, "dear")
        gate.reload()
        return Price(price=99)

    boundary = selling(proposer=Function(replaced_meanwhile), verifiers=[]).bounded_by(gate)

    async def main() -> None:
        async with running(store_url) as runtime:
            assert isinstance(await runtime.run(boundary, Order(id="a")), Committed)
            versions = [told["control"] for told in await bodies(runtime, "controlchanged")]
            assert [version.split("@")[1].split("+")[0] for version in versions] == [
                "cheap",
                "dear",
            ]

    asyncio.run(main())


@pytest.mark.parametrize("broken", ["", "policy: [", POLICY.replace("price", "prize")])
def test_a_file_that_is_wrong_changes_nothing(store_url: str, tmp_path: Path, broken: str) -> None:
    path = tmp_path / "prices.yaml"
    write(path, "cheap")
    gate = Gate(path)
    boundary = selling(10, 99, 20, verifiers=[]).bounded_by(gate)

    async def main() -> None:
        async with running(store_url) as runtime:
            assert isinstance(await runtime.run(boundary, Order(id="a")), Committed)
            before: Any = boundary.policies
            path.write_text(broken.format(version="3", what=">"))
            with pytest.raises(BadPolicy):
                gate.reload()
            assert boundary.policies == before
            assert isinstance(await runtime.run(boundary, Order(id="b")), Rejected)
            assert isinstance(await runtime.run(boundary, Order(id="c")), Committed)
            assert len(await bodies(runtime, "controlchanged")) == 1

    asyncio.run(main())
