"""The world of a port: a pool of numbers, a donating carrier that writes letters, a network."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from signoff.ledger import canonical
from signoff.workloads._plan import Plan
from signoff.workloads._running import BEGINS
from signoff.workloads.contract_renewal.services import Faults, Service, ServiceError
from signoff.workloads.port_in.boundary import CustomerFile, Outside, Port

#: What is the matter with a port, and how it ends if everything goes as it should.
Case: TypeAlias = Literal[
    "clean", "account", "date", "holder", "denied", "debt", "poor", "inactive", "not theirs",
    "mute", "early yes", "late no",
]  # fmt: skip
ENDS_OF: Final[Mapping[Case, str]] = {
    **dict.fromkeys(get_args(Case), "ported"),
    **dict.fromkeys(("denied", "mute"), "escalated"),
    **dict.fromkeys(("inactive", "not theirs"), "rejected"),
    "poor": "withdrawn",
}
_SHARES: Final[Mapping[Case, int]] = {
    "clean": 30, "account": 16, "date": 10, "holder": 8, "denied": 4, "debt": 8, "poor": 4,
    "inactive": 4, "not theirs": 4, "mute": 3, "early yes": 5, "late no": 4,
}  # fmt: skip
#: Cases in which the account number was mistyped in the request.
_MISTYPED: Final = frozenset(("account", "early yes", "late no"))

_WRITTEN: Final[Mapping[str, tuple[str, str]]] = {
    "inactive": ("Rejected: number not active on our network.", "Number {n} is not active here."),
    "account": ("Account number unknown to us.", "Cust. account {a} does not match our records!"),
    "holder": ("Line is held by {h}.", "Name mismatch - line is held by {h}."),
    "date": ("Requested date is no working day.", "Port date rejected: freeze period."),
    "debt": ("Port blocked: outstanding balance of 84.20", "Unpaid invoice, balance 84.20 due."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the donor writes about one order. It may come late, twice, or after its opposite."""

    at: datetime
    port: str
    order: int
    text: str

    @property
    def confirms(self) -> bool:
        """Whether the donor agrees."""
        return not self.text


class _Donor(Service):
    """The donating carrier: refuses what it cannot do, by what is true of the number."""

    world: World

    async def perform(
        self, action: str, payload: Mapping[str, object], *, key: str | None = None
    ) -> str:
        is_new = key is None or self.found(key) is None
        if is_new:
            refusal = self.world.refusal(action, str(payload.get("subject")))
            if refusal:
                raise ServiceError(409, refusal)
        return await super().perform(action, payload, key=key)


class World:
    """Ports and the systems that they touch; what happens follows from the seed.

    Args:
        folder: Where the systems keep their files; they outlive the process.
        seed: Of the ports.
        rows: How many ports.
        begins: When the first of them is requested.
        faults: Of the systems, for the agent.
    """

    def __init__(
        self, folder: Path, *, seed: int, rows: int, begins: datetime, faults: Faults | None = None
    ) -> None:
        self._seed, self._open = seed, ExitStack()
        names = [f"P-{number:04d}" for number in range(1, rows + 1)]
        self.case: dict[str, Case] = {id: self._case(id) for id in names}
        self.ports = {id: self._request(id, number, begins) for number, id in enumerate(names)}
        actions = {
            "pool": {"reserve", "release"},
            "donor": {"file", "chase", "cancel", "confirm", "register", "pay"},
            "network": {"activate", "deactivate"},
            "desk": {"take", "approve"},
        }
        self.books: dict[str, Service] = {}
        self.services: dict[str, Service] = {}
        for name, known in actions.items():
            kind = _Donor if name == "donor" else Service
            path = folder / f"{name}.db"
            self.services[name] = self._opened(kind(name, path, faults, actions=known))
            #: The same files without faults, for what the world does and for the auditor.
            self.books[name] = self._opened(Service(name, path, actions=known))

    def _opened(self, service: Service) -> Service:
        self._open.callback(service.close)
        if isinstance(service, _Donor):
            service.world = self
        return service

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def outside(self, through: Callable[[Service], Any] | None = None) -> Outside:
        """The systems, as the agent sees them."""
        seen = (
            self.services if through is None else {n: through(s) for n, s in self.services.items()}
        )
        return Outside(**seen)

    def entries(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """What a system did, oldest first: the action, and what it was told."""
        for effect in self.books[name].effects():
            yield effect.action, json.loads(effect.payload)

    # What the donor thinks

    def objection(self, id: str, order: Mapping[str, Any]) -> str:
        """Why the donor does not agree to an order, by what is true of the number."""
        case, file = self.case[id], self.ports[id].file
        if case == "inactive":
            return "inactive"
        if order["account"] != file.account:
            return "account"
        if case in ("holder", "denied") and order["holder"] != file.holders[1]:
            return "holder"
        if case == "date" and order["date"] not in file.dates:
            return "date"
        paid = self.books["donor"].found(f"pay/{id}") is not None
        return "debt" if case in ("debt", "poor") and not paid else ""

    def refusal(self, action: str, id: str) -> str:
        """Why the donor refuses an action at once; empty if it does not."""
        if id not in self.ports:
            return ""  # it is somebody else's number: nobody here can tell
        if action == "file" and self.case[id] == "not theirs":
            return "This number is not ours."
        if action == "confirm":
            orders = [o for act, o in self.entries("donor") if act == "file" and o["about"] == id]
            why = self.objection(id, orders[-1]) if orders else "account"
            return self._text(id, why, orders[-1] if orders else {}) if why else ""
        return ""

    def letters_about(self, order: Mapping[str, Any], filed: datetime) -> list[Letter]:
        """What the donor writes about an order that it received at an instant."""
        id, number = str(order["about"]), order["order"]
        case, why = self.case[id], self.objection(id, order)
        no = self._text(id, why, order) if why else ""
        hours = 96 if self._draw(f"{id}/{number}", "late") < 0.15 else 24
        said: list[tuple[int, str]] = [(hours, no)]
        if case == "mute":
            said = []
        elif case == "early yes" and no:
            said = [(12, ""), (30, no)]
        elif case == "late no" and no:
            said = [(12, "")]
        elif not no and number == self._hasty_at(id):
            said = [(12, self._text(id, "account", order)), (20, "")]
        if said and self._draw(f"{id}/{number}", "twice") < 0.20:
            said.append((said[-1][0] + 6, said[-1][1]))
        return [
            Letter(at=filed + timedelta(hours=h), port=id, order=number, text=text)
            for h, text in said
        ]

    async def post(self, now: datetime) -> dict[str, list[Letter]]:
        """Every letter written so far, by port, in the order of arrival."""
        book, found = self.books["donor"], defaultdict[str, list[Letter]](list)
        for action, order in list(self.entries("donor")):
            if action == "file" and order["about"] in self.ports:
                key = f"register/{order['about']}/{order['order']}"
                if book.found(key) is None:
                    entry = {**order, "filed": now.isoformat()}
                    await book.perform("register", entry, key=key)
        for action, order in self.entries("donor"):
            if action == "register":
                filed = datetime.fromisoformat(order["filed"])
                found[order["about"]] += self.letters_about(order, filed)
        arrived = {id: [each for each in said if each.at <= now] for id, said in found.items()}
        return {id: sorted(said, key=lambda each: each.at) for id, said in arrived.items()}

    async def customer_says(self, port: Port) -> str:
        """What the customer answers two days after they were asked; empty for nothing."""
        case = self.case[port.id]
        if case == "poor":
            return ""
        if case != "debt":
            return "all of it is right"
        payload = {"subject": port.id, "about": port.id}
        await self.books["donor"].perform("pay", payload, key=f"pay/{port.id}")
        return "paid"

    # How a port is made

    def _case(self, id: str) -> Case:
        draw = self._draw(id, "case") * sum(_SHARES.values())
        for case, share in _SHARES.items():
            if draw < share:
                return case
            draw -= share
        raise AssertionError("the shares cover every draw")

    def _request(self, id: str, number: int, begins: datetime) -> Port:
        account = f"{int(self._draw(id, 'account') * 10**8):08d}"
        opened = begins + timedelta(hours=int(self._draw(id, "opened") * 120))
        days = [(opened + timedelta(days=n)).date() for n in (6, 8, 9)]
        typed = account[::-1] if account[::-1] != account else "00000001"
        return Port(
            id=id,
            number=f"+44 20 7946 {number:04d}",
            opened=opened,
            account=typed if self.case[id] in _MISTYPED else account,
            holder=f"Customer {id}",
            date=days[0],
            file=CustomerFile(
                account=account,
                holders=(f"Customer {id}", f"Partner of {id}"),
                dates=tuple(day.isoformat() for day in days[1 if self.case[id] == "date" else 0 :]),
            ),
        )

    def _text(self, id: str, why: str, order: Mapping[str, Any]) -> str:
        variant = int(self._draw(f"{id}/{order.get('order')}", "words") * 2)
        held = self.ports[id].file.holders[1]
        text = _WRITTEN[why][variant]
        return text.format(n=self.ports[id].number, a=order.get("account"), h=held)

    def _hasty_at(self, id: str) -> int:
        """The order to which the donor at first says no without a reason; 0 for none."""
        draw = self._draw(id, "hasty")
        return 1 if draw < 0.08 else 2 if draw < 0.20 else 0

    def draws(self, id: str, what: str) -> float:
        """A number from 0 to 1 that stands for whatever is not told here."""
        return self._draw(id, what)

    def _draw(self, id: str, what: str) -> float:
        drawn = hashlib.sha256(canonical([self._seed, id, what]).encode()).digest()
        return int.from_bytes(drawn[:6], "big") / 2**48


def world_of(plan: Plan, name: str) -> World:
    """The world that a plan asks for, in a folder of that name."""
    faults = Faults.evenly(plan.faults, seed=plan.seed)
    folder = plan.folder(name)
    return World(folder, seed=plan.seed, rows=plan.rows, begins=BEGINS, faults=faults)
