"""A pretend system of record that behaves like a real one: it remembers, and it fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from signoff.ledger import canonical
from signoff.workloads.contract_renewal.services._account import Account, Effect, Request
from signoff.workloads.contract_renewal.services._faults import (
    Fault,
    Faults,
    ServiceError,
    ServiceTimeout,
)

LARGEST_PAYLOAD: Final = 64 * 1024
LONGEST_KEY: Final = 200

#: The status with which a locked record is refused: nothing was done, and later it may be.
LOCKED: Final = 423


class ServicePort(Protocol):
    """A system that the agent acts on, in this process or behind HTTP.

    Guarantees: the same key again has no second effect and the same receipt, across restarts.
    Does not guarantee: an answer; `ServiceTimeout` and errors from 500 on leave it open whether the
    request took effect. Without a key each call is a new effect.
    """

    @property
    def name(self) -> str:
        """What the system is called."""
        ...

    async def perform(
        self, action: str, payload: Mapping[str, object], *, key: str | None = None
    ) -> str:
        """Do something and return the receipt.

        Args:
            action: One of the service's actions.
            payload: JSON; its `subject` says whom the action is about.
            key: Idempotency key, at most 200 printable characters.

        Raises:
            ServiceTimeout: No answer came.
            ServiceError: The service refused (below 500) or failed (500 and above).
        """
        ...

    async def find(self, key: str) -> str | None:
        """The receipt of what was done under the key; None when nothing was."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service would say, and what goes wrong on the way; no receipt if it got lost."""

    receipt: str | None
    fault: Fault | None


class Service:
    """A service in this process, with its own file; a `ServicePort` that can also be audited."""

    def __init__(
        self, name: str, path: Path, faults: Faults | None = None, *, actions: Collection[str]
    ) -> None:
        """Open the service's file, or make it."""
        self.name = name
        self.faults = faults or Faults.none()
        self.actions = frozenset(actions)
        self._account = Account(path, self._drawn if self.faults.any else None)

    def close(self) -> None:
        """Close the service's file."""
        self._account.close()

    async def perform(
        self, action: str, payload: Mapping[str, object], *, key: str | None = None
    ) -> str:
        """See `ServicePort`. A timeout is raised at once: nobody waits for a pretended one."""
        answer = self.answer(action, payload, key)
        match answer.fault:
            case "timeout_before" | "timeout_after":
                raise ServiceTimeout(f"{self.name} did not answer to {action}")
            case "error_after":
                raise ServiceError(500, f"{self.name} failed during {action}")
            case "slow":
                await asyncio.sleep(self.faults.delay)
            case None | "locked":
                pass
        if answer.receipt is None:
            raise AssertionError("only a lost request has no receipt")
        return answer.receipt

    async def find(self, key: str) -> str | None:
        """See `ServicePort`."""
        return self.found(key)

    def answer(self, action: str, payload: Mapping[str, object], key: str | None) -> Answer:
        """Do something and say what goes wrong with the answer, which the caller makes happen.

        Raises:
            ServiceError: The request is refused (below 500), or the file cannot be written (503).
        """
        if action not in self.actions:
            raise ServiceError(404, f"{self.name} has no action {action[:60]!a}.")
        subject, text = _read(payload)
        if key is not None:
            _check_key(key)
        try:
            became, effect, fault = self._account.receive(action, subject, text, key)
        except sqlite3.Error as error:
            raise ServiceError(503, f"{self.name} cannot write its file: {error}") from error
        if became == "refused" and effect is None:
            raise ServiceError(LOCKED, f"{self.name} has locked the record; nothing was done.")
        if became == "refused":
            raise ServiceError(
                409, f"key {key!a} was used for another request. Use one key for one request."
            )
        return Answer(
            None if effect is None else self._receipt(effect), cast("Fault | None", fault)
        )

    def found(self, key: str) -> str | None:
        """The receipt of what was done under the key, without waiting.

        Raises:
            ServiceError: The file cannot be read (503).
        """
        _check_key(key)
        try:
            effect = self._account.find(key)
        except sqlite3.Error as error:
            raise ServiceError(503, f"{self.name} cannot read its file: {error}") from error
        return None if effect is None else self._receipt(effect)

    def effects(self) -> Iterator[Effect]:
        """Everything that happened, oldest first."""
        return self._account.effects()

    def account(self, *, after: int = 0) -> Iterator[Request]:
        """Everything that arrived and what became of it, oldest first, from beyond `after`."""
        return self._account.requests(after=after)

    def counts(self) -> Counter[tuple[str, str]]:
        """How often each (action, subject) took effect: more than once is a double."""
        return self._account.counts()

    def _drawn(self, request: str) -> str | None:
        return self.faults.drawn(self.name, request)

    def _receipt(self, effect: int) -> str:
        return f"{self.name[:4]}-{effect:06d}"


def _read(payload: Mapping[str, object]) -> tuple[str, str]:
    try:
        text = canonical(dict(payload))
    except (TypeError, ValueError, RecursionError) as error:
        raise ServiceError(400, f"the payload is not JSON: {error}.") from error
    if len(text) > LARGEST_PAYLOAD:
        raise ServiceError(413, f"the payload is larger than {LARGEST_PAYLOAD // 1024} kB.")
    subject = payload.get("subject")
    if not (isinstance(subject, str) and _is_name(subject)):
        raise ServiceError(400, "the payload's `subject` must say whom this is about, in a line.")
    return subject, text


def _check_key(key: str) -> None:
    if not _is_name(key):
        raise ServiceError(400, f"the key must be 1 to {LONGEST_KEY} printable characters.")


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_KEY and text.isprintable()
