"""How a run of the renewal agent is shown."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from signoff.cli._output import show_fields, show_table
from signoff.cli._renewal_run import Plan, Result, Unguarded
from signoff.control import ServiceLevel
from signoff.words import took
from signoff.workloads.contract_renewal.customers import Customer

_ENDINGS = ("renewed", "renewed_with_offer", "churned", "restructured", "escalated")

_DAMAGE = {
    "over_cap": "offers mailed above the customer's cap",
    "not_a_discount": "offers mailed without a usable discount",
    "wrong_customer": "effects on the wrong customer",
    "wrong_price": "contracts and invoices at a wrong price",
    "wrong_ending": "effects against the customer's reply",
    "doubles": "effects that happened twice or more",
    "orphans": "renewals closed in one system and not in another",
    "missing": "renewals that a service never heard of",
}

_ASKED = {
    "budget": "no acceptable proposal within the budget",
    "merger": "contracts merged",
    "deep discount": "a deep discount on a large contract",
    "surprise": "a long contract, and the customer wants to leave",
}


def outcome_tables(plan: Plan, customers: list[Customer], result: Result) -> None:
    """Print what came of a run."""
    report = result.report
    total = len(customers)
    names = [*_ENDINGS, *(name for name in report.endings if name not in _ENDINGS)]
    show_table(
        ("outcome", "renewals", "share"),
        [
            (name, report.endings.get(name, 0), f"{report.endings.get(name, 0) / total:.1%}")
            for name in names
        ],
        numbers=("renewals", "share"),
    )
    print()
    if report.objections:
        show_table(
            ("proposals refused", "times"), list(report.objections.items()), numbers=("times",)
        )
        print()
    if report.asked:
        show_table(
            ("a person was asked", "renewals"),
            [(_ASKED.get(control, control), number) for control, number in report.asked.items()],
            numbers=("renewals",),
        )
        print()
        _show_service(report.service)
    if result.damage is not None:
        found = [
            f"{number:,} {_DAMAGE[name]}"
            for name, number in asdict(result.damage).items()
            if number
        ]
        print(f"In the services' own accounts: {', '.join(found) or 'nothing out of policy'}.")
        print()
    show_fields(
        [
            ("questions asked", f"{report.attempts:,} times, {report.repaired:,} answers repaired"),
            ("ledger", f"{result.store}, {report.records:,} records"),
            ("sealed", report.root),
            ("took", f"{result.seconds:.1f} s"),
            ("look at one", f"{_program()} ledger show {customers[0].customer_id}{_store(plan)}"),
            ("prove it", f"{_program()} ledger verify{_store(plan)}"),
        ]
    )


def _show_service(levels: Sequence[ServiceLevel]) -> None:
    """How the scripted reviewers answered."""
    counts = ("asked", "answered", "approved", "edited", "passed_on", "void", "open")
    columns = [*(name.replace("_", " ") for name in counts), "median", "longest", "in time"]
    rows = [
        (
            level.ask,
            *(getattr(level, name) for name in counts),
            *(
                "" if seconds is None else took(seconds)
                for seconds in (level.median, level.longest)
            ),
            "" if level.in_time is None else f"{level.in_time:.1%}",
        )
        for level in levels
    ]
    show_table(("reviewers", *columns), rows, numbers=columns)
    print()


def comparison_table(result: Result, unguarded: Unguarded) -> None:
    """Print the damage with and without a boundary."""
    guarded = None if result.damage is None else asdict(result.damage)
    print()
    show_table(
        ("damage", "unguarded", "with signoff"),
        [
            (text, asdict(unguarded.damage)[name], "unknown" if guarded is None else guarded[name])
            for name, text in _DAMAGE.items()
        ],
        numbers=("unguarded", "with signoff"),
    )
    print(f"The unguarded run took {unguarded.seconds:.1f} s.")


def _program() -> str:
    """How this program can be called again from here."""
    called = Path(sys.argv[0])
    if called.name != "signoff" or shutil.which("signoff") == str(called.absolute()):
        return "signoff"
    return os.path.relpath(called)


def _store(plan: Plan) -> str:
    from signoff.cli._store import DEFAULT_STORE
    from signoff.storage import without_password

    return "" if plan.store == DEFAULT_STORE else f" --store {without_password(plan.store)}"
