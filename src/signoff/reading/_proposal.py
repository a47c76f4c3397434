"""A proposal as a person reads and writes it: JSON that says everything."""

from __future__ import annotations

import json
from typing import Any

from signoff.boundary import digest_of
from signoff.errors import BadInput


def read_proposal(text: str, where: str) -> Any:
    """A proposal from its JSON.

    Raises:
        BadInput: If it is none, or cannot be put on the ledger.
    """
    try:
        proposal = json.loads(text, parse_constant=_no_number)
        if proposal is not None:
            digest_of(proposal)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"{where} is no JSON: {error.msg} at {place}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} cannot be put on the ledger: {error}"[:300]) from error
    if proposal is None:
        raise BadInput(f"{where} is null: write a proposal, or deny the ticket")
    return proposal


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def exact_json(value: object) -> str:
    """Indented JSON that says everything: what a terminal would obey or hide is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False, default=str)
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)
