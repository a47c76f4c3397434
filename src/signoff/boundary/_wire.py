"""The three shapes in which a model is told no. None can be read as a success."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from signoff.boundary._verdict import Rejection, gravest

Shape = Literal["retryable", "terminal", "unknown"]

_TELL: dict[Shape, str] = {
    "retryable": "Nothing was done. Change what is listed and propose again.",
    "terminal": (
        "Nothing was done, and it will not be. Do not try another way; say that it was refused."
    ),
    "unknown": (
        "It is not known whether this was done. Do not claim that it was, "
        "do not claim that it was not, and do not repeat it."
    ),
}


def wire_shape(
    rejections: Sequence[Rejection], *, ended: bool = False, unknown: bool = False
) -> dict[str, Any]:
    """What a proposer (or a model that called a tool) is told, JSON-ready.

    Args:
        rejections: Objections to the last attempt.
        ended: The crossing is over: no further attempt will be asked for.
        unknown: An effect may or may not have happened.

    Returns:
        `status` is always `"not_done"` or `"unknown"`, never a success; `kind` is one of
        `retryable`, `terminal`, `unknown`; `retry` says whether to propose again.
    """
    shape: Shape
    if unknown:
        shape = "unknown"
    elif ended or (rejections and gravest(tuple(rejections)) != "revise"):
        shape = "terminal"
    else:
        shape = "retryable"
    told: dict[str, Any] = {
        "status": "unknown" if shape == "unknown" else "not_done",
        "kind": shape,
        "retry": shape == "retryable",
        "instruction": _TELL[shape],
    }
    if rejections:
        told["rejections"] = [
            {
                "code": rejection.code,
                "message": rejection.message,
                **({"path": rejection.path} if rejection.path else {}),
            }
            for rejection in rejections
        ]
    return told
