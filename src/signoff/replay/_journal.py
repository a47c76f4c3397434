"""The journal of a replay: every answer as it came, so that the same line goes on where it was."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from signoff.diagnosis import Trial
from signoff.errors import BadInput
from signoff.ledger import Usage, canonical
from signoff.replay._lanes import Reply

JSON: TypeAlias = Mapping[str, Any]

#: The form of the file; another number is another form.
_FORM = 1

#: What a header says, in words.
_WORDS = {
    "boundary": "boundary",
    "window": "time window",
    "sample": "sample",
    "questions": "questions",
    "judged_by": "verifiers and controls",
    "baseline": "baseline",
    "candidate": "candidate",
}


class Journal:
    """An append-only file of replies. One process has it at a time.

    Args:
        path: Where; made if it does not exist.

    Raises:
        BadInput: It is no journal, a line in its middle cannot be read, or another process is at
            work on it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise BadInput(
                f"another process is at work on {path}: wait for it, or end it"
            ) from None
        #: Whether a torn last line was cut off.
        self.repaired = False
        self._torn = b""
        #: What the file says it is about; empty for a new one.
        self.header: dict[str, Any] = {}
        #: The last reply by (lane, question, number).
        self.replies: dict[tuple[str, str, int], Reply] = {}
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def begin(self, about: JSON) -> None:
        """Say what the file is about, or check that it is about the same.

        Raises:
            BadInput: It is about something else; the message says what.
        """
        if not self.header:
            self.header = {"signoff_replay": _FORM, **about}
            if self._torn and not canonical(self.header).encode().startswith(self._torn):
                raise BadInput(
                    f"{self.path} is no journal of a replay, and was left alone: give another "
                    "--journal"
                )
            os.truncate(self.path, 0)
            self._write(self.header)
            return
        for name, words in _WORDS.items():
            if canonical(self.header.get(name)) != canonical(about.get(name)):
                raise BadInput(
                    f"{self.path} is the journal of another replay: its {words} "
                    f"{'were' if words.endswith('s') else 'was'} "
                    f"{_short(self.header.get(name))}, and now {_short(about.get(name))}. "
                    "Give another --journal, or remove the file to ask everything again."
                )

    def add(self, reply: Reply) -> None:
        """Keep one reply."""
        self.replies[_place(reply)] = reply
        self._write(_body(reply))

    def close(self) -> None:
        """Let others have the file."""
        self._file.close()

    def _write(self, body: JSON) -> None:
        self._file.write(canonical(body).encode() + b"\n")
        self._file.flush()

    def _read(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            self._torn = content
            return
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                body = json.loads(line)
                if number == 1:
                    self._check_form(body)
                    self.header = body
                else:
                    reply = _reply(body)
                    self.replies[_place(reply)] = reply
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise BadInput(
                    f"{self.path}, line {number} is no line of a replay's journal "
                    f"({type(error).__name__}): give another --journal, or remove the file"
                ) from error
        if len(whole) < len(content):
            # A crash in the middle of a line: what it said is asked again.
            os.truncate(self.path, len(whole))
            self.repaired = True
        self._file.seek(0, os.SEEK_END)

    def _check_form(self, header: JSON) -> None:
        if header["signoff_replay"] != _FORM:
            raise BadInput(
                f"{self.path} is a journal of form {header['signoff_replay']}; this version of "
                f"signoff writes form {_FORM}: give another --journal"
            )


def _place(reply: Reply) -> tuple[str, str, int]:
    return (reply.lane, reply.key, reply.trial.number)


def _body(reply: Reply) -> dict[str, Any]:
    body: dict[str, Any] = {
        "question": reply.key,
        "lane": reply.lane,
        "number": reply.trial.number,
        "fingerprint": reply.fingerprint,
        "trial": asdict(reply.trial),
        "usage": asdict(reply.usage),
        "seconds": reply.seconds,
    }
    return (
        body
        | ({"because": reply.because} if reply.because else {})
        | ({"reused": True} if reply.reused else {})
    )


def _reply(body: JSON) -> Reply:
    return Reply(
        key=body["question"],
        lane=body["lane"],
        trial=Trial(**body["trial"]),
        fingerprint=dict(body["fingerprint"]),
        usage=Usage(**body["usage"]),
        seconds=float(body["seconds"]),
        because=body.get("because", ""),
        reused=body.get("reused", False),
    )


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else canonical(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
