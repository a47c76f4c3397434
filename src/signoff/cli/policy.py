"""`signoff policy`: check a policy file, and try it on cases, before anything relies on it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from signoff.cli._ending import Status
from signoff.cli._output import AsJson, count, plain, put, show_json, show_table, styled
from signoff.control import BadPolicy, CaseResult, Policy, Rule, read_cases
from signoff.errors import BadInput, UsageError

app = typer.Typer(help="Check a policy file, and try it on cases.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The policy, in YAML.")]
Cases = Annotated[Path, typer.Argument(metavar="CASES", help="The cases, in YAML.")]
ProposalType = Annotated[
    str, typer.Option("--proposal", metavar="MODULE:CLASS", help="The type of the proposal.")
]
SubjectType = Annotated[
    str, typer.Option("--subject", metavar="MODULE:CLASS", help="The type of the subject.")
]
PrincipalType = Annotated[
    str,
    typer.Option("--principal", metavar="MODULE:CLASS", help="The type of who asks, if rules do."),
]


@app.command()
def check(
    file: File,
    proposal: ProposalType,
    subject: SubjectType,
    principal: PrincipalType = "",
    json: AsJson = False,
) -> None:
    """Check a policy against the types it will judge. Exit status 1 if anything is wrong."""
    try:
        policy = Policy.load(file, **_types(proposal, subject, principal))
    except BadPolicy as bad:
        _refuse(bad, json=json)
        raise typer.Exit(Status.FAILED) from bad
    if json:
        show_json({"valid": True, **_as_json(policy)})
        return
    put(styled(f"{policy.label}, digest {policy.digest[:12]}, default {policy.default}"))
    _show_rules("", policy.rules())
    for tenant in policy.tenants:
        _show_rules(tenant, policy.rules(tenant))


@app.command("test")
def try_(
    file: File,
    cases: Cases,
    proposal: ProposalType,
    subject: SubjectType,
    principal: PrincipalType = "",
    json: AsJson = False,
) -> None:
    """Ask a policy about cases. Exit status 1 if it says anything else than they expect."""
    types = _types(proposal, subject, principal)
    try:
        policy = Policy.load(file, **types)
        results = [case.ask(policy) for case in read_cases(cases, **types)]
    except BadPolicy as bad:
        _refuse(bad, json=json)
        raise typer.Exit(Status.FAILED) from bad
    failed = [result for result in results if not result.holds]
    if json:
        show_json({"passed": not failed, "cases": [_case_as_json(result) for result in results]})
    else:
        _show_results(results)
        print(f"{count(len(results), 'case')}, {len(failed)} failed")
    if failed:
        raise typer.Exit(Status.FAILED)


def _types(proposal: str, subject: str, principal: str) -> dict[str, Any]:
    return {
        "proposal": _imported("--proposal", proposal),
        "subject": _imported("--subject", subject),
        "principal": _imported("--principal", principal) if principal else None,
    }


def _imported(option: str, name: str) -> Any:
    module, _, path = name.partition(":")
    if not (module and path):
        raise UsageError(
            f"{option} is {name!r}; write module:Class, such as renewals.subject:Offer"
        )
    # Types usually live beside the policy, in a folder that is not installed.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{option} {name} cannot be imported: {error}") from error
    except Exception as error:
        raise BadInput(
            f"{option} {name}: its module fails: {type(error).__name__}: {error}"
        ) from error
    return found


def _refuse(bad: BadPolicy, *, json: bool) -> None:
    if json:
        problems = [
            {"line": p.line, "column": p.column, "message": p.message} for p in bad.problems
        ]
        show_json({"valid": False, "file": bad.source, "problems": problems})
        return
    for line in str(bad).splitlines():
        print(plain(line), file=sys.stderr)


def _show_rules(tenant: str, rules: tuple[Rule, ...]) -> None:
    if tenant:
        put(styled(f"\nfor tenant {tenant}"))
    rows = [
        (number, rule.id, rule.then, rule.code, " ".join(rule.when.split()), ", ".join(rule.reads))
        for number, rule in enumerate(rules, 1)
    ]
    show_table(("", "rule", "then", "code", "when", "reads"), rows, numbers=("",))


def _show_results(results: list[CaseResult]) -> None:
    rows = [
        (
            "ok" if result.holds else "FAIL",
            result.case,
            ", ".join(result.expected) or "accept",
            "" if result.holds else ", ".join(result.codes) or "accept",
        )
        for result in results
    ]
    show_table(("", "case", "expected", "said instead"), rows)


def _as_json(policy: Policy) -> dict[str, Any]:
    return {
        "policy": policy.name,
        "version": policy.version,
        "digest": policy.digest,
        "default": policy.default,
        "rules": [_rule_as_json(rule) for rule in policy.rules()],
        "tenants": {
            tenant: [_rule_as_json(rule) for rule in policy.rules(tenant)]
            for tenant in policy.tenants
        },
    }


def _rule_as_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "when": rule.when,
        "then": rule.then,
        "code": rule.code,
        "path": rule.path,
        "reads": list(rule.reads),
        "shows": list(rule.shows),
    }


def _case_as_json(result: CaseResult) -> dict[str, Any]:
    rejects = [
        {
            "code": reject.code,
            "message": reject.message,
            "then": reject.then,
            "path": reject.path,
            "details": dict(reject.details),
        }
        for reject in result.rejects
    ]
    expected = list(result.expected) or "accept"
    return {
        "name": result.case,
        "passed": result.holds,
        "expected": expected,
        "rejects": rejects,
    }
