"""Who is in, since when: kept in memory only, so that a restart ends every session."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from signoff.clock import Clock
from signoff.console.access._identity import Identity
from signoff.console.access._tokens import new_secret

#: Sessions that one person has at once: nobody can push out all others by signing in.
MOST_OF_ONE = 20


@dataclass(slots=True, kw_only=True)
class Session:
    """One browser in which somebody is signed in.

    Attributes:
        id: What it is called when it is shown or ended; opens nothing.
        csrf: What its forms carry.
        address: Where it was last seen.
    """

    id: str
    identity: Identity
    csrf: str = field(repr=False)
    since: datetime
    seen: datetime
    address: str


class Sessions:
    """All sessions. Of a token only its digest is kept.

    Args:
        clock: Says when a session has ended.
        idle: Longest time between two requests.
        longest: Longest time in all.
        most: Sessions that are kept; the one not used for longest gives way.
    """

    def __init__(self, clock: Clock, *, idle: timedelta, longest: timedelta, most: int) -> None:
        self._clock = clock
        self._idle = idle
        self._longest = longest
        self._most = most
        self._kept: OrderedDict[bytes, Session] = OrderedDict()

    def open(self, identity: Identity, address: str) -> tuple[str, Session]:
        """Begin a session; its token, which is told only now, and the session."""
        token = new_secret()
        now = self._clock.now()
        session = Session(
            id=secrets.token_hex(8),
            identity=identity,
            csrf=new_secret(),
            since=now,
            seen=now,
            address=address,
        )
        own = [digest for digest, kept in self._kept.items() if kept.identity.name == identity.name]
        for digest in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
            del self._kept[digest]
        while len(self._kept) >= self._most:
            self._kept.popitem(last=False)
        self._kept[_digest(token)] = session
        return token, session

    def find(self, token: str) -> Session | None:
        """The session that a token opens, unless it has ended."""
        digest = _digest(token)
        session = self._kept.get(digest)
        if session is None:
            return None
        if self._over(session, self._clock.now()):
            del self._kept[digest]
            return None
        return session

    def use(self, token: str, address: str) -> None:
        """Note that a person has just used a session that `find` found."""
        digest = _digest(token)
        session = self._kept[digest]
        session.seen, session.address = self._clock.now(), address
        self._kept.move_to_end(digest)

    def end(self, which: Callable[[Session], bool]) -> tuple[Session, ...]:
        """End the sessions that are meant; which they were."""
        ended = {digest: session for digest, session in self._kept.items() if which(session)}
        for digest in ended:
            del self._kept[digest]
        return tuple(ended.values())

    def still(self, before: Identity, now: Identity) -> None:
        """Keep those who are in by one identity in by another: it proves the same."""
        for session in self._kept.values():
            if session.identity == before:
                session.identity = now

    def __iter__(self) -> Iterator[Session]:
        """Those that have not ended, the one that was used last first."""
        now = self._clock.now()
        return iter([s for s in reversed(self._kept.values()) if not self._over(s, now)])

    def __len__(self) -> int:
        return len(self._kept)

    def _over(self, session: Session, now: datetime) -> bool:
        return now - session.seen >= self._idle or now - session.since >= self._longest


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
