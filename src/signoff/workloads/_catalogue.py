"""The workloads that ship, by name; each is loaded when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from typing import Final

from signoff.errors import BadInput
from signoff.workloads._shipped import Shipped

#: Name -> where its value is.
_PLACES: Final = {
    "billing-assist": "signoff.workloads.billing_assist:BILLING_ASSIST",
    "network-triage": "signoff.workloads.network_triage:NETWORK_TRIAGE",
    "lead-warming": "signoff.workloads.lead_warming:LEAD_WARMING",
    "port-in": "signoff.workloads.port_in:PORT_IN",
    "contract-renewal": "signoff.workloads.contract_renewal:CONTRACT_RENEWAL",
}

#: Every workload that ships, from seconds to months.
NAMES: Final = tuple(_PLACES)


def shipped(name: str) -> Shipped:
    """The workload of that name.

    Args:
        name: As in `NAMES`; blanks and underscores are as good as hyphens.

    Raises:
        BadInput: If none has it.
    """
    known = name.strip().lower().replace("_", "-").replace(" ", "-")
    if known not in _PLACES:
        near = difflib.get_close_matches(known, NAMES, n=1)
        told = f"did you mean {near[0]}?" if near else f"there are {', '.join(NAMES)}"
        raise BadInput(f"no workload is called {name!r}: {told}")
    module, _, attribute = _PLACES[known].partition(":")
    found: Shipped = getattr(importlib.import_module(module), attribute)
    return found
