"""The same work on signoff and on its peers, in turns; the table, the picture, and the page.

`python -m benchmarks.peers [--quick] [--only NAME ...] [--draw]`
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.endurance._postgres import Postgres
from benchmarks.machine import ROOT, scratch, slow_flush_library
from benchmarks.peers.contenders import CONTENDERS, Contender
from benchmarks.peers.crashing import NUMBER, crash
from benchmarks.peers.page import write
from benchmarks.peers.programs.work import accepted, proposed
from benchmarks.peers.running import Failed, Running, disk, running

RESULTS = ROOT / "benchmarks" / "results" / "peers.json"

#: Callers, seconds of the model, crossings of each caller in a block.
SHAPES = (
    (1, 0.0, 20), (16, 0.0, 6), (64, 0.0, 4), (1, 0.3, 3), (16, 0.3, 2), (64, 0.3, 2),
)  # fmt: skip

ROUNDS = 5


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="little of everything")
    arguments.add_argument("--only", nargs="*", default=[], help="names of contenders")
    arguments.add_argument("--draw", action="store_true", help="only the page, of what is kept")
    arguments.add_argument("--json", type=Path, default=RESULTS, help="where the figures are kept")
    given = arguments.parse_args()
    if not given.draw:
        kept = measured(given.only, rounds=2 if given.quick else ROUNDS, quick=given.quick)
        given.json.write_text(json.dumps(kept, indent=1) + "\n")
    if given.json == RESULTS:
        write(json.loads(RESULTS.read_text()))
    return 0


def measured(only: Sequence[str], *, rounds: int, quick: bool) -> dict[str, Any]:
    """All figures, raw."""
    began = time.monotonic()
    wanted = [who for who in CONTENDERS if not only or who.name in only]
    absent: dict[str, str] = {}
    for who in wanted:
        tell(f"{who.name}: {' '.join(who.versions) or 'here'}")
        if why := who.prepared():
            absent[who.name] = why
            tell(f"  is left out: {why}")
    there = [who for who in wanted if who.name not in absent]
    runs: dict[str, Any] = {}
    with scratch() as folder:
        library = slow_flush_library(folder)
        for store in ("sqlite", "postgres"):
            runs[store] = in_turns(there, store, folder, rounds, SHAPES)
        if library is not None:
            shapes = SHAPES[:1]
            slow = {"LD_PRELOAD": str(library)}
            runs["slow sqlite"] = in_turns(there, "sqlite", folder, rounds, shapes, **slow)
        crashes = crashed(there, folder, 100 if quick else NUMBER)
    return {
        "command": "python -m benchmarks.peers" + (" --quick" if quick else ""),
        "machine": machine.describe(),
        "seconds": round(time.monotonic() - began),
        "rounds": rounds,
        "versions": {who.name: who.versions for who in wanted},
        "absent": absent,
        "runs": runs,
        "crashes": crashes,
    }


def in_turns(
    there: Sequence[Contender],
    store: str,
    folder: Path,
    rounds: int,
    shapes: Sequence[tuple[int, float, int]],
    **variables: str,
) -> dict[str, Any]:
    """Blocks of everybody in turn, each time in another order: one round after the other."""
    blocks: dict[str, dict[str, list[Any]]] = {}
    orders = count(0, 10_000)
    with ExitStack() as stack:
        peers: list[Running] = []
        for who in there:
            if store in who.stores:
                place = stack.enter_context(_place(who, store, folder))
                try:
                    peers.append(stack.enter_context(running(who, *place, **variables)))
                except Failed as failed:
                    tell(f"  {failed}")
        for callers, pause, each in shapes:
            shape = f"{callers} callers, {pause:g} s"
            for number in range(-1, rounds):  # the first one warms up
                turn = number % len(peers)
                first = next(orders)
                for peer in (*peers[turn:], *peers[:turn]):
                    before = disk()
                    said = peer.ask(
                        do="block", callers=callers, each=each, first=first, pause=pause
                    )
                    after = disk()
                    if before and after:
                        said |= {name: after[name] - before[name] for name in after}
                    if number >= 0:
                        blocks.setdefault(peer.who.name, {}).setdefault(shape, []).append(said)
            tell(f"{store}{' (slow)' if variables else ''}: {shape} done")
        crossed = [
            first * 10_000 + number
            for first, (callers, each) in enumerate(
                (callers, each) for callers, _, each in shapes for _ in range(rounds + 1)
            )
            for number in range(callers * each)
        ]
        yes = sum(accepted(proposed(number)) for number in crossed)
        owed = {"rows": yes, "rejected": len(crossed) - yes}
        for peer in peers:
            if (said := peer.ask(do="count")) != owed:
                raise AssertionError(f"{peer.who.name} has {said}, and not {owed}")
    return blocks


def crashed(there: Sequence[Contender], folder: Path, number: int) -> dict[str, Any]:
    """The crash loop of everybody, one after the other."""
    found: dict[str, Any] = {}
    for store in ("sqlite", "postgres"):
        for who in there:
            if store not in who.stores:
                continue
            with _place(who, store, folder) as place:
                try:
                    said = crash(who, *place, number)
                except Failed as failed:
                    said = {"error": str(failed)}
            found.setdefault(store, {})[who.name] = said
            tell(f"{store}: {who.name}: {said}")
    return found


_places = count()


@contextmanager
def _place(who: Contender, store: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """A store that nobody has used, and a folder."""
    home = folder / f"{next(_places)}-{who.program.removesuffix('.py')}"
    home.mkdir()
    if store == "sqlite":
        yield str(home / "store.db"), home
        return
    with scratch() as place:
        place.chmod(0o755)
        server = Postgres(place, place / "data")
        server.start()
        server.await_ready()
        try:
            yield server.url, home
        finally:
            server.stop(signal.SIGINT)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
