"""How large a store is, by table and index."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

#: What is told of: bytes, in all and of each table and each index.
Sizes = dict[str, int]


def sizes_of(url: str) -> Sizes:
    """Bytes of everything in a store, and of each table and index."""
    return _of_postgres(url) if url.startswith("postgresql") else _of_sqlite(url)


def largest(sizes: Sizes, number: int = 6) -> list[tuple[str, int]]:
    single = [(name, size) for name, size in sizes.items() if name not in ("all", "indexes")]
    return sorted(single, key=lambda pair: -pair[1])[:number]


def _of_postgres(url: str) -> Sizes:
    import psycopg

    with psycopg.connect(url) as db:
        rows: list[Any] = db.execute(
            "SELECT c.relname, c.relkind, CASE c.relkind WHEN 'i' THEN pg_relation_size(c.oid) "
            "ELSE pg_table_size(c.oid) END FROM pg_class c "
            "WHERE c.relnamespace = 'signoff'::regnamespace AND c.relkind IN ('r', 'i')"
        ).fetchall()
    sizes: Sizes = {"all": 0, "indexes": 0}
    for name, kind, size in rows:
        sizes[name] = int(size)
        sizes["all"] += int(size)
        sizes["indexes"] += int(size) if kind in ("i", b"i") else 0
    return sizes


def _of_sqlite(url: str) -> Sizes:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        sizes: Sizes = {"all": pages * db.execute("PRAGMA page_size").fetchone()[0], "indexes": 0}
        try:
            rows = db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
        except sqlite3.OperationalError:  # built without it
            return sizes
    for name, size in rows:
        sizes[name.removeprefix("signoff_")] = size
        sizes["indexes"] += size if "autoindex" in name or name.endswith("_due") else 0
    return sizes
