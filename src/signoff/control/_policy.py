"""A policy: rules from a versioned file, every one of them asked about every proposal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from signoff.boundary import Consequence, Reject, adapter_of
from signoff.control._cel import Cel, require_cel
from signoff.control._fields import Fields, Unreadable, fields_of
from signoff.control._policy_file import PolicyForm, Rule, RuleSet, rule_sets, validated
from signoff.control._predicate import Language
from signoff.control._yaml import read_file, read_yaml
from signoff.ledger import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules that judge a proposal about a subject. A value: it does no I/O once it is loaded.

    Every rule is asked. A rule whose condition holds objects with its code and its message. A rule
    that cannot be answered objects too, as `policy_error`: a value is missing, is not what its type
    says, or the condition failed. Under `default: reject`, a proposal passes only if a rule with
    `then: allow` fires and none objects.

    Attributes:
        name: As the file says.
        version: As the file says.
        digest: SHA-256 of the file's bytes.
        default: What becomes of a proposal about which no rule speaks.
        everybody: The rules for a tenant without rules of its own.
        tenants: The rules of the others, whole.
        fields: What rules may read.
        text: The file's content.
    """

    name: str
    version: str
    digest: str
    default: Literal["allow", "reject"]
    everybody: RuleSet
    tenants: Mapping[str, RuleSet]
    fields: Fields
    text: str = field(default="", repr=False)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        proposal: Any,
        subject: Any,
        principal: Any = None,
        language: Language | None = None,
    ) -> Policy:
        """Read a policy file, and check it against the types that it will judge.

        Args:
            path: A YAML file.
            proposal: A pydantic model, a dataclass, or a union of such.
            subject: Likewise.
            principal: Likewise; without it, no rule may read `principal`.
            language: What conditions are written in; CEL by default.

        Raises:
            BadPolicy: With line and column of everything that is wrong.
            UsageError: If a type has no fields that could be read.
            MissingExtra: If `signoff[policy]` is not installed.
        """
        require_cel()
        return cls.parse(
            read_file(path),
            source=str(path),
            proposal=proposal,
            subject=subject,
            principal=principal,
            language=language,
        )

    @classmethod
    def parse(
        cls,
        content: bytes,
        *,
        proposal: Any,
        subject: Any,
        principal: Any = None,
        source: str = "policy",
        language: Language | None = None,
    ) -> Policy:
        """Like `load`, from the bytes of a file; `source` is what errors call it."""
        require_cel()
        fields = fields_of({"proposal": proposal, "subject": subject, "principal": principal})
        document = read_yaml(content, source)
        form = validated(document, PolicyForm)
        everybody, tenants = rule_sets(form, document, fields, language or Cel())
        return cls(
            name=form.policy,
            version=form.version,
            digest=hashlib.sha256(content).hexdigest(),
            default=form.default,
            everybody=everybody,
            tenants=tenants,
            fields=fields,
            text=content.decode("utf-8"),
        )

    @property
    def label(self) -> str:
        """`name@version`, as verifiers have it."""
        return f"{self.name}@{self.version}"

    def rules(self, tenant: str = "") -> tuple[Rule, ...]:
        """The rules that a tenant is judged by, in their order."""
        return self.tenants.get(tenant, self.everybody).rules

    def judge(
        self, proposal: object, subject: object, *, principal: object = None, tenant: str = ""
    ) -> tuple[Reject, ...]:
        """Ask every rule. Deterministic, and never raises.

        Returns:
            Every objection, in the order of the rules; empty if the proposal may pass.
        """
        chosen = self.tenants.get(tenant, self.everybody)
        roots = {"proposal": proposal, "subject": subject, "principal": principal}
        values: dict[str, Any] = {}
        unread: list[str] = []
        for root, read in chosen.reads:
            try:
                values[read.path] = read.read(roots[root])
            except Unreadable:
                unread.append(read.path)
        rejects: list[Reject] = []
        allowed = self.default == "allow"
        answers = chosen.conditions.ask(values)
        for rule, holds in zip(chosen.rules, answers, strict=True):
            if holds is None:
                rejects.append(self._failed(rule, unread))
            elif holds and rule.then == "allow":
                allowed = True
            elif holds:
                rejects.append(self._objection(rule, rule.then, roots))
        if not allowed:
            rejects.append(
                Reject(
                    "not_allowed",
                    f"no rule of policy {self.name} allows this",
                    then="stop",
                    details=self._named(),
                )
            )
        return tuple(rejects)

    def _objection(
        self, rule: Rule, then: Consequence | Literal["allow"], roots: Mapping[str, object]
    ) -> Reject:
        return Reject(
            rule.code,
            rule.message.fill(roots),
            then="stop" if then == "allow" else then,
            path=rule.path,
            details=self._named(rule),
        )

    def _failed(self, rule: Rule, unread: list[str]) -> Reject:
        # The message goes to the model, which must not see what could not be read.
        details = self._named(rule)
        if missing := [path for path in rule.reads if path in unread]:
            details["unread"] = missing
        return Reject(
            "policy_error",
            f"rule {rule.id} of policy {self.name} could not be judged, so nothing passes",
            then="stop" if rule.then == "allow" else rule.then,
            details=details,
        )

    def _named(self, rule: Rule | None = None) -> dict[str, Any]:
        named: dict[str, Any] = {"rule": rule.id} if rule is not None else {}
        named |= {"policy": self.name, "version": self.version, "digest": self.digest[:12]}
        return named


def typed_principal(type_: Any, principal: Any) -> Any:
    """A principal as a value of its type; None if it cannot be read as one.

    A rule that reads what is not there objects as `policy_error`, so that nothing passes on it.

    Args:
        type_: Its type; None if no rule reads it.
        principal: A value of the type, or its JSON-ready fields as a crossing keeps them.
    """
    if type_ is None or principal is None:
        return principal
    adapter = adapter_of(type_)
    try:
        if isinstance(principal, Mapping):
            # As JSON, so that times and enums are read even where a model is strict about Python's.
            return adapter.validate_json(canonical(cast("Any", principal)))
        return adapter.validate_python(principal)
    except Exception:  # a validator of the type's own may raise anything
        return None
