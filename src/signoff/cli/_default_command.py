"""A noun that is a verb, too: `signoff replay renewals` and `signoff replay corpus FILE`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


def otherwise(default: str, *, bare: bool = False) -> type[TyperGroup]:
    """A group of commands that gives what none of them is called to one of them.

    `signoff replay make_offer` is `signoff replay boundary make_offer`, if `boundary` is the
    default; so a boundary that is called like a command can still be named.

    Args:
        default: Name of the command that is meant.
        bare: Whether it is also meant when nothing follows the group's name; otherwise that shows
            the help.
    """

    class Defaulting(TyperGroup):
        #: The command that is meant where none is named.
        meant = default

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if self._meant(args, list(ctx.help_option_names)):
                args = [default, *args]
            return list(super().parse_args(ctx, args))

        def _meant(self, args: list[str], helps: list[str]) -> bool:
            if default not in self.commands:
                return False
            return bare if not args else args[0] not in (*self.commands, *helps)

    return Defaulting
