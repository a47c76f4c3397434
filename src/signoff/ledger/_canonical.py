"""One spelling for each JSON value, so that equal values have equal digests."""

from __future__ import annotations

import json

# ASCII output keeps lone surrogates and NUL as escapes: every database stores it unchanged.
_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
).encode


def canonical(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces, ASCII.

    Raises:
        ValueError: For NaN and infinities, which JSON cannot say.
        TypeError: For values that JSON has no form for.
    """
    return _encode(value)
