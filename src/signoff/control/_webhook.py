"""Notices by HTTP, signed as Standard Webhooks says (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit

from signoff.boundary import EffectRefused, External
from signoff.clock import Clock, SystemClock
from signoff.control._notify import (
    Line,
    NotDelivered,
    Notice,
    check_timeout,
    in_thread,
    is_loopback,
)
from signoff.errors import UsageError
from signoff.ledger import canonical, digest

_CLOCK: Final = SystemClock()
_PREFIX: Final = "whsec_"
_SHORTEST_SECRET: Final = 16
_LONGEST_ID: Final = 256
#: Of the statuses that say no, those that mean: not now.
_NOT_NOW: Final = frozenset({408, 425, 429})


def webhook(
    url: str,
    secret: str,
    *,
    name: str = "",
    timeout: float = 10.0,
    allow_insecure: bool = False,
    clock: Clock = _CLOCK,
) -> External[Notice, Any, str]:
    """An effect that posts a notice as JSON, signed, to an address of yours.

    A 2xx is its receipt. A 4xx is final, except 408, 425 and 429. All else, a redirect too, is
    tried again by the outbox, so a notice may come twice; its `webhook-id` is then the same.

    Args:
        url: Where to. Its path may be secret: only the host is ever shown.
        secret: What the receiver shares: `whsec_` and base64, or plain text; at least 16 bytes.
        name: What the ledger calls it and how it is found after a restart; `webhook:` and the host
            by default.
        timeout: Seconds until an attempt is given up.
        allow_insecure: Let `http:` leave this machine.
        clock: Tells the time in the signature.

    Raises:
        UsageError: The address cannot be used, or the secret is too short or not base64.
    """
    address = _address(url)
    host = address.hostname or ""
    if address.scheme == "http" and not allow_insecure and not is_loopback(host):
        raise UsageError(
            f"notices would cross the network to {host} for everybody to read. Use https, or pass "
            "allow_insecure=True if the network is yours."
        )
    check_timeout(timeout)
    post = _Post(host, address, _key_of(secret), timeout, clock)
    # One try at a time: the outbox waits longer between two than a run of tries would.
    return External(post, idempotent=True, tries=1, timeout=timeout, name=name or f"webhook:{host}")


def verify_signature(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    tolerance: timedelta = timedelta(minutes=5),
) -> bool:
    """Whether a request is a notice that a holder of the secret signed, not long ago.

    It does not say whether the notice came before: for that, remember each `webhook-id`.

    Args:
        secret: What `webhook` was given.
        headers: Of the request, in any case.
        body: Exactly the bytes that came, not JSON that was read and written again.
        now: The time, aware.
        tolerance: How far from now it may have been signed, before or after.

    Raises:
        UsageError: The secret is too short or not base64. No request raises anything.
    """
    key = _key_of(secret)
    lowered = {name.lower(): value for name, value in headers.items()}
    id = lowered.get("webhook-id", "")
    at = lowered.get("webhook-timestamp", "")
    signatures = lowered.get("webhook-signature", "")
    # With a full stop in the id, other parts of what was signed could pose as time and body.
    if not id or "." in id or not re.fullmatch(r"[0-9]{1,10}", at):
        return False
    if abs(now - datetime.fromtimestamp(int(at), UTC)) > tolerance:
        return False
    expected = _signature(key, id, at, body).encode()
    return any(
        hmac.compare_digest(expected, given.encode("utf-8", "replace"))
        for given in signatures.split(" ")
    )


@dataclass(frozen=True, slots=True)
class _Post:
    host: str
    address: SplitResult = field(repr=False)
    key: bytes = field(repr=False)
    timeout: float
    clock: Clock = field(repr=False, compare=False)

    async def __call__(self, notice: Notice, subject: Any, key: str) -> str:
        body = canonical(asdict(notice)).encode()
        id, at = _id_of(key), str(int(self.clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "signoff",
            "webhook-id": id,
            "webhook-timestamp": at,
            "webhook-signature": _signature(self.key, id, at, body),
        }
        status = await in_thread(lambda line: self._posted(line, body, headers))
        if 200 <= status < 300:
            return str(status)
        if 400 <= status < 500 and status not in _NOT_NOW:
            raise EffectRefused(f"http_{status}", f"{self.host} refuses the notice: {status}")
        hint = "; redirects are not followed" if 300 <= status < 400 else ""
        raise NotDelivered(f"{self.host} answered {status}{hint}")

    def _posted(self, line: Line, body: bytes, headers: Mapping[str, str]) -> int:
        secure = self.address.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(self.host, self.address.port, timeout=self.timeout)
        try:
            connection.connect()
            line.hold(connection.sock)
            path = self.address.path or "/"
            query = f"?{self.address.query}" if self.address.query else ""
            connection.request("POST", path + query, body, headers)
            # Whatever follows the status says nothing that we need, and could be without end.
            return connection.getresponse().status
        finally:
            connection.close()


def _address(url: str) -> SplitResult:
    try:
        # Before it is taken apart, which drops line feeds in silence.
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError
        address = urlsplit(url)
        host = address.hostname or ""
        if address.scheme not in ("http", "https") or not host or address.port == 0:
            raise ValueError
        host.encode("idna")
    except ValueError:
        # Not shown, for it may hold a secret.
        raise UsageError(
            "the webhook's URL is not one that can be posted to. Pass one such as "
            "https://hooks.example.com/signoff, in printable ASCII."
        ) from None
    if "@" in address.netloc:
        raise UsageError(
            f"the webhook's URL holds a user name or a password for {host}, which is not sent. "
            "Leave it out: the receiver knows us by the signature."
        )
    return address


def _key_of(secret: str) -> bytes:
    try:
        if secret.startswith(_PREFIX):
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        else:
            key = secret.encode()
    except ValueError:
        key = b""
    if len(key) < _SHORTEST_SECRET:
        raise UsageError(
            f"the webhook's secret is not base64 after {_PREFIX}, or shorter than "
            f"{_SHORTEST_SECRET} bytes. Make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return key


def _id_of(key: str) -> str:
    """The effect's key as a header can hold it: ASCII, and without the signature's full stop."""
    id = quote(key, safe="/:@#+=,", errors="surrogatepass").replace(".", "%2E")
    return id if 0 < len(id) <= _LONGEST_ID else digest(key)


def _signature(key: bytes, id: str, at: str, body: bytes) -> str:
    signed = f"{id}.{at}.".encode("utf-8", "replace") + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
