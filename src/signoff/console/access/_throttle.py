"""How often somebody may try to sign in. Slower and slower, and never locked out for ever."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import islice

from signoff.clock import Clock

#: Tries that cost nothing, for those who mistype.
FREE = 5

#: The longest that somebody has to wait between two tries.
LONGEST_WAIT = timedelta(minutes=1)

#: After so long without a try it is forgotten.
FORGOTTEN = timedelta(minutes=30)

#: Names and addresses that are kept in mind, of each kind.
MOST = 10_000


@dataclass(slots=True)
class _Tries:
    count: int
    last: datetime

    def wait(self) -> timedelta:
        """How long after the last try the next one may be."""
        if self.count < FREE:
            return timedelta(0)
        return min(timedelta(seconds=2 ** min(self.count - FREE, 16)), LONGEST_WAIT)


class LoginThrottle:
    """Counts tries by name and by address, and says how long to wait.

    A try counts as a failure until it has succeeded: many at once are no way around it. Where
    somebody has signed in before, failures from elsewhere do not slow them down.

    Args:
        clock: Says what time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: OrderedDict[tuple[str, ...], _Tries] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, name: str, address: str) -> int:
        """Count a try; or, if it is too early for one, the seconds to wait first.

        Args:
            name: Whoever wants to sign in, listed or not.
            address: From where.
        """
        now = self._clock.now()
        keys = self._keys(name, network(address))
        left = max(self._left(key, now) for key in keys)
        if left > timedelta(0):
            return math.ceil(left.total_seconds())
        for key in keys:
            tries = self._tries.setdefault(key, _Tries(0, now))
            tries.count, tries.last = tries.count + 1, now
            self._tries.move_to_end(key)
        self._forget(now)
        return 0

    def succeeded(self, name: str, address: str) -> None:
        """The try that was counted last was right after all."""
        where = network(address)
        by_name, by_address = self._keys(name, where)
        self._tries.pop(by_name, None)
        # Whoever may sign in must not thereby make room for guessing others' passwords.
        if (tries := self._tries.get(by_address)) is not None:
            tries.count = max(tries.count - 1, 0)
        self._known[name, where] = None
        self._known.move_to_end((name, where))
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def __len__(self) -> int:
        return len(self._tries)

    def _keys(self, name: str, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        by_name = ("name", name, where) if (name, where) in self._known else ("name", name)
        return by_name, ("address", where)

    def _left(self, key: tuple[str, ...], now: datetime) -> timedelta:
        tries = self._tries.get(key)
        if tries is None or now - tries.last >= FORGOTTEN:
            self._tries.pop(key, None)
            return timedelta(0)
        return tries.last + tries.wait() - now

    def _forget(self, now: datetime) -> None:
        """Keep within bounds: those whose tries were the longest ago go first."""
        for key in tuple(islice(self._tries, 2)):
            if now - self._tries[key].last >= FORGOTTEN or len(self._tries) > 2 * MOST:
                del self._tries[key]


def network(address: str) -> str:
    """What one person has of addresses: one of IPv4, 2⁶⁴ of IPv6."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(ip_network((int(known), 64), strict=False))
    return str(known)
