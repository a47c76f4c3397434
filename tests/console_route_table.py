"""The table of the console's routes in the docs, as the application itself declares them.

Run it to write the table anew: `.venv/bin/python tests/console_route_table.py`.
"""

from __future__ import annotations

import inspect
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from console_doors import users_file
from starlette.routing import BaseRoute, Mount, Route

from signoff.console import AccessSettings, Settings, create_app
from signoff.console.access import Role, every_route, role_of

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "console-routes.md"

_HEAD = "| path | methods | least role | what it does | writes |\n|---|---|---|---|---|\n"
_TABLE = re.compile(re.escape(_HEAD) + r"(?:\|.*\n)*")


@dataclass(frozen=True)
class Row:
    """A route, and who may use it."""

    path: str
    methods: str
    role: str
    does: str
    writes: str

    def __str__(self) -> str:
        return f"| `{self.path}` | {self.methods} | {self.role} | {self.does} | {self.writes} |"


def row_of(route: BaseRoute) -> Row:
    """A route as a row."""
    role = role_of(route)
    who = "anyone" if role is None else str(role)
    if isinstance(route, Mount):
        files = "Files that are the same for everybody."
        return Row(f"{route.path}/…", "GET, HEAD", who, files, "no")
    assert isinstance(route, Route)
    methods = route.methods or set[str]()
    does, _, _ = (inspect.getdoc(route.endpoint) or "").partition("\n")
    writes = "no" if methods <= {"GET", "HEAD"} else "yes"
    return Row(route.path, ", ".join(sorted(methods)), who, does, writes)


def rows() -> list[Row]:
    """Every route, of a console with users and of one without."""
    with tempfile.TemporaryDirectory() as folder:
        listed = users_file(Path(folder), ada=Role.admin)
        with_users, alone = (
            [row_of(route) for route in every_route(create_app(settings).routes)]
            for settings in (
                Settings(store="sqlite:///none.db", access=AccessSettings(users=listed)),
                Settings(store="sqlite:///none.db", access=AccessSettings(by="ada")),
            )
        )
    both = [row for row in with_users if row in alone]
    only = [
        Row(row.path, row.methods, row.role, f"{row.does} {where}", row.writes)
        for some, where in ((with_users, "With users only."), (alone, "Without users only."))
        for row in some
        if row not in both
    ]
    return sorted([*both, *only], key=lambda row: (row.path, row.methods, row.does))


def table() -> str:
    """The table, as it stands on the page."""
    return _HEAD + "".join(f"{row}\n" for row in rows())


def shown() -> str:
    """The table that the page shows."""
    found = _TABLE.search(PAGE.read_text(encoding="utf-8"))
    return found[0] if found else ""


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_TABLE.sub(lambda _: table(), text), encoding="utf-8")
