"""The index owns what would take too long to look up in the ledger: a file derived from it.

It can be deleted at any time; it is made anew.
"""

from signoff.console.index._following import index_path
from signoff.console.index._index import Index
from signoff.console.index._rows import CrossingFilter, CrossingRow, Facets, Found, Progress

__all__ = [
    "CrossingFilter",
    "CrossingRow",
    "Facets",
    "Found",
    "Index",
    "Progress",
    "index_path",
]
