"""What a request asks for, read from its address; whatever is nonsense is refused in words."""

from __future__ import annotations

from starlette.requests import Request

from signoff.errors import BadInput

#: Characters that one value of an address may have.
_LONGEST = 500

#: Pages that a list can be turned to.
_LAST = 100_000


def asked(request: Request, name: str) -> str:
    """A value of the query; empty if it is not there.

    Raises:
        BadInput: If it is longer than anything that is looked for.
    """
    value = request.query_params.get(name, "").strip()
    if len(value) > _LONGEST or "\0" in value:
        raise BadInput(f"{name} is longer than anything that could be found, or no text")
    return value


def page_of(request: Request) -> int:
    """The number of the page that a list shows, from 1.

    Raises:
        BadInput: If it is no such number.
    """
    return whole_number(request, "page", 1, most=_LAST)


def whole_number(request: Request, name: str, otherwise: int, *, most: int = 1 << 53) -> int:
    """A number of the query, from 1 to `most`.

    Raises:
        BadInput: If it is no such number.
    """
    text = asked(request, name) or str(otherwise)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise BadInput(f"{text[:20]!r} is no {name}")
    return int(text)
