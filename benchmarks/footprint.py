"""The time of `import signoff`, and the size of a core install."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.machine import ROOT, scratch

TIMES = 15
IMPORT_MS, INSTALL_MB = 150.0, 40.0

_TIMED = "import time; t = time.perf_counter(); import {0}; print(time.perf_counter() - t)"


def measure() -> tuple[list[Figure], dict[str, Any]]:
    taken: dict[str, list[float]] = {"signoff": [], "pydantic": []}
    with scratch() as cache:
        for name in taken:
            _import(name, cache)  # from here on the bytecode is cached, as in an install
        for _ in range(TIMES):
            for name in taken:
                taken[name].append(_import(name, cache))
    ours, theirs = (statistics.median(taken[name]) * 1e3 for name in ("signoff", "pydantic"))
    figures = [
        Figure(
            "import signoff",
            f"{ours:.0f} ms",
            "< 150 ms",
            ours < IMPORT_MS,
            f"median of {TIMES} fresh interpreters, {min(taken['signoff']) * 1e3:.0f} to "
            f"{max(taken['signoff']) * 1e3:.0f}; import pydantic alone: {theirs:.0f} ms",
        )
    ]
    size = _installed()
    megabytes = size["added"] / 1e6
    largest = sorted(size["packages"].items(), key=lambda item: -item[1])[:4]
    said = ", ".join(f"{name} {bytes_ / 1e6:.1f}" for name, bytes_ in largest)
    figures.append(
        Figure(
            "a core install",
            f"{megabytes:.1f} MB",
            "< 40 MB",
            megabytes < INSTALL_MB,
            f"what `pip install .` adds to a fresh venv, compiled files included; largest: {said}",
        )
    )
    return figures, {"import_seconds": taken, "install": size}


def _import(name: str, cache: Path) -> float:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(name)],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def _installed() -> dict[str, Any]:
    """Bytes that an install adds, by package; from a copy, so that no build is left in the tree."""
    with scratch() as folder:
        source = folder / "source"
        source.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        python = folder / "venv" / "bin" / "python"
        before = _sizes(python)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", source],
            check=True,
            capture_output=True,
        )
        after = _sizes(python)
    added = {name: size - before.get(name, 0) for name, size in after.items()}
    packages = {name: size for name, size in added.items() if size}
    return {"added": sum(packages.values()), "packages": packages}


def _sizes(python: Path) -> dict[str, int]:
    """Bytes under each entry of site-packages, as `du` counts them."""
    asked = "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))"
    done = subprocess.run([python, "-c", asked], stdout=subprocess.PIPE, text=True, check=True)
    sizes: dict[str, int] = {}
    for entry in Path(json.loads(done.stdout)).iterdir():
        files = [entry] if entry.is_file() else [f for f in entry.rglob("*") if f.is_file()]
        sizes[entry.name] = sum(file.stat().st_blocks * 512 for file in files)
    return sizes
