"""Who came and went, for the log. Never a secret, and one line each whatever a name holds."""

from __future__ import annotations

import json
import logging

_LOG = logging.getLogger("signoff.console")


def note(what: str, **fields: str) -> None:
    """Log that somebody came, was refused, or went.

    Args:
        what: In a few words of ours.
        **fields: From anywhere; what a terminal or a reader of logs would obey is escaped.
    """
    told = " ".join(f"{name}={json.dumps(value[:200])}" for name, value in fields.items())
    _LOG.info("%s %s", what, told)
