"""This machine: its disk, its load, its counters, and child processes to measure in."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def describe() -> dict[str, Any]:
    """What the numbers depend on, as it is right now."""
    flush = fdatasync_seconds()
    return {
        "cpus": os.cpu_count(),
        "cpu": _cpu(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "kernel": platform.release(),
        "fdatasync_us": {key: round(value * 1e6) for key, value in flush.items()},
    }


def in_words(about: dict[str, Any]) -> str:
    flush = about["fdatasync_us"]
    return (
        f"{about['cpus']} x {about['cpu']}, load {about['load_1min']}, "
        f"Python {about['python']}, SQLite {about['sqlite']}, one 4 kB write + fdatasync "
        f"{flush['median']} us (p95 {flush['p95']} us)"
    )


def fdatasync_seconds(times: int = 200) -> dict[str, float]:
    """How long a flush takes here: 4 kB overwritten in a file of fixed size, then flushed."""
    taken: list[float] = []
    with tempfile.NamedTemporaryFile(dir=scratch_parent()) as file:
        file.write(b"\0" * 4096 * 64)
        os.fsync(file.fileno())
        for turn in range(times):
            os.pwrite(file.fileno(), b"\1" * 4096, turn % 64 * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    taken.sort()
    return {"median": statistics.median(taken), "p95": taken[int(times * 0.95)]}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "cpu")


def scratch_parent() -> Path:
    """Where files are written; a RAM disk would flush nothing, so BENCHMARK_DIR can move it."""
    return Path(os.environ.get("BENCHMARK_DIR", tempfile.gettempdir()))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on a real disk, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="signoff-bench-", dir=scratch_parent()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# Children


def child_command(module: str, function: str, **arguments: Any) -> list[str]:
    return [sys.executable, "-m", "benchmarks.child", module, function, json.dumps(arguments)]


def child_environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0", **more}


def in_child(
    module: str,
    function: str,
    *,
    under: list[str] | None = None,
    environment: dict[str, str] | None = None,
    **arguments: Any,
) -> Any:
    """Call `benchmarks.<module>.<function>(**arguments)` in a fresh process; its JSON answer."""
    command = [*(under or []), *child_command(module, function, **arguments)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=child_environment(**(environment or {})),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


# Flushes, as the kernel counts them


@cache
def counters() -> tuple[str, ...]:
    """Which ways of counting flushes work here: `perf`, `strace`, `device`."""
    found: list[str] = []
    for name, command in (("perf", [*_perf("/dev/null"), "true"]), ("strace", ["strace", "true"])):
        try:
            subprocess.run(command, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        found.append(name)
    if _device_flushes() is not None:
        found.append("device")
    return tuple(found)


def _perf(out: str) -> list[str]:
    events = "syscalls:sys_enter_fsync,syscalls:sys_enter_fdatasync"
    return ["perf", "stat", "-x", ",", "-o", out, "-e", events]


def counted(how: str, module: str, function: str, **arguments: Any) -> tuple[int, Any]:
    """fsync and fdatasync calls of a child, as counted by `perf`, `strace` or the block device."""
    with tempfile.TemporaryDirectory(prefix="signoff-count-") as folder:
        out = str(Path(folder, "count"))
        if how == "device":
            before = _device_flushes()
            said = in_child(module, function, **arguments)
            after = _device_flushes()
            assert before is not None
            assert after is not None
            return after - before, said
        if how == "perf":
            said = in_child(module, function, under=_perf(out), **arguments)
            lines = [x.split(",") for x in Path(out).read_text().splitlines() if "sys_enter" in x]
            return sum(int(line[0]) for line in lines), said
        # Only these calls stop: everything else runs at full speed (seccomp).
        trace = ["strace", "-f", "-c", "--seccomp-bpf", "-o", out, "-e", "trace=fsync,fdatasync"]
        said = in_child(module, function, under=trace, **arguments)
        rows = [line.split() for line in Path(out).read_text().splitlines()]
        calls = [row[3] for row in rows if row and row[-1] in ("fsync", "fdatasync")]
        return sum(map(int, calls)), said


def _device_flushes() -> int | None:
    """Flush requests that the disk under the scratch folder has completed, everybody's."""
    try:
        number = os.stat(scratch_parent()).st_dev
        path = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat")
        fields = path.read_text().split()
        return int(fields[15]) if len(fields) > 15 else None
    except OSError:
        return None


# A slow disk


def slow_flush_library(folder: Path) -> Path | None:
    """A library that, preloaded, makes every fsync and fdatasync of a process 4 ms slower."""
    if shutil.which("gcc") is None:
        return None
    source, library = folder / "slow.c", folder / "slow.so"
    source.write_text(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <time.h>\n"
        "static void wait_(void) { struct timespec t = {0, 4000000}; nanosleep(&t, 0); }\n"
        "#define SLOW(name) int name(int file) {\\\n"
        "  static int (*real)(int);\\\n"
        "  if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, #name);\\\n"
        "  wait_(); return real(file); }\n"
        "SLOW(fsync)\nSLOW(fdatasync)\n"
    )
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"],
        check=True,
        capture_output=True,
    )
    return library
