"""The index owns what would take too long to look up in the ledger: a file derived from it.

It can be deleted at any time; it is made anew.
"""

from signoff.console.index._following import index_path
from signoff.console.index._index import Index
from signoff.console.index._rows import (
    BoundaryFacts,
    CrossingFilter,
    CrossingRow,
    Facets,
    Found,
    InFlight,
    Overview,
    Progress,
    SubjectRow,
)

__all__ = [
    "BoundaryFacts",
    "CrossingFilter",
    "CrossingRow",
    "Facets",
    "Found",
    "InFlight",
    "Index",
    "Overview",
    "Progress",
    "SubjectRow",
    "index_path",
]
