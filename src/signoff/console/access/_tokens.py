"""Tokens that prove that a form is ours."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from hashlib import sha256

_BYTES = 32


def new_secret() -> str:
    """256 bits that nobody guesses, as text."""
    return secrets.token_urlsafe(_BYTES)


def same(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(_digest(given), _digest(expected))


def masked(secret: str) -> str:
    """A secret as it stands in a page: another text each time.

    So the length of a compressed page does not give it away, letter by letter.
    """
    mask = secrets.token_bytes(_BYTES)
    return _text(mask + _xor(mask, _digest(secret)))


def unmasks(token: str, secret: str) -> bool:
    """Whether a token is a secret that was masked."""
    try:
        given = urlsafe_b64decode(f"{token}==".encode("ascii"))
    except (NotBase64, UnicodeEncodeError):
        return False
    if len(given) != 2 * _BYTES:
        return False
    return hmac.compare_digest(_xor(given[:_BYTES], given[_BYTES:]), _digest(secret))


class Binder:
    """Derives secrets from others. Nobody else can, and after a restart neither can we."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_BYTES)

    def derive(self, purpose: str, *parts: str) -> str:
        """A secret for a purpose that follows from these parts."""
        told = b"\0".join(
            part.encode("utf-8", "surrogatepass").hex().encode() for part in (purpose, *parts)
        )
        return _text(hmac.digest(self._key, told, sha256))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
