"""The YAML form of a policy: what may stand in the file, and the rules that come of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic import Field as Of

from signoff.boundary import Consequence
from signoff.control._errors import BadPolicy, Problem
from signoff.control._fields import Field, Fields
from signoff.control._predicate import Complaint, Conditions, Language, Misread
from signoff.control._template import Template, template
from signoff.control._yaml import Document, Keys, spelled

_MOST_RULES = 1000

T = TypeVar("T")

_Name = Annotated[str, Of(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Id = Annotated[str, Of(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
_Code = Annotated[str, Of(max_length=100, pattern=r"^[a-z][a-z0-9_]*$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RuleForm(_Form):
    """One rule, as it is written."""

    id: _Id
    when: Annotated[str, Of(min_length=1)]
    then: Literal["revise", "stop", "escalate", "allow"]
    code: _Code = ""
    message: Annotated[str, Of(max_length=1000)] = ""
    path: Annotated[str, Of(max_length=200)] = ""

    @model_validator(mode="after")
    def _says_what_it_does(self) -> RuleForm:
        if self.then == "allow":
            if self.code or self.message or self.path:
                raise ValueError("a rule that allows has no code, message or path")
        elif not (self.code and self.message):
            raise ValueError("a rule that objects has a code and a message")
        return self


class _TenantForm(_Form):
    rules: list[RuleForm] = []
    without: list[_Id] = []


class PolicyForm(_Form):
    """A whole policy file, as it is written."""

    policy: _Name
    version: _Name
    default: Literal["allow", "reject"]
    rules: list[RuleForm]
    tenants: dict[_Name, _TenantForm] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a policy.

    Attributes:
        id: Names it, in the policy and on the ledger.
        when: The condition; the rule fires where it holds.
        then: What follows for the crossing; `allow` lets it pass under `default: reject`.
        code: The rejection's code.
        message: The rejection's message, with its references.
        path: Which field of the proposal it is about.
        reads: The paths that its condition reads.
        shows: The paths that its message reads.
    """

    id: str
    when: str
    then: Consequence | Literal["allow"]
    code: str
    message: Template
    path: str
    reads: tuple[str, ...]
    shows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules that one tenant is judged by, in their order, and the fields that they read."""

    rules: tuple[Rule, ...]
    conditions: Conditions
    reads: tuple[tuple[str, Field], ...]


def validated(document: Document, type_: type[T]) -> T:
    """A document's value as a form.

    Raises:
        BadPolicy: With the place of everything that does not fit.
    """
    try:
        return TypeAdapter(type_).validate_python(document.value)
    except ValidationError as error:
        problems = [
            document.problem(_written(each["loc"]), _told(each["loc"], each["msg"]))
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise BadPolicy(document.source, problems) from error


def _written(loc: Sequence[str | int]) -> Keys:
    return tuple(loc[:-1] if loc and loc[-1] == "[key]" else loc)


def _told(loc: Sequence[str | int], message: str) -> str:
    said = {
        "Extra inputs are not permitted": "there is no such field",
        "Field required": "is missing",
    }.get(message, message.removeprefix("Value error, "))
    if said.startswith("Input should be a valid dictionary"):
        said = "a mapping of fields to values is expected here"
    if said.startswith("String should match pattern"):
        said = "has characters that are not allowed here"
    where = spelled(_written(loc))
    return f"{where}: {said}" if where else said


@dataclass(frozen=True, slots=True)
class _Written:
    """A rule with its place in the file."""

    form: RuleForm
    keys: Keys


def rule_sets(
    form: PolicyForm, document: Document, fields: Fields, language: Language
) -> tuple[RuleSet, Mapping[str, RuleSet]]:
    """The rules for everybody, and for each tenant that has rules of its own.

    Raises:
        BadPolicy: If a rule reads what does not exist, compares what cannot be compared, or
            stands twice.
    """
    problems = list(_misplaced(form, document))
    if problems:
        raise BadPolicy(document.source, problems)
    maker = _Maker(document, fields, language, allows_all=form.default == "allow")
    base = [_Written(rule, ("rules", at)) for at, rule in enumerate(form.rules)]
    everybody = maker.make(base)
    tenants: dict[str, RuleSet | None] = {}
    for name, tenant in form.tenants.items():
        own = {
            rule.id: _Written(rule, ("tenants", name, "rules", at))
            for at, rule in enumerate(tenant.rules)
        }
        kept = [own.pop(each.form.id, each) for each in base if each.form.id not in tenant.without]
        tenants[name] = maker.make([*kept, *own.values()])
    if maker.problems or everybody is None:
        raise BadPolicy(document.source, sorted(maker.problems))
    return everybody, {name: rules for name, rules in tenants.items() if rules is not None}


def _misplaced(form: PolicyForm, document: Document) -> Iterator[Problem]:
    written = len(form.rules) + sum(len(tenant.rules) for tenant in form.tenants.values())
    if written > _MOST_RULES:
        yield document.problem(("rules",), f"there are more than {_MOST_RULES:,} rules")
    lists: list[tuple[Keys, list[RuleForm]]] = [(("rules",), form.rules)]
    lists += [(("tenants", name, "rules"), one.rules) for name, one in form.tenants.items()]
    for keys, rules in lists:
        seen: set[str] = set()
        for at, rule in enumerate(rules):
            if rule.id in seen:
                yield document.problem((*keys, at, "id"), f"rule {rule.id} is there twice")
            seen.add(rule.id)
    base = {rule.id for rule in form.rules}
    for name, tenant in form.tenants.items():
        own = {rule.id for rule in tenant.rules}
        for at, id in enumerate(tenant.without):
            if id not in base:
                yield document.problem(
                    ("tenants", name, "without", at), f"there is no rule {id} to do without"
                )
            elif id in own:
                yield document.problem(
                    ("tenants", name, "without", at), f"rule {id} is replaced and done without"
                )


class _Maker:
    """Makes sets of rules; keeps what was wrong with any of them."""

    def __init__(
        self, document: Document, fields: Fields, language: Language, *, allows_all: bool
    ) -> None:
        self._document = document
        self._fields = fields
        self._language = language
        self._allows_all = allows_all
        self._templates: dict[Keys, Template] = {}
        self.problems: set[Problem] = set()

    def make(self, written: Sequence[_Written]) -> RuleSet | None:
        """A set of rules; None if something is wrong with one."""
        for each in written:
            if each.keys not in self._templates:
                self._templates[each.keys] = self._message(each)
        try:
            conditions = self._language.compile(
                [each.form.when.rstrip() for each in written], self._fields
            )
        except Misread as misread:
            for complaint in misread.complaints:
                self.problems.add(self._misread(written[complaint.condition], complaint))
            return None
        rules = tuple(
            self._rule(each, reads) for each, reads in zip(written, conditions.reads, strict=True)
        )
        paths = dict.fromkeys(path for rule in rules for path in rule.reads)
        fields = [self._fields.known[path] for path in paths]
        return RuleSet(rules, conditions, tuple((field.root, field) for field in fields))

    def _rule(self, written: _Written, reads: tuple[str, ...]) -> Rule:
        form, message = written.form, self._templates[written.keys]
        return Rule(
            id=form.id,
            when=form.when.strip(),
            then=form.then,
            code=form.code,
            message=message,
            path=form.path,
            reads=reads,
            shows=message.reads,
        )

    def _message(self, written: _Written) -> Template:
        form, keys = written.form, (*written.keys, "message")
        if form.then == "allow" and self._allows_all:
            problem = "a rule that allows does nothing under `default: allow`"
            self.problems.add(self._document.problem((*written.keys, "then"), problem))
        path = f"proposal.{form.path}"
        if form.path and path not in self._fields.known and path not in self._fields.refused:
            why = self._fields.why_not(path)
            self.problems.add(self._document.problem((*written.keys, "path"), why))

        def complain(part: str, why: str) -> None:
            at = max(form.message.find(part), 0)
            self.problems.add(self._document.problem_within(keys, form.message, at, why))

        return template(form.message, self._fields, complain)

    def _misread(self, written: _Written, complaint: Complaint) -> Problem:
        text = written.form.when
        lines = text.split("\n")
        offset = sum(len(line) + 1 for line in lines[: complaint.line - 1]) + complaint.column - 1
        offset = min(offset, len(text.rstrip()) - 1)  # the end is where something is missing
        keys: Keys = (*written.keys, "when")
        return self._document.problem_within(keys, text, max(offset, 0), complaint.message)
