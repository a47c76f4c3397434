"""`python -m signoff.workloads.contract_renewal.services DIRECTORY`: the services as a process.

The agent can then be killed while the world goes on. The first line printed is the base URL.
"""

from __future__ import annotations

import argparse
import signal
import sys

from signoff.errors import SignoffError, UsageError
from signoff.workloads.contract_renewal.services._faults import Faults
from signoff.workloads.contract_renewal.services._server import serve
from signoff.workloads.contract_renewal.services._world import open_services


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m signoff.workloads.contract_renewal.services")
    parser.add_argument("directory", help="where the services keep their files")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that go wrong")
    parser.add_argument("--seed", type=int, default=0, help="which requests go wrong")
    parser.add_argument("--hang", type=float, default=10.0, help="seconds a lost request hangs")
    asked = parser.parse_args()
    stops = {signal.SIGINT, signal.SIGTERM}
    # Before any thread starts: threads inherit the mask, so that only `sigwait` gets the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    try:
        faults = Faults.evenly(asked.faults, seed=asked.seed)
        with (
            open_services(asked.directory, faults) as services,
            serve(services, port=asked.port, hang=asked.hang) as url,
        ):
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()
            signal.sigwait(stops)
    except (SignoffError, UsageError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
