"""What a closing does in three systems: contract, invoice and mail, or none of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from signoff.boundary import EffectRefused
from signoff.coordination import Saga, Step
from signoff.workloads.contract_renewal.customers import Ending
from signoff.workloads.contract_renewal.services import ServiceError, ServicePort
from signoff.workloads.contract_renewal.subject import Renewal, price_after

#: What each ending asks of the CRM, of billing and of the mailer.
ACTIONS: Final[dict[Ending, tuple[str, str, str]]] = {
    "renewed": ("issue_contract", "book_invoice", "send_confirmation"),
    "renewed_with_offer": ("issue_contract", "apply_discount", "send_confirmation"),
    "restructured": ("restructure_contract", "book_invoice", "send_confirmation"),
    "churned": ("close_account", "stop_charges", "send_farewell"),
    "escalated": ("assign_person", "book_invoice", "send_correction"),
}

#: What takes an action back. Mail cannot be: it goes last.
UNDONE_BY: Final[dict[str, str]] = {
    "issue_contract": "void_contract",
    "restructure_contract": "void_contract",
    "close_account": "reopen_account",
    "assign_person": "release_person",
    "book_invoice": "void_invoice",
    "apply_discount": "remove_discount",
    "stop_charges": "resume_charges",
}

_Do: TypeAlias = Callable[[Renewal, str], Awaitable[str]]
_Undo: TypeAlias = Callable[[str, Renewal, str], Awaitable[str]]


def settled_in(crm: ServicePort, billing: ServicePort, mailer: ServicePort) -> Saga[Renewal]:
    """The saga that settles a renewal whose ending was decided."""
    return Saga(
        "renewal.settle",
        Step(
            _does(crm, 0),
            undo=_takes_back(crm, 0),
            name="contract",
            idempotent=True,
            reconcile=crm.find,
        ),
        Step(
            _does(billing, 1),
            undo=_takes_back(billing, 1),
            name="charges",
            idempotent=True,
            reconcile=billing.find,
        ),
        Step(_does(mailer, 2), name="mail", idempotent=True, reconcile=mailer.find),
    )


def _does(service: ServicePort, place: int) -> _Do:
    async def settle(renewal: Renewal, key: str) -> str:
        assert renewal.resolution, "settled before it was decided"
        payload = {
            "subject": renewal.id,
            "renewal": renewal.id,
            "resolution": renewal.resolution,
            "monthly_price": price_after(renewal, renewal.resolution),
        }
        return await asked(service, ACTIONS[renewal.resolution][place], payload, key)

    return settle


def _takes_back(service: ServicePort, place: int) -> _Undo:
    async def take_back(receipt: str, renewal: Renewal, key: str) -> str:
        assert renewal.resolution, "taken back before it was decided"
        action = UNDONE_BY[ACTIONS[renewal.resolution][place]]
        payload = {"subject": renewal.id, "renewal": renewal.id, "receipt": receipt}
        return await asked(service, action, payload, key)

    take_back.__name__ = f"take_back_{service.name}"
    return take_back


async def asked(service: ServicePort, action: str, payload: Mapping[str, object], key: str) -> str:
    """Ask a service to act under a key.

    Raises:
        EffectRefused: It says no, and nothing happened.
    """
    try:
        return await service.perform(action, payload, key=key)
    except ServiceError as error:
        if error.status < 500:
            raise EffectRefused(f"http_{error.status}", error.message) from error
        raise
