"""Pages from templates. What comes from a model, a customer or a URL is text, never markup."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from signoff.console._charts import lifeline, line, stacked
from signoff.console._desk import desk_of
from signoff.console.access import BACKGROUND, Role, csrf_of
from signoff.reading import countdown, exact_json
from signoff.words import compact, count, moment, plain, took

#: Characters of one value that a page shows; the rest is a link away.
SHOWN = 20_000

#: Title, path and key of what stands in the navigation.
NAVIGATION = (
    ("Overview", "/", "o"),
    ("Crossings", "/crossings", "c"),
    ("Subjects", "/subjects", "s"),
    ("Approvals", "/approvals", "a"),
    ("Controls", "/controls", "k"),
    ("Diagnosis", "/diagnosis", "d"),
    ("Reliability", "/reliability", "r"),
    ("Replay", "/replay", "p"),
    ("Decisions", "/decisions", "e"),
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
        **values: For the template, besides `user`, `csrf`, `now`, `here`, `progress`, `lag` and
            `store`.
    """
    desk = desk_of(request)
    text = (
        _environment()
        .get_template(template)
        .render(
            user=getattr(request.state, "user", None),
            csrf=csrf_of(request),
            now=desk.clock.now(),
            here=_here(request.url.path),
            progress=desk.index.progress,
            lag=desk.lag,
            store=desk.storage.url,
            **values,
        )
    )
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))


def _here(path: str) -> str:
    """Which entry of the navigation a path belongs to; empty if to none."""
    if path == "/":
        return path
    pages = (page for _, page, _ in NAVIGATION if page != "/")
    return next((page for page in pages if f"{path}/".startswith(f"{page}/")), "")


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
        BACKGROUND=BACKGROUND,
        NAVIGATION=NAVIGATION,
        Role=Role,
        query=query,
        lifeline=lifeline,
        line=line,
        stacked=stacked,
        version=version("signoff"),
    )
    filters: dict[str, Any] = environment.filters
    filters.update(
        {
            "compact": compact,
            "count": count,
            "countdown": countdown,
            "json": pretty,
            "moment": moment,
            "money": money,
            "plain": plain,
            "short": short,
            "shortened": shortened,
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
    return shortened(exact_json(value), most)


def shortened(text: str, most: int = SHOWN) -> str:
    """The beginning of a text, and how much more there is."""
    return text if len(text) <= most else f"{text[:most]}\n… {len(text) - most:,} more characters"


def short(id: str) -> str:
    """As much of an id as people read."""
    return id[:12]


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
