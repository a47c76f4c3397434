"""What diagnosis found, as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from signoff.cli._output import put, show_table, styled
from signoff.words import count, moment

if TYPE_CHECKING:
    from signoff.diagnosis import Diagnosis, Finding, Signature

_STYLES = {"critical": "bold red", "serious": "bold yellow", "minor": "bold"}

#: Occurrences that are named on a terminal.
_NAMED = 3

#: Characters of a crossing's id that are shown; `signoff ledger show --crossing` takes them.
_SHORT = 12


def show(diagnosis: Diagnosis, store: str) -> None:
    """Print every finding: what, where, how often, why, and what to do."""
    span = f"{moment(diagnosis.first)} to {moment(diagnosis.last)}" if diagnosis.records else ""
    looked = f"{count(diagnosis.records, 'record')}, {count(diagnosis.crossings, 'crossing')}"
    put(styled(f"looked at {looked}{f', {span}' if span else ''}", "dim"))
    for finding in diagnosis.findings:
        print()
        _show(finding)
    print()
    if diagnosis.unreadable:
        first = diagnosis.unread[0]
        told = f"{count(diagnosis.unreadable, 'record')} could not be read, at first record "
        put(styled(f"{told}{first.position}: {first.because}"))
    if diagnosis.healthy:
        print("No signature was found.")
    else:
        numbers = count(len(diagnosis.findings), "finding")
        put(styled(f"{numbers}. Look at one: signoff ledger show --crossing ID --store {store}"))


def _show(finding: Finding) -> None:
    from rich.table import Table

    signature = finding.signature
    style = _STYLES[signature.severity]
    put(styled(f"{signature.code}  {signature.title}", style))
    table = Table.grid(padding=(0, 2, 0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _lines(finding):
        table.add_row(name, styled(value, most=500))
    put(table)


def _lines(finding: Finding) -> list[tuple[str, str]]:
    lines = [("where", finding.where or "(not known)"), ("found", often(finding))]
    if finding.told:
        lines.append(("", finding.told))
    named = [_name(each.crossing, each.subject) for each in finding.evidence[:_NAMED]]
    if named:
        more = finding.count - len(named)
        tail = f", and {more:,} more" if more > 0 else ""
        lines.append(("evidence", ", ".join(named) + tail))
    lines.append(("cause", finding.cause))
    for number, correction in enumerate(finding.corrections, start=1):
        lines.append(("do" if number == 1 else "", f"{number}. {correction}"))
    return lines


def _name(crossing: str, subject: str) -> str:
    return f"{crossing[:_SHORT]} ({subject})" if crossing else subject


def often(finding: Finding) -> str:
    """How often, of how many, with the interval; and whether that is proved."""
    told = count(finding.count, "time")
    if finding.of:
        told += f" of {finding.of:,}"
        interval = finding.interval
        if interval is not None and interval.low >= 0:
            told += f" ({interval.low:.1%} to {interval.high:.1%}, 99 %)"
    severity = finding.signature.severity
    return f"{told}; {severity}, {finding.strength}"


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The whole diagnosis, for programs."""
    return {
        "healthy": diagnosis.healthy,
        "records": diagnosis.records,
        "crossings": diagnosis.crossings,
        "first": diagnosis.first,
        "last": diagnosis.last,
        "findings": [_finding(finding) for finding in diagnosis.findings],
        "unreadable": diagnosis.unreadable,
        "unread": [
            {"position": each.position, "because": each.because} for each in diagnosis.unread
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    signature, interval = finding.signature, finding.interval
    return {
        "code": signature.code,
        "pattern": signature.pattern,
        "title": signature.title,
        "severity": signature.severity,
        "strength": finding.strength,
        "where": finding.where,
        "count": finding.count,
        "of": finding.of,
        "rate": finding.rate,
        "interval": None if interval is None else [interval.low, interval.high],
        "told": finding.told,
        "cause": finding.cause,
        "corrections": list(finding.corrections),
        "evidence": [
            {"position": each.position, "subject": each.subject, "crossing": each.crossing}
            for each in finding.evidence
        ],
    }


def show_catalogue(signatures: Sequence[Signature]) -> None:
    """Print what is looked for."""
    rows = [
        [each.code, each.title, each.severity, threshold(each), each.evidence]
        for each in signatures
    ]
    show_table(("code", "signature", "severity", "from", "what is looked at"), rows)


def threshold(signature: Signature) -> str:
    """From when on it is a finding."""
    told = count(signature.minimum_evidence, "time")
    return f"{told}, above {signature.tolerance:.0%}" if signature.tolerance else told


def catalogue_as_json(signatures: Sequence[Signature]) -> list[dict[str, Any]]:
    """What is looked for, for programs."""
    return [
        {
            "code": each.code,
            "pattern": each.pattern,
            "title": each.title,
            "severity": each.severity,
            "strength": each.strength,
            "evidence": each.evidence,
            "minimum_evidence": each.minimum_evidence,
            "tolerance": each.tolerance,
            "cause": each.cause,
            "corrections": list(each.corrections),
        }
        for each in signatures
    ]
