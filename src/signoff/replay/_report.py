"""A comparison as a page of Markdown, as JSON, and as a JUnit report; hostile text stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from signoff.replay._compared import Compared, Comparison
from signoff.replay._tables import Table, tables

#: Of the JSON document; a field that changes its meaning raises it.
_VERSION = 1

#: Inputs that JSON and JUnit list one by one.
_MOST_INPUTS = 5_000

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKDOWN = re.compile(r"[\\`*_\[\]<>#|~!$]")


def as_json(comparison: Comparison, /, **about: object) -> dict[str, Any]:
    """The comparison for programs.

    Args:
        comparison: What was found.
        **about: What else to tell, such as where the trials come from; JSON values.

    Returns:
        `version` (1), `about`, and the fields of `Comparison` by their names, shares from 0 to 1,
        intervals as `[low, high]`. `inputs` lists only what is not the same, 5,000 at most, and
        `inputs_total` counts all.
    """
    document: dict[str, Any] = asdict(comparison)
    document = {"version": _VERSION, "about": about, **document}
    for part in (document["baseline"], document["candidate"], document["acceptance"]):
        _flatten(part)
    document["levels"] = {level.pop("level"): _flatten(level) for level in document["levels"]}
    document["variance_measured"] = comparison.variance_measured
    changed = [asdict(each) for each in comparison.inputs if each.kind != "same"]
    document["inputs"] = changed[:_MOST_INPUTS]
    document["inputs_total"] = len(comparison.inputs)
    return document


def _flatten(part: dict[str, Any] | None) -> dict[str, Any] | None:
    if part is not None and (interval := part["interval"]) is not None:
        part["interval"] = [interval["low"], interval["high"]]
    return part


def as_markdown(comparison: Comparison, /, **about: object) -> str:
    """The comparison as a page for people: the decision first, then what it rests on.

    Args:
        comparison: What was found.
        **about: What else to tell, a line each.
    """
    lines = [f"# {comparison.decision}", "", f"{_text(comparison.reasons[0])}.", ""]
    lines += [f"* {_text(reason)}" for reason in comparison.reasons[1:]]
    if comparison.notes:
        lines += ["", "What is not known:", "", *(f"* {_text(note)}" for note in comparison.notes)]
    for table in tables(comparison):
        lines += ["", f"## {table.title}", "", *_laid_out(table)]
    if about:
        lines += ["", "## About", ""]
        lines += [f"* {_text(name)}: {_text(str(value))}" for name, value in about.items()]
    return "\n".join(lines) + "\n"


def _laid_out(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(table.columns)} |"
    rules = ("---:" if name in table.numbers else "---" for name in table.columns)
    yield f"| {' | '.join(rules)} |"
    for row in table.rows:
        yield f"| {' | '.join(map(_text, row))} |"


def _text(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no link, no mention, no HTML."""
    text = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
    text = text.replace("&", "&amp;").replace("@", "&#64;")
    text = _MARKDOWN.sub(r"\\\g<0>", text)
    return text.replace("://", ":&#47;/").replace("www.", "www&#46;")


def as_junit(comparison: Comparison, /, **about: object) -> str:
    """The comparison as JUnit XML, for a pipeline that shows test results.

    The case `decision` fails on `HOLD` and is an error on `REVIEW`. Then there is a case for each
    input: it fails if the candidate is accepted on it less often and the decision is `HOLD`, and is
    skipped if only one lane has it. With more than 5,000 inputs there is one for each kind instead.

    Args:
        comparison: What was found.
        **about: Properties of the suite.
    """
    cases = [_decided(comparison)]
    if len(comparison.inputs) <= _MOST_INPUTS:
        cases += [_case(each, comparison.decision == "HOLD") for each in comparison.inputs]
    else:
        kinds = sorted(comparison.kinds.items())
        cases += [_element("kind", f"{kind}: {number} inputs") for kind, number in kinds]
    counts = {
        name: sum(f"<{element}" in case for case in cases)
        for name, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    told = " ".join(f'{name}="{number}"' for name, number in counts.items())
    properties = "".join(
        f"\n  <property name={_attribute(name)} value={_attribute(str(value))}/>"
        for name, value in _properties(comparison, about).items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites>\n<testsuite name="signoff replay" tests="{len(cases)}" {told}>\n'
        f"<properties>{properties}\n</properties>\n"
        + "\n".join(cases)
        + "\n</testsuite>\n</testsuites>\n"
    )


def _properties(comparison: Comparison, about: Mapping[str, object]) -> dict[str, object]:
    return {
        "decision": comparison.decision,
        "baseline": ", ".join(comparison.baseline.models),
        "candidate": ", ".join(comparison.candidate.models),
        **{f"inputs.{kind}": number for kind, number in sorted(comparison.kinds.items())},
        **about,
    }


def _decided(comparison: Comparison) -> str:
    words = "\n".join((*comparison.reasons, *comparison.notes))
    if comparison.decision == "SHIP":
        return _element("decision", "decision", f"<system-out>{_xml(words)}</system-out>")
    tag = "failure" if comparison.decision == "HOLD" else "error"
    message = _attribute(comparison.reasons[0])
    inner = f'<{tag} type="{comparison.decision}" message={message}>{_xml(words)}</{tag}>'
    return _element("decision", "decision", inner)


def _case(each: Compared, held: bool) -> str:
    inner = ""
    if each.kind == "alone":
        inner = '<skipped message="only one lane has it"/>'
    elif held and each.worse:
        inner = f'<failure type="{each.kind}" message="the candidate is accepted less often"/>'
    return _element(each.group or "input", each.input, inner)


def _element(group: str, name: str, inner: str = "") -> str:
    return f"<testcase classname={_attribute(group)} name={_attribute(name)}>{inner}</testcase>"


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text))


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))
