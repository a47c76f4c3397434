"""The routes of every page."""

from __future__ import annotations

from starlette.routing import Route

from signoff.console.pages import approvals, crossings, overview, subjects


def every_page() -> list[Route]:
    """The routes of every page."""
    return [route for noun in (overview, crossings, subjects, approvals) for route in noun.routes]
