"""The routes of every page."""

from __future__ import annotations

from starlette.routing import Route

from signoff.console.pages import approvals, crossings


def every_page() -> list[Route]:
    """The routes of every page."""
    return [route for noun in (approvals, crossings) for route in noun.routes]
