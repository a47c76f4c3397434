"""A retention policy as a file says it: tables `[[retention]]` in TOML."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from signoff.errors import BadInput

if TYPE_CHECKING:
    from signoff.storage import Keep, Retention

_KNOWN = ("keys", "records", "subjects")

#: What is kept without end.
_FOR_EVER = "for ever"

#: What such a file says, for whom there is none.
EXAMPLE = '[[retention]]\nrecords = "400 days"\nkeys = "for ever"'


def retention_at(path: Path) -> Retention:
    """The policy in a file.

    Raises:
        BadInput: If there is none, or it is wrong.
    """
    from signoff.storage import Retention

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(
            f"there is no {path}. Write what is kept for how long:\n{EXAMPLE}"
        ) from error
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} is no TOML: {error}") from error
    tables: object = document.get("retention")
    if tables is None:
        raise BadInput(f"{path} says nothing about retention. Write into it:\n{EXAMPLE}")
    if not isinstance(tables, list):
        raise BadInput(f"{path}: write [[retention]], in two brackets, once for each rule")
    rules: list[Keep] = []
    for number, table in enumerate(cast("list[object]", tables), start=1):
        try:
            rules.append(_rule(table))
        except (BadInput, ValueError) as error:
            raise BadInput(f"{path}: [[retention]] number {number}: {error}") from error
    return Retention(rules=rules)


def _rule(table: object) -> Keep:
    from signoff.storage import Keep

    if not isinstance(table, dict):
        raise BadInput("a rule is a table")
    fields = cast("dict[str, Any]", table)
    if unknown := sorted(set(fields) - {*_KNOWN}):
        raise BadInput(f"it has {', '.join(unknown)}; a rule has {', '.join(_KNOWN)}")
    subjects = fields.get("subjects", "")
    if not isinstance(subjects, str):
        raise BadInput("subjects is how their ids begin, in quotes")
    records = _span(fields, "records")
    if records is None:
        raise BadInput('records: say how long, such as "400 days"; without a rule they stay')
    return Keep(subjects=subjects, records=records, keys=_span(fields, "keys"))


def _span(fields: dict[str, Any], name: str) -> timedelta | None:
    from signoff.methodology import span_of

    said = fields.get(name, _FOR_EVER)
    if not isinstance(said, str):
        raise BadInput(f'{name} is a length of time in quotes, such as "400 days"')
    return None if said.strip().lower() == _FOR_EVER else span_of(said)
