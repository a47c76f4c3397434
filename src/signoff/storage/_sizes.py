"""How much room each table of a store takes, with its indexes and partitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from signoff.storage._looking import Looked

Run = Callable[..., list[tuple[Any, ...]]]

_POSTGRES = """
SELECT n.nspname || '.' || c.relname, (
    SELECT sum(pg_total_relation_size(part)) FROM (
        SELECT c.oid AS part UNION SELECT relid::oid FROM pg_partition_tree(c.oid)
    ) parts
)::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('signoff', 'signoff_jobs') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY 1
"""

_SQLITE = """
SELECT s.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name
WHERE d.aggregate = TRUE AND s.tbl_name LIKE 'signoff!_%' ESCAPE '!'
GROUP BY s.tbl_name ORDER BY s.tbl_name
"""


def sizes(store: Looked) -> Mapping[str, int]:
    """Bytes of each table, by its full name; none where SQLite was built without `dbstat`."""
    if store.dialect == "postgres":
        return postgres_sizes(store.run)
    options = {name for (name,) in store.run("PRAGMA compile_options")}
    if "ENABLE_DBSTAT_VTAB" not in options:
        return {}
    return {name: int(size) for name, size in store.run(_SQLITE)}


def postgres_sizes(run: Run) -> Mapping[str, int]:
    """The same, of a PostgreSQL database."""
    return {name: int(size) for name, size in run(_POSTGRES)}
