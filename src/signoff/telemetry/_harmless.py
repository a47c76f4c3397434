"""Telemetry never gets in the way: what fails in it is told once, and left out."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_log = logging.getLogger("signoff.telemetry")

P = ParamSpec("P")
R = TypeVar("R")

_told = set[str]()


def harmless(otherwise: R) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have a function return `otherwise` where it would raise."""

    def guard(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                # Once for each place: it would fail for every crossing.
                if function.__qualname__ not in _told:
                    _told.add(function.__qualname__)
                    _log.warning(
                        "telemetry leaves something out: %s: %s", type(error).__name__, error
                    )
                return otherwise

        return guarded

    return guard
