"""The world of the renewals: what customers do meanwhile, and the systems that misbehave."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from signoff.workloads.contract_renewal.customers import Customer, ending_for
from signoff.workloads.contract_renewal.subject import REPLIES, Renewal, Reply


class World:
    """What happens to the customers meanwhile, decided by their rows; nobody proposes it."""

    def __init__(self, customers: dict[str, Customer]) -> None:
        self._customers = customers

    def reply_of(self, id: str) -> Reply:
        """What the customer answers a week before the end."""
        return REPLIES[ending_for(self._customers[id])]

    @staticmethod
    def product_ends(renewal: Renewal) -> bool:
        """Whether the product is one of those withdrawn on day -47."""
        return renewal.product == "DSL" and renewal.tenure >= 60

    @staticmethod
    def merger(renewal: Renewal) -> datetime | None:
        """When the customer's contract is merged with another; hardly ever."""
        draw = hashlib.sha256(f"merger/{renewal.id}".encode()).digest()
        if draw[0] >= 3:
            return None
        return renewal.ends - timedelta(days=33 + draw[1] % 50)
