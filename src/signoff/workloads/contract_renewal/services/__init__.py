"""Services owns the renewal agent's outside world: systems that remember, fail, can be audited."""

from signoff.workloads.contract_renewal.services._account import Became, Effect, Request
from signoff.workloads.contract_renewal.services._client import RemoteService
from signoff.workloads.contract_renewal.services._faults import (
    Fault,
    Faults,
    ServiceError,
    ServiceTimeout,
)
from signoff.workloads.contract_renewal.services._server import serve
from signoff.workloads.contract_renewal.services._service import LOCKED, Service, ServicePort
from signoff.workloads.contract_renewal.services._world import (
    ACTIONS,
    Services,
    connect_services,
    open_services,
)

__all__ = [
    "ACTIONS",
    "LOCKED",
    "Became",
    "Effect",
    "Fault",
    "Faults",
    "RemoteService",
    "Request",
    "Service",
    "ServiceError",
    "ServicePort",
    "ServiceTimeout",
    "Services",
    "connect_services",
    "open_services",
    "serve",
]
