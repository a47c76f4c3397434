"""The routes of every page."""

from __future__ import annotations

from starlette.routing import Route

from signoff.console.pages import (
    approvals,
    controls,
    crossings,
    decisions,
    diagnosis,
    overview,
    policies,
    reliability,
    replay,
    subjects,
)


def every_page() -> list[Route]:
    """The routes of every page."""
    nouns = (
        overview,
        crossings,
        subjects,
        approvals,
        controls,
        policies,
        diagnosis,
        reliability,
        replay,
        decisions,
    )
    return [route for noun in nouns for route in noun.routes]
