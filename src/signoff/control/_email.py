"""Notices by mail."""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final, NoReturn

from signoff.boundary import EffectRefused, External
from signoff.clock import Clock, SystemClock
from signoff.control._notify import (
    Line,
    NotDelivered,
    Notice,
    check_timeout,
    in_thread,
    is_loopback,
)
from signoff.errors import UsageError
from signoff.ledger import digest

_CLOCK: Final = SystemClock()
_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-][\w.-]{0,252}", re.ASCII)
_SAYS: Final = {
    "asked": "waits for {ask}",
    "passed_on": "was passed on to {ask}",
    "expired": "was not answered in time",
}
_LONGEST_SUBJECT: Final = 150
_LONGEST_LINE: Final = 2000


def email(
    to: str,
    *,
    host: str,
    port: int = 587,
    sender: str,
    user: str = "",
    password: str = "",
    starttls: bool = True,
    name: str = "",
    timeout: float = 10.0,
    clock: Clock = _CLOCK,
) -> External[Notice, Any, str]:
    """An effect that mails a notice, in plain text, to one address.

    Its receipt is the `Message-ID`. A server's 5xx is final. All else is tried again by the outbox,
    so a notice may come twice; its `Message-ID` is then the same.

    Args:
        to: The bare address. For several people, a list that your mail server keeps, or several
            effects: an answer can only be about one.
        host: The mail server.
        port: One where STARTTLS is spoken; not 465.
        sender: The bare address that it comes from.
        user: For the mail server; empty to send without a login.
        password: Likewise.
        starttls: Encrypt, and insist on the server's certificate.
        name: What the ledger calls it and how it is found after a restart; `email:` and the address
            by default.
        timeout: Seconds until an attempt is given up.
        clock: Tells the date of the mail.

    Raises:
        UsageError: An address or the server cannot be used, or the password would be sent in clear.
    """
    for address in (to, sender):
        if not _ADDRESS.fullmatch(address):
            raise UsageError(
                f"{address[:80]!a} is not a bare mail address in ASCII. Pass one such as "
                "dana@example.com; an international domain is written xn--…"
            )
    if not re.fullmatch(r"[\w.:-]+", host, re.ASCII) or not 0 < port < 65536 or port == 465:
        raise UsageError(
            f"{host[:80]!a}, port {port}, cannot be used as a mail server. Pass a host name, and a "
            "port where STARTTLS is spoken, such as 587. On port 465 it is not: TLS comes first."
        )
    if bool(user) != bool(password) or not (user + password).isascii():
        raise UsageError("the mail server's user and password go together, and are ASCII")
    if user and not starttls and not is_loopback(host):
        raise UsageError(
            f"the password would cross the network to {host} for everybody to read. Leave "
            "starttls=True, or send without a login."
        )
    check_timeout(timeout)
    mail = _Mail(to, sender, host, port, user, password, starttls, timeout, clock)
    # Declared although nobody promises it: a notice that came twice is better than none. One try at
    # a time: the outbox waits longer between two than a run of tries would.
    return External(mail, idempotent=True, tries=1, timeout=timeout, name=name or f"email:{to}")


@dataclass(frozen=True, slots=True)
class _Mail:
    to: str
    sender: str
    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)
    starttls: bool
    timeout: float
    clock: Clock = field(repr=False, compare=False)

    async def __call__(self, notice: Notice, subject: Any, key: str) -> str:
        id = f"<{digest(key)[:40]}@{self.sender.partition('@')[2]}>"
        message = self._message(notice, id)
        try:
            await in_thread(lambda line: self._send(line, message))
        except smtplib.SMTPRecipientsRefused as error:
            self._refused(*error.recipients[self.to])
        except smtplib.SMTPAuthenticationError as error:
            self._refused(error.smtp_code, "the login was not accepted")
        except smtplib.SMTPResponseException as error:
            self._refused(error.smtp_code, error.smtp_error)
        return id

    def _message(self, notice: Notice, id: str) -> EmailMessage:
        says = _SAYS[notice.event].format(ask=notice.ask)
        happened = f"{notice.boundary} of {notice.subject} {says}"
        told = {
            "Why": notice.because,
            "Ticket": notice.ticket,
            "Crossing": notice.crossing,
            "At": notice.at,
            "Due": notice.due,
        }
        lines = [f"{label + ':':<9} {_flat(text)}" for label, text in told.items() if text]
        message = EmailMessage()
        message["Subject"] = _flat(happened, _LONGEST_SUBJECT)
        message["From"] = self.sender
        message["To"] = self.to
        message["Date"] = format_datetime(self.clock.now())
        message["Message-ID"] = id
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n".join([f"{_flat(happened)}.", "", *lines, ""]))
        return message

    def _send(self, line: Line, message: EmailMessage) -> None:
        smtp = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            line.hold(smtp.sock)
            if self.starttls:
                smtp.starttls(context=ssl.create_default_context())
                line.hold(smtp.sock)
            if self.user:
                smtp.login(self.user, self.password)
            smtp.send_message(message, self.sender, [self.to])
            with suppress(OSError):
                # Without waiting for the answer: the mail is accepted, whatever comes now.
                smtp.putcmd("quit")
        finally:
            smtp.close()

    def _refused(self, code: int, said: bytes | str) -> NoReturn:
        text = said if isinstance(said, str) else said.decode("ascii", "replace")
        because = f"{self.host} says {code}: {_flat(text, _LONGEST_SUBJECT)}"
        if 500 <= code < 600:
            raise EffectRefused(f"smtp_{code}", because)
        raise NotDelivered(because)


def _flat(text: str, longest: int = _LONGEST_LINE) -> str:
    """On one line, and nothing in it but what can be seen."""
    cut = text[: longest * 2]
    shown = " ".join("".join(c if c.isprintable() else " " for c in cut).split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
