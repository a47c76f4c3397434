"""Which code answers: the name and the source digest of a callable."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from signoff.ledger import digest


def qualified_name(fn: Callable[..., Any]) -> str:
    """Module and qualified name; of the class, for a callable object."""
    named = _plain(fn)
    return f"{named.__module__}.{named.__qualname__}"


def source_digest(fn: Callable[..., Any]) -> str:
    """Digest of the source text, or of the bytecode where there is no source to read."""
    named = _plain(fn)
    try:
        return digest(inspect.getsource(named))
    except (OSError, TypeError):
        code = getattr(named, "__code__", None)
        return digest(code.co_code.hex()) if code else ""


def _plain(fn: Callable[..., Any]) -> Any:
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = inspect.unwrap(fn)
    return fn if hasattr(fn, "__qualname__") else type(fn)
