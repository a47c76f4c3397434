"""The three services that a renewal touches, together."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

from signoff.errors import BadInput
from signoff.workloads.contract_renewal.services._client import RemoteService
from signoff.workloads.contract_renewal.services._faults import Faults
from signoff.workloads.contract_renewal.services._service import Service, ServicePort

ACTIONS: Final = {
    "crm": frozenset(
        {
            "open_renewal",
            "log_contact",
            "issue_contract",
            "void_contract",
            "restructure_contract",
            "close_account",
            "reopen_account",
            "assign_person",
            "release_person",
        }
    ),
    "billing": frozenset(
        {
            "reserve_price",
            "release_price",
            "apply_discount",
            "remove_discount",
            "book_invoice",
            "void_invoice",
            "stop_charges",
            "resume_charges",
        }
    ),
    "mailer": frozenset(
        {
            "send_offer",
            "send_reminder",
            "send_confirmation",
            "send_correction",
            "send_farewell",
        }
    ),
}


class ClosablePort(ServicePort, Protocol):
    """A `ServicePort` that holds a file or connections."""

    def close(self) -> None:
        """Let go of them."""
        ...


PortT_co = TypeVar("PortT_co", bound=ClosablePort, covariant=True)


@dataclass(frozen=True, slots=True)
class Services(Generic[PortT_co]):
    """The world of one renewal agent: customer records, invoices, mail. Close it when done."""

    crm: PortT_co
    billing: PortT_co
    mailer: PortT_co

    def __iter__(self) -> Iterator[PortT_co]:
        """The three services."""
        yield from (self.crm, self.billing, self.mailer)

    def __enter__(self) -> Self:
        """Close the services at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the services."""
        self.close()

    def close(self) -> None:
        """Close the services."""
        for service in self:
            service.close()


def open_services(
    directory: str | os.PathLike[str],
    faults: Faults | None = None,
    *,
    actions: Mapping[str, Collection[str]] = ACTIONS,
) -> Services[Service]:
    """Open the three services in this process, one SQLite file each, in a directory.

    Several processes may have the same directory open. Opened again, they remember.

    Raises:
        BadInput: The directory cannot be made, or holds other files under our names.
    """
    where = Path(directory)
    try:
        where.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"cannot keep the services in {where}: {error}. Pass a directory that can be written."
        ) from error
    with ExitStack() as opened:

        def service(name: str) -> Service:
            made = Service(name, where / f"{name}.db", faults, actions=actions[name])
            opened.callback(made.close)
            return made

        services = Services(service("crm"), service("billing"), service("mailer"))
        opened.pop_all()
    return services


def connect_services(base_url: str, *, timeout: float = 2.0) -> Services[RemoteService]:
    """The three services behind a `serve`d address; `timeout` seconds are waited for an answer.

    Raises:
        UsageError: The address is not one, or the timeout is not positive.
    """
    return Services(
        RemoteService("crm", base_url, timeout=timeout),
        RemoteService("billing", base_url, timeout=timeout),
        RemoteService("mailer", base_url, timeout=timeout),
    )
