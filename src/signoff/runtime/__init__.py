"""Runtime owns running: it opens storage, fires timers, performs effects, recovers."""

from signoff.runtime._registry import Known, Registry
from signoff.runtime._runner import Runner
from signoff.runtime._runtime import Runtime, run_sync
from signoff.runtime._telemetry import Telemetry, WorkKind

__all__ = ["Known", "Registry", "Runner", "Runtime", "Telemetry", "WorkKind", "run_sync"]
