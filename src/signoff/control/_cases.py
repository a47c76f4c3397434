"""Cases for a policy: what it should say about given proposals, in a YAML file beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from signoff.boundary import Reject, adapter_of
from signoff.control._cel import require_cel
from signoff.control._errors import BadPolicy, Problem
from signoff.control._policy import Policy
from signoff.control._policy_file import validated
from signoff.control._yaml import Document, Keys, read_file, read_yaml, spelled


class _CaseForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    proposal: Any
    subject: Any
    principal: Any = None
    tenant: str = ""
    expect: Literal["accept"] | Annotated[list[str], Field(min_length=1)]


class _CasesForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    cases: list[_CaseForm]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What a policy said about a case.

    Attributes:
        case: The case's name.
        expected: The codes that should be there, sorted; empty for `accept`.
        rejects: What the policy said.
    """

    case: str
    expected: tuple[str, ...]
    rejects: tuple[Reject, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes that are there, each once, sorted."""
        return tuple(sorted({reject.code for reject in self.rejects}))

    @property
    def holds(self) -> bool:
        """Whether the policy said what was expected."""
        return self.codes == self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One proposal about one subject, and the codes that a policy should object with."""

    name: str
    proposal: object
    subject: object
    principal: object
    tenant: str
    expect: tuple[str, ...]

    def ask(self, policy: Policy) -> CaseResult:
        """What a policy says about it."""
        rejects = policy.judge(
            self.proposal, self.subject, principal=self.principal, tenant=self.tenant
        )
        return CaseResult(case=self.name, expected=self.expect, rejects=rejects)


def read_cases(
    path: str | Path, *, proposal: Any, subject: Any, principal: Any = None
) -> tuple[Case, ...]:
    """Read a file of cases; its values become proposals and subjects of these types.

    Raises:
        BadPolicy: With line and column of what does not fit.
    """
    require_cel()
    document = read_yaml(read_file(path), str(path))
    forms = validated(document, _CasesForm).cases
    problems: list[Problem] = []
    cases: list[Case] = []
    for at, form in enumerate(forms):

        def made(name: str, type_: Any, value: Any, at: int = at) -> object:
            if type_ is None:
                if value is not None:
                    keys: Keys = ("cases", at, name)
                    problems.append(document.problem(keys, f"no type was given for the {name}"))
                return None
            return _made(document, ("cases", at, name), type_, value, problems)

        cases.append(
            Case(
                name=form.name,
                proposal=made("proposal", proposal, form.proposal),
                subject=made("subject", subject, form.subject),
                principal=None
                if form.principal is None
                else made("principal", principal, form.principal),
                tenant=form.tenant,
                expect=() if form.expect == "accept" else tuple(sorted(set(form.expect))),
            )
        )
    if problems:
        raise BadPolicy(str(path), problems)
    return tuple(cases)


def _made(
    document: Document, keys: Keys, type_: Any, value: Any, problems: list[Problem]
) -> object:
    try:
        # As JSON, so that times and enums are read even where a model is strict about Python's.
        return adapter_of(type_).validate_json(json.dumps(value))
    except ValidationError as error:
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            where = (*keys, *each["loc"])
            problems.append(document.problem(where, f"{spelled(where)}: {each['msg']}"))
        return None
