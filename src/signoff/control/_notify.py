"""What people are told of a ticket; and a blocking conversation with a server, in a thread."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from ipaddress import ip_address
from typing import Literal, TypeVar

from signoff.errors import SignoffError, UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What happened to a ticket, for the people whom it waits for.

    Not an answer, and not the proposal: who reads it looks the ticket up before deciding.

    Attributes:
        event: It was `asked`, `passed_on` to somebody else, or `expired` without an answer.
        ticket: Its id.
        ask: Whom it waits for, such as `role:sales-lead`.
        because: Why.
        boundary: Name of the boundary that was being crossed.
        subject: Id of what it is about.
        crossing: Id of the crossing.
        at: When it happened, as `signoff.clock.stamp` writes it.
        due: When it stops waiting; empty if it waits until it is answered.
    """

    event: Literal["asked", "passed_on", "expired"]
    ticket: str
    ask: str
    because: str
    boundary: str
    subject: str
    crossing: str
    at: str
    due: str = ""

    def __post_init__(self) -> None:
        # A lone surrogate, such as a model can send, is not text: no store and no receiver could
        # read the notice again.
        for field in fields(self):
            text: str = getattr(self, field.name)
            object.__setattr__(self, field.name, text.encode("utf-8", "replace").decode())


class NotDelivered(SignoffError):
    """The server did not take the notice now; the outbox tries again."""


class Line:
    """The connection of a conversation, so that it can be ended from another thread."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._dropped = False

    def hold(self, connected: socket.socket | None) -> None:
        """Keep a connection; if the line was dropped meanwhile, end it at once."""
        self._socket = connected
        if self._dropped:
            self.drop()

    def drop(self) -> None:
        """End the connection: whoever waits for its other end stops waiting."""
        self._dropped = True
        if self._socket is not None:
            with suppress(OSError):
                # The plain one: TLS's own would take its state from under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


async def in_thread(talk: Callable[[Line], T]) -> T:
    """Run a blocking conversation, and end its connection when nobody waits for it any more."""
    line = Line()
    try:
        return await asyncio.to_thread(talk, line)
    finally:
        # A thread cannot be cancelled. A server that sends a byte now and then would keep it.
        line.drop()


def check_timeout(timeout: float) -> None:
    """Refuse what is no number of seconds to wait.

    Raises:
        UsageError: It is not above 0 and up to an hour.
    """
    if not 0 < timeout <= 3600:
        raise UsageError(f"timeout={timeout}: pass seconds, above 0 and up to 3600")


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
