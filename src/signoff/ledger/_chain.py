"""The hash chain of one subject, and the Merkle root over many."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from json import encoder

#: The head of a chain that has no records yet.
EMPTY = "0" * 64

_sha256 = hashlib.sha256
_quote = encoder.encode_basestring_ascii
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def link(head: str, *, subject: str, seq: int, at: str, crossing: str, type: str, body: str) -> str:
    """The chain's next head: SHA-256 over the last head and every column of the new record."""
    # As json.dumps would write the list of columns; only the subject can need escaping.
    envelope = f'["{head}",{_quote(subject)},{seq},"{at}","{crossing}","{type}"]'
    return _sha256(f"{envelope}{body}".encode("utf-8", "surrogatepass")).hexdigest()


def merkle_root(heads: Iterable[tuple[str, int, str]]) -> str:
    """Root over (subject, length, head) leaves in subject order; `EMPTY` without any.

    Leaves and inner nodes are hashed under different prefixes, as in RFC 6962, so that an inner
    node can never pass for a leaf.
    """
    level = [_sha256(b"\x00" + _encode(leaf).encode()).digest() for leaf in sorted(heads)]
    if not level:
        return EMPTY
    while len(level) > 1:
        level = list(_pairs(level))
    return level[0].hex()


def _pairs(level: Sequence[bytes]) -> Iterable[bytes]:
    for left in range(0, len(level) - 1, 2):
        yield _sha256(b"\x01" + level[left] + level[left + 1]).digest()
    if len(level) % 2:
        yield level[-1]
