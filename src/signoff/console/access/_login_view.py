"""What the page to sign in on shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginView:
    """What the page to sign in on shows, as `shown`.

    Attributes:
        error: Why somebody was not let in.
        by_link: Whether the console printed a link to come in by.
        passwords: Whether there is a form for name and password.
        form_token: What that form carries.
        next: Where to go afterwards.
        name: What was typed before.
        provider: Host of the OpenID Connect provider; empty without one.
        again: Whether to offer another try.
    """

    error: str = ""
    by_link: bool = False
    passwords: bool = False
    form_token: str = ""
    next: str = "/"
    name: str = ""
    provider: str = ""
    again: bool = False
