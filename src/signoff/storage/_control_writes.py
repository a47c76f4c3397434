"""What a transaction writes and reads for the controls: switches, tickets, shares of a cap."""

from __future__ import annotations

from signoff.boundary import TicketRow, Use
from signoff.ledger import canonical
from signoff.storage._columns import read_ticket
from signoff.storage._connection import Connection, Rows


class ControlWrites:
    """The controls' part of a transaction; see `StoredTransaction`."""

    _connection: Connection
    _lock: str
    _share: str
    _absent: set[str]

    def switch(self, name: str) -> str:
        return self._state_of(self._connection.run(f"{self._share}switch", {"name": name}))

    def lock_switch(self, name: str) -> str:
        return self._state_of(self._connection.run("lock_switch", {"name": name}))

    @staticmethod
    def _state_of(rows: Rows) -> str:
        return (rows[0][0] or "") if rows else ""

    def set_switch(self, name: str, state: str) -> None:
        self._connection.run("set_switch", {"name": name, "state": state})

    def ticket(self, id: str) -> TicketRow | None:
        rows = self._connection.run(f"{self._lock}ticket", {"id": id})
        return read_ticket(rows[0]) if rows else None

    def save_ticket(self, ticket: TicketRow) -> None:
        params = {name: getattr(ticket, name) for name in TicketRow.__slots__}
        self._connection.run("save_ticket", {**params, "body": canonical(ticket.body)})

    def use(self, throttle: str, crossing: str) -> Use | None:
        rows = self._connection.run("use", {"throttle": throttle, "crossing": crossing})
        return Use(**dict(zip(Use.__slots__, rows[0], strict=True))) if rows else None

    def save_use(self, use: Use) -> None:
        self._connection.run("save_use", {name: getattr(use, name) for name in Use.__slots__})

    def drop_use(self, throttle: str, crossing: str) -> None:
        self._connection.run("drop_use", {"throttle": throttle, "crossing": crossing})

    def count_uses(
        self, throttle: str, *, crossing: str, tenant: str | None, held: str, used: str
    ) -> int:
        params = {
            "throttle": throttle,
            "crossing": crossing,
            "held": held,
            "used": used,
        }
        if tenant is None:
            return int(self._connection.run("count_uses", params)[0][0])
        params["tenant"] = tenant
        return int(self._connection.run("count_uses_of_tenant", params)[0][0])

    def held_usd(self, throttle: str, *, crossing: str, held: str) -> float:
        params = {"throttle": throttle, "crossing": crossing, "held": held}
        return float(self._connection.run("held_usd", params)[0][0])

    def forget_uses(self, throttle: str, *, before: str) -> None:
        self._connection.run("forget_uses", {"throttle": throttle, "before": before})
