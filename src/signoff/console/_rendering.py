"""Pages from templates. What comes from a model, a customer or a URL is text, never markup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from signoff.clock import from_stamp
from signoff.console import _charts
from signoff.console._desk import desk_of
from signoff.console.access import Role, csrf_of
from signoff.words import compact, count, moment, plain, took

#: Characters of one value that a page shows; the rest is a link away.
SHOWN = 20_000

#: Title, path and key of what stands in the navigation.
NAVIGATION = (
    ("Approvals", "/approvals", "a"),
    ("Crossings", "/crossings", "c"),
)


def render(
    request: Request,
    template: str,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page.

    Args:
        request: What asked for it.
        template: Below `templates/`.
        status: Of the answer.
        headers: Of the answer.
        **values: For the template, besides `user`, `csrf`, `now`, `path`, `progress` and the
            functions of `_charts`.
    """
    desk = desk_of(request)
    path = request.url.path
    page = _environment().get_template(template).render(
        user=getattr(request.state, "user", None),
        csrf=csrf_of(request),
        now=desk.clock.now(),
        path=path,
        here=next((p for _, p, _ in reversed(NAVIGATION) if path == p or path.startswith(f"{p}/")),
                  ""),
        progress=desk.index.progress,
        store=desk.storage.url,
        **values,
    )  # fmt: skip
    return HTMLResponse(page, status_code=status, headers=dict(headers or {}))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("signoff.console"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Typed loosely, because jinja2 lists the types of its own filters and globals.
    names: dict[str, Any] = environment.globals
    names.update(
        NAVIGATION=NAVIGATION, Role=Role, charts=_charts, version=version("signoff"), query=query
    )
    filters: dict[str, Any] = environment.filters
    filters.update(
        {
            "ago": ago,
            "compact": compact,
            "count": count,
            "json": pretty,
            "moment": moment,
            "money": money,
            "percent": percent,
            "plain": plain,
            "short": short,
            "time": time,
            "took": took,
        }
    )
    return environment


def query(given: Mapping[str, object], /, **changed: object) -> str:
    """A query string: what was given, with changes; what is empty is left out."""
    values = {k: v for k, v in {**given, **changed}.items() if v not in (None, "")}
    return f"?{urlencode(values, doseq=True)}" if values else "?"


def pretty(value: object, most: int = SHOWN) -> str:
    """A JSON value on several lines; shortened, and saying so."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    text = "\n".join(plain(line) for line in text.split("\n"))
    if len(text) > most:
        return f"{text[:most]}\n… {len(text) - most:,} more characters"
    return text


def short(id: str) -> str:
    """As much of an id as people read."""
    return id[:12]


def percent(share: float | None) -> str:
    """`0.421` as `42.1 %`; a dash where there is nothing to tell."""
    return "-" if share is None else f"{100 * share:.1f} %"


def money(usd: float | None) -> str:
    """Dollars; small amounts with more digits."""
    if not usd:
        return "$0"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.3g}"


def time(stamp: str) -> Markup:
    """An instant, for people and for programs."""
    if not stamp:
        return Markup("")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(stamp, moment(stamp))


def ago(stamp: str, now: datetime) -> str:
    """How long ago, or how far ahead, an instant is."""
    if not stamp:
        return ""
    seconds = (now - from_stamp(stamp)).total_seconds()
    return f"{took(seconds)} ago" if seconds >= 1 else f"in {took(max(-seconds, 1))}"


__all__ = ["NAVIGATION", "SHOWN", "escape", "pretty", "query", "render"]
