"""What a request brings: read whole, and no more of it than is allowed."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.types import Message, Receive

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1000


class TooLarge(Exception):
    """A request brings more than is taken; the message says how much that is."""


async def read_body(request: Request, most: int) -> bytes:
    """A request's body.

    Args:
        request: Of which nothing has been read.
        most: Bytes that are taken.

    Raises:
        TooLarge: If there are more, or more are announced.
        ClientDisconnect: If the rest does not come.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"At most {most:,} bytes are taken.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(f"At most {most:,} bytes are taken.")
    return bytes(body)


def read_form(request: Request, body: bytes) -> FormData | None:
    """The form in a body; None if it is no form that a page of ours sends."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return None
    try:
        fields = parse_qsl(
            body.decode("latin-1"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        return None
    return FormData(list[tuple[str, str | UploadFile]](fields))


def replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read to whoever reads it next."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
