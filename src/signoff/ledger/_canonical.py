"""One spelling for each JSON value, so that equal values have equal digests."""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder
from typing import Any, cast

# ASCII output keeps lone surrogates and NUL as escapes: every database stores it unchanged.
_plain = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _encoder() -> Callable[[object], str]:
    """The encoder, built once: `JSONEncoder.encode` builds its C part anew on every call."""
    make = cast("Any", getattr(encoder, "c_make_encoder", None))
    if make is None:
        return _plain.encode
    once = make(
        None, _plain.default, encoder.encode_basestring_ascii, None, ":", ",", True, False, False
    )
    return lambda value: "".join(once(value, 0))


_encode = _encoder()


def canonical(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces, ASCII.

    Raises:
        ValueError: For NaN and infinities, which JSON cannot say.
        TypeError: For values that JSON has no form for.
        RecursionError: For values that hold themselves.
    """
    return _encode(value)
