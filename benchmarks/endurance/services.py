"""`python -m benchmarks.endurance.services FOLDER SEED`: the services, in today's weather."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.endurance._files import Files
from signoff.workloads.contract_renewal.services import Fault, Faults, open_services, serve

#: Seconds for which a request that got lost keeps its caller waiting; the callers wait for 2.
HANG = 3.0


@dataclass(frozen=True, kw_only=True)
class Weather(Faults):
    """Faults whose share is read from a file again and again.

    Attributes:
        files: Of the run.
    """

    files: Files

    @property
    def any(self) -> bool:
        return True

    def drawn(self, service: str, request: str) -> Fault | None:
        bad = _share(self.files.weather, time.monotonic())
        if not bad:
            return None
        return Faults.evenly(bad, seed=self.seed).drawn(service, request)


_last: list[float] = [-1.0, 0.0]


def _share(path: Path, now: float) -> float:
    if now - _last[0] > 0.1:
        _last[:] = now, float(path.read_text()) if path.exists() else 0.0
    return _last[1]


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    weather = Weather(files=Files(folder), seed=seed)
    with (
        open_services(folder / "services", weather) as services,
        serve(services, hang=HANG) as url,
    ):
        print(url, flush=True)
        signal.sigwait(stops)


if __name__ == "__main__":
    main()
