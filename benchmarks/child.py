"""One function of a benchmark in a process of its own: `benchmarks.child MODULE FUNCTION JSON`."""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    module, function, arguments = sys.argv[1:]
    said = getattr(importlib.import_module(f"benchmarks.{module}"), function)(
        **json.loads(arguments)
    )
    print(json.dumps(said))


if __name__ == "__main__":
    main()
