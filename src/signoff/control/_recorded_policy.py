"""What the ledger says about policies: every judgement as it was made, and the texts it rests on.

Plain functions over entries, in one pass and in little memory: a chain may be long.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeGuard

from signoff.control._cel import require_cel
from signoff.control._cel_text import words_of
from signoff.control._errors import BadPolicy
from signoff.control._policy_file import PolicyForm, RuleForm, validated
from signoff.control._yaml import read_yaml
from signoff.ledger import (
    Changed,
    Committed,
    ControlChanged,
    Entry,
    Judged,
    Moved,
    Opened,
    Proposed,
    Rejected,
    Started,
)

JSON: TypeAlias = Mapping[str, Any]

#: The content that is stored under a digest; None if it is gone.
Payload: TypeAlias = Callable[[str], str | None]

_APART = {"$payload", "characters"}

#: Versions of a subject that are remembered while its chain is read.
_VERSIONS = 64

_GATE = re.compile(
    r"gate:(?P<gate>.*?)"
    r"\((?P<label>(?P<policy>.*)@(?P<version>.*?)\+(?P<digest>[0-9a-f]{12}))(?:,.*)?\)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPolicy:
    """A policy, as the ledger names the gate that asked it.

    Attributes:
        by: The gate's whole label.
        gate: The gate's name.
        label: `policy@version+digest`.
        policy: The policy's name.
        version: As the file says.
        digest: The first twelve hexadecimal digits.
    """

    by: str
    gate: str
    label: str
    policy: str
    version: str
    digest: str


def asked_policies(controls: Iterable[str]) -> tuple[AskedPolicy, ...]:
    """The policies among the controls that a record names."""
    found = ((control, _GATE.fullmatch(control)) for control in controls)
    return tuple(AskedPolicy(by=by, **match.groupdict()) for by, match in found if match)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """An objection that a person's answer set aside.

    Attributes:
        by: Who had objected.
        code: With which code.
        objection: The rejection as it was recorded before; empty if it is not there.
    """

    by: str
    code: str
    objection: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One judgement on record, with what it was about as that then was. All values are JSON's.

    Attributes:
        at: When it was written.
        crossing: Id of the crossing.
        boundary: Name of the boundary.
        bounds: Labels of the controls that bounded it when the crossing opened.
        attempt: How often the proposer had been asked.
        proposal: What was judged; None if nothing was proposed.
        subject: What it was about; None if the record does not tell.
        principal: On whose behalf.
        accepted: Whether it passed.
        rejections: What was objected.
        asked: Labels of the controls that were asked about it, in order.
        waived: Objections that a person's answer set aside.
        ticket: Where that answer was given.
        version: The row's version; None without a spine.
    """

    at: str
    crossing: str
    boundary: str
    bounds: tuple[str, ...]
    attempt: int
    proposal: Any
    subject: Any
    principal: Any
    accepted: bool
    rejections: tuple[JSON, ...]
    asked: tuple[str, ...]
    waived: tuple[Waiver, ...]
    ticket: str
    version: int | None

    @property
    def policies(self) -> tuple[AskedPolicy, ...]:
        """The policies that were asked."""
        return asked_policies(self.asked)

    @property
    def tenant(self) -> str:
        """Whose the subject was; empty if it does not say."""
        tenant = self.subject.get("tenant") if _is_object(self.subject) else None
        return tenant if isinstance(tenant, str) else ""


def judgements(
    entries: Iterable[Entry],
    payload: Payload,
    *,
    boundary: str = "",
    since: str = "",
    until: str = "",
) -> Iterator[Judgement]:
    """Every judgement in one subject's chain, in order.

    Args:
        entries: The chain, oldest first.
        payload: Brings back values that were stored apart.
        boundary: Only of this boundary.
        since: Only those written at this time or later; see `signoff.clock.stamp`.
        until: Only those written before this time.
    """
    crossings: dict[str, _Open] = {}
    versions: deque[Entry] = deque(maxlen=_VERSIONS)
    for entry in entries:
        if entry.type in _SUBJECT_BEARING:
            if '"subject":' in entry.body:
                versions.append(entry)
            continue
        if entry.type == Opened.type:
            crossings[entry.crossing] = _Open(entry)
            continue
        crossing = crossings.get(entry.crossing)
        if crossing is None:
            continue
        if entry.type == Proposed.type:
            crossing.proposed = entry
        elif entry.type in _LAST:
            del crossings[entry.crossing]
        elif entry.type == Judged.type:
            wanted = since <= entry.at and not (until and entry.at >= until)
            if wanted and boundary in ("", crossing.boundary(payload)):
                yield crossing.judgement(entry, versions, payload)
            crossing.judged.append(entry)


_SUBJECT_BEARING = frozenset({Started.type, Moved.type, Changed.type})
_LAST = frozenset({Committed.type, Rejected.type})


@dataclass(slots=True)
class _Open:
    """A crossing that has not ended, as far as its chain was read. Parsed only if it is needed."""

    opened: Entry
    proposed: Entry | None = None
    judged: list[Entry] = field(default_factory=list[Entry])
    _body: JSON | None = None

    def body(self, payload: Payload) -> JSON:
        if self._body is None:
            self._body = fields_of_entry(self.opened, payload)
        return self._body

    def boundary(self, payload: Payload) -> str:
        return str(self.body(payload).get("boundary", ""))

    def judgement(self, entry: Entry, versions: Sequence[Entry], payload: Payload) -> Judgement:
        opened, body = self.body(payload), fields_of_entry(entry, payload)
        proposed = {} if self.proposed is None else fields_of_entry(self.proposed, payload)
        attempt, version = body.get("attempt", 0), body.get("version")
        subject = opened.get("subject")
        if version != opened.get("version"):
            subject = _as_of(version, versions, payload)
        return Judgement(
            at=entry.at,
            crossing=entry.crossing,
            boundary=self.boundary(payload),
            bounds=_texts(opened.get("controls")),
            attempt=attempt,
            proposal=proposed.get("proposal") if proposed.get("attempt") == attempt else None,
            subject=subject,
            principal=opened.get("principal"),
            accepted=body.get("accepted") is True,
            rejections=_mappings(body.get("rejections")),
            asked=_texts(body.get("controls")),
            waived=tuple(self._waiver(each, payload) for each in _texts(body.get("waived"))),
            ticket=str(body.get("ticket", "")),
            version=version,
        )

    def _waiver(self, waived: str, payload: Payload) -> Waiver:
        for entry in reversed(self.judged):
            for rejection in _mappings(fields_of_entry(entry, payload).get("rejections")):
                by, code = rejection.get("by", ""), rejection.get("code", "")
                rule = rejection.get("details", {}).get("rule", "")
                if waived == (f"{by}:{code}#{rule}" if rule else f"{by}:{code}"):
                    return Waiver(by=by, code=code, objection=rejection)
        by, _, code = waived.partition("#")[0].rpartition(":")
        return Waiver(by=by, code=code, objection={})


def _as_of(version: Any, versions: Sequence[Entry], payload: Payload) -> Any:
    for entry in reversed(versions):
        body = fields_of_entry(entry, payload)
        known = body.get("version")
        of_then = isinstance(known, int) and isinstance(version, int) and known <= version
        if of_then and "subject" in body:
            return body["subject"]
    return None


def fields_of_entry(entry: Entry, payload: Payload) -> dict[str, Any]:
    """A record's fields, with values that were stored apart brought back in.

    What somebody made unreadable is left out: `signoff ledger verify` tells of it.
    """
    try:
        body: Any = json.loads(entry.body)
    except ValueError:
        return {}
    if not _is_object(body):
        return {}
    for name, value in body.items():
        if _is_object(value) and value.keys() == _APART:
            kept = payload(value["$payload"])
            body[name] = None if kept is None else json.loads(kept)
    return body


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if _is_list(value) else ()


def _mappings(value: Any) -> tuple[JSON, ...]:
    return tuple(each for each in value if _is_object(each)) if _is_list(value) else ()


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


# The texts


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyText:
    """A policy's text, as the ledger keeps it; read without the types that it judges.

    Attributes:
        label: `policy@version+digest`.
        text: The file's content; empty if it is not there.
        problem: Why its rules are not known; empty if they are.
        form: The file as it is written; None if its rules are not known.
    """

    label: str
    text: str
    problem: str
    form: PolicyForm | None

    def rule(self, id: str, tenant: str = "") -> RuleForm | None:
        """The rule of this id that a tenant is judged by."""
        if self.form is None:
            return None
        own = self.form.tenants.get(tenant)
        rules = [*(() if own is None else own.rules), *self.form.rules]
        return next((rule for rule in rules if rule.id == id), None)


def policy_texts(entries: Iterable[Entry], payload: Payload) -> dict[str, PolicyText]:
    """The policies that were ever put in place, by label.

    Args:
        entries: The chain `signoff.ledger.CONTROLS`.
        payload: Brings back values that were stored apart.

    Raises:
        MissingExtra: If there are some, and `signoff[policy]` is not installed.
    """
    found: dict[str, PolicyText] = {}
    for entry in entries:
        if entry.type != ControlChanged.type or '"policy"' not in entry.body:
            continue
        body = fields_of_entry(entry, payload)
        details = body.get("details")
        if body.get("change") == "policy" and _is_object(details):
            label, text = str(details.get("policy", "")), details.get("text")
            if label not in found and isinstance(text, str):
                require_cel()
                found[label] = _read(label, text)
    return found


def text_of(texts: Mapping[str, PolicyText], label: str) -> PolicyText:
    """The text of the policy with this label; one without rules if it is not there."""
    missing = "its text is not on the ledger"
    return texts.get(label) or PolicyText(label=label, text="", problem=missing, form=None)


def _read(label: str, text: str) -> PolicyText:
    content = text.encode("utf-8", "surrogatepass")
    if not label.endswith("+" + hashlib.sha256(content).hexdigest()[:12]):
        other = "the text on the ledger has another digest, so it is not the one that judged"
        return PolicyText(label=label, text=text, problem=other, form=None)
    try:
        form = validated(read_yaml(content, label), PolicyForm)
    except BadPolicy as bad:
        return PolicyText(label=label, text=text, problem=f"it cannot be read: {bad}", form=None)
    return PolicyText(label=label, text=text, problem="", form=form)


# Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """One objection of a policy, with the rule behind it.

    Attributes:
        policy: `policy@version+digest`; empty if a gate's function in Python objected.
        rule: The rule's id; empty if none fired that allows.
        code: As recorded.
        message: As recorded.
        then: As recorded.
        when: The rule's condition; empty if the text is not there.
        reads: What the condition read, by path.
        unknown: Why there is no condition to show.
    """

    policy: str
    rule: str
    code: str
    message: str
    then: str
    when: str
    reads: JSON
    unknown: str


def fired(rejection: JSON, judgement: Judgement, texts: Mapping[str, PolicyText]) -> Fired:
    """What stands behind a rejection that a gate recorded.

    Args:
        rejection: As the ledger has it, with `details`.
        judgement: The judgement that it belongs to.
        texts: See `policy_texts`.
    """
    details = rejection.get("details")
    said = details if _is_object(details) else {}
    named = "policy" in said and "digest" in said
    label = f"{said['policy']}@{said.get('version', '')}+{said['digest']}" if named else ""
    id, when, unknown = str(said.get("rule", "")), "", ""
    reads: dict[str, Any] = {}
    if not named:
        unknown = "a function in Python objected"
    elif not id:
        unknown = "no rule that allows fired"
    else:
        text = text_of(texts, label)
        rule = text.rule(id, judgement.tenant)
        if rule is None:
            unknown = text.problem or f"the text on the ledger has no rule {id}"
        else:
            when = rule.when.strip()
            reads = values_read(when, judgement)
    return Fired(
        policy=label,
        rule=id,
        code=str(rejection.get("code", "")),
        message=str(rejection.get("message", "")),
        then=str(rejection.get("then", "")),
        when=when,
        reads=reads,
        unknown=unknown,
    )


def values_read(when: str, judgement: Judgement) -> dict[str, Any]:
    """The recorded values of the paths in a condition; those that are not on record are absent."""
    roots = {
        "proposal": judgement.proposal,
        "subject": judgement.subject,
        "principal": judgement.principal,
    }
    values: dict[str, Any] = {}
    for path in _paths(when, roots):
        found, value = _walk(roots, path.split("."))
        if found:
            values[path] = value
    return values


def _paths(when: str, roots: Iterable[str]) -> Iterator[str]:
    words, at = words_of(when), 0
    while at < len(words):
        selected = at > 0 and words[at - 1].text == "."
        if words[at].kind != "name" or words[at].text not in roots or selected:
            at += 1
            continue
        parts = [words[at].text]
        at += 1
        while at + 1 < len(words) and words[at].text == "." and words[at + 1].kind == "name":
            if at + 2 < len(words) and words[at + 2].text == "(":  # a method of the value
                break
            parts.append(words[at + 1].text)
            at += 2
        yield ".".join(parts)


def _walk(value: Any, names: Sequence[str]) -> tuple[bool, Any]:
    for at, name in enumerate(names):
        if _is_list(value):  # of models: the list of what each has there
            each = [_walk(element, names[at:]) for element in value]
            return all(found for found, _ in each), [inner for _, inner in each]
        if value is None and at > 1:
            return True, None
        if not _is_object(value) or name not in value:
            return False, None
        value = value[name]
    return True, value
