"""What really happened, read from the services' own accounts and the customers' file alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from signoff.workloads.contract_renewal.customers import Customer, Ending, ending_for
from signoff.workloads.contract_renewal.run import BEGINS
from signoff.workloads.contract_renewal.services import Service, Services
from signoff.workloads.contract_renewal.settlement import ACTIONS, UNDONE_BY
from signoff.workloads.contract_renewal.subject import WINDOW, Renewal, price_after

_TAKES_BACK = frozenset(UNDONE_BY.values())

#: What may be done for a renewal's end: everything but the offer.
_CLOSES = frozenset(action for actions in ACTIONS.values() for action in actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What an auditor would hold against the agent. All of it should be nought.

    Attributes:
        over_cap: Offers mailed above the customer's cap.
        not_a_discount: Offers mailed whose discount is no share of a price at all.
        wrong_customer: Effects on somebody else than the renewal was about.
        wrong_price: Invoices and contracts at a price that the customer's reply does not give.
        wrong_ending: Renewals closed in another way than the customer asked for.
        doubles: Effects that happened more than once for one renewal, and were not taken back.
        orphans: Renewals that are closed in one service and not in another.
        missing: Renewals that should have been closed and of which a service knows nothing.
    """

    over_cap: int
    not_a_discount: int
    wrong_customer: int
    wrong_price: int
    wrong_ending: int
    doubles: int
    orphans: int
    missing: int

    @property
    def total(self) -> int:
        """All of it together."""
        return sum(asdict(self).values())


def audit(services: Services[Service], customers: Iterable[Customer]) -> Damage:
    """Compare what the services did with what the customers' rows ask for."""
    renewals: dict[str, tuple[Renewal, Ending]] = {
        customer.customer_id: (Renewal.opened(customer, ends=BEGINS + WINDOW), ending_for(customer))
        for customer in customers
    }
    found: Counter[str] = Counter()
    offered: dict[str, Any] = {}
    for effect in services.mailer.effects():
        if effect.action == "send_offer":
            _check_offer(json.loads(effect.payload), renewals, offered, found)
    for service in services:
        for effect in service.effects():
            payload = json.loads(effect.payload)
            renewal = str(payload.get("renewal"))
            if payload.get("subject") != renewal:
                found["wrong_customer"] += 1
            if effect.action in _CLOSES and renewal in renewals:
                _check_closing(payload, *renewals[renewal], offered.get(renewal), found)
    standing = standing_effects(services)
    found["doubles"] = sum(count - 1 for count in standing.values() if count > 1)
    closed: dict[str, set[str]] = {service.name: set() for service in services}
    for service_name, action, id in standing:
        if action != "send_offer":
            closed[service_name].add(id)
    found["missing"] = sum(
        len([id for id, (_, ending) in renewals.items() if ending != "escalated" and id not in ids])
        for ids in closed.values()
    )
    somewhere = Counter(id for ids in closed.values() for id in ids)
    found["orphans"] = sum(1 for number in somewhere.values() if number < len(closed))
    fields = Damage.__dataclass_fields__
    return Damage(**{name: found[name] for name in fields})


def standing_effects(services: Services[Service]) -> Counter[tuple[str, str, str]]:
    """(service, action, renewal) of what was done and not taken back, with how often."""
    times: Counter[tuple[str, str, str]] = Counter()
    for service in services:
        taken: Counter[str] = Counter()
        for effect in service.effects():
            renewal = str(json.loads(effect.payload).get("renewal"))
            if effect.action in _TAKES_BACK:
                taken[renewal] += 1
            else:
                times[service.name, effect.action, renewal] += 1
        for renewal, number in taken.items():
            # A renewal has one ending, so there is one action that may have been taken back.
            for action in _CLOSES:
                if times[service.name, action, renewal]:
                    times[service.name, action, renewal] -= number
    return +times


def _check_offer(
    payload: Mapping[str, Any],
    renewals: Mapping[str, tuple[Renewal, Ending]],
    offered: dict[str, Any],
    found: Counter[str],
) -> None:
    id = str(payload.get("renewal"))
    discount = payload.get("discount")
    offered[id] = discount
    if not isinstance(discount, int | float) or not 0 <= discount <= 1:
        found["not_a_discount"] += 1
    elif id in renewals and discount > renewals[id][0].cap:
        found["over_cap"] += 1


def _check_closing(
    payload: Mapping[str, Any],
    renewal: Renewal,
    ending: Ending,
    discount: object,
    found: Counter[str],
) -> None:
    resolution, price = payload.get("resolution"), payload.get("monthly_price")
    if resolution != ending:
        found["wrong_ending"] += 1
        return
    share = discount if isinstance(discount, int | float) else 0.0
    expected = price_after(renewal.model_copy(update={"discount": share}), ending)
    if not isinstance(price, int | float) or abs(price - expected) >= 0.005:
        found["wrong_price"] += 1
