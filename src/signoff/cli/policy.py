"""`signoff policy`: check a policy, try it on cases and on what is on record, and explain one."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from signoff.cli import _policy_explain, _policy_replay
from signoff.cli._ending import Status
from signoff.cli._output import AsJson, put, show_json, show_table, styled
from signoff.cli._progress import bar
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.clock import SystemClock
from signoff.control import BadPolicy, CaseResult, Policy, PolicyReplay, Rule, read_cases
from signoff.errors import BadInput, UsageError
from signoff.reading import existing
from signoff.words import count, plain

app = typer.Typer(
    help="Check a policy, try it on cases and on what is on record, and explain what one said.",
    no_args_is_help=True,
)

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


@app.command()
def explain(
    crossing: Annotated[
        str, typer.Argument(metavar="CROSSING", help="Its id, or enough of its beginning.")
    ],
    store: StoreUrl = DEFAULT_STORE,
    json: AsJson = False,
) -> None:
    """What the policies said about one crossing, rule by rule. Times are UTC."""

    async def read() -> _policy_explain.Account:
        async with existing(store) as storage:
            return await _policy_explain.account_of(storage, crossing)

    account = asyncio.run(read())
    if json:
        show_json(_policy_explain.as_json(account))
    else:
        _policy_explain.show(account)


@app.command()
def replay(
    file: File,
    proposal: ProposalType,
    subject: SubjectType,
    principal: PrincipalType = "",
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="30d or 12h ago, or a date. By default, ever.")
    ] = "",
    until: Annotated[str, typer.Option(metavar="WHEN", help="By default, now.")] = "",
    boundary: Annotated[
        str, typer.Option(metavar="NAME", help="Only this boundary. By default, all.")
    ] = "",
    most: Annotated[int, typer.Option(min=0, help="How many examples of each kind.")] = 5,
    fail_on_change: Annotated[
        bool,
        typer.Option(
            "--fail-on-change",
            help="Exit status 1 if a decision would change, 3 if that cannot be said.",
        ),
    ] = False,
    store: StoreUrl = DEFAULT_STORE,
    json: AsJson = False,
) -> None:
    """Which recorded decisions would change under a policy. Nothing is committed."""
    types = _types(proposal, subject, principal)
    try:
        policy = PolicyReplay(Policy.load(file, **types), **types)
    except BadPolicy as bad:
        _refuse(bad, json=json)
        raise typer.Exit(Status.FAILED) from bad
    window = _policy_replay.window_of(since, until, SystemClock().now())
    found = _policy_replay.Replay(*window, boundary, most)

    async def run() -> None:
        async with existing(store) as storage:
            with bar("replaying", show=not json) as tell:
                await found.run(storage, policy, lambda done, total: tell(done, total, 0))

    asyncio.run(run())
    if json:
        show_json(_policy_replay.as_json(found, policy))
    else:
        _policy_replay.show(found, policy)
    if fail_on_change and found.changed:
        raise typer.Exit(Status.FAILED)
    if fail_on_change and found.undecided:
        raise typer.Exit(Status.UNDECIDED)


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
