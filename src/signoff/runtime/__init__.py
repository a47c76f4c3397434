"""Runtime owns running: it opens storage, fires timers, performs effects, recovers."""

from signoff.runtime._registry import Registry
from signoff.runtime._runner import Runner
from signoff.runtime._runtime import Runtime, run_sync

__all__ = ["Registry", "Runner", "Runtime", "run_sync"]
