"""Why a crossing was decided as it was: what its policies said, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from signoff.boundary import Recorded
from signoff.cli._output import put, show_fields, styled
from signoff.control import (
    AskedPolicy,
    Fired,
    Judgement,
    PolicyText,
    fields_of_entry,
    fired,
    judgements,
    policy_texts,
    text_of,
)
from signoff.ledger import CONTROLS, Entry
from signoff.reading import chain, payloads, subject_of, told
from signoff.storage import Connection, Storage
from signoff.words import compact, count, moment

#: Records that say where a crossing stands.
_STANDS = ("committed", "rejected", "suspended", "halted", "unknown", "intended", "resumed")

#: Records of the spine, which say what the subject was like.
_SUBJECT_BEARING = ("started", "moved", "changed")

#: Characters of a value that a line shows.
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that the ledger says about the policies of one crossing."""

    crossing: str
    subject: str
    recorded: Recorded | None
    judged: Sequence[Judgement]
    texts: Mapping[str, PolicyText]
    answers: Mapping[str, Mapping[str, Any]]
    stands: tuple[Entry, Mapping[str, Any]] | None

    @property
    def labels(self) -> list[str]:
        """The policies that were asked, each once."""
        return list(dict.fromkeys(asked.label for j in self.judged for asked in j.policies))


async def account_of(storage: Storage, id: str) -> Account:
    """Read what the ledger says about one crossing.

    Raises:
        BadInput: If there is no such crossing, or more than one whose id begins like this.
    """
    subject, crossing = await subject_of(storage, id)
    recorded = await storage.crossing(crossing)
    return await storage.survey(lambda connection: _look(connection, subject, crossing, recorded))


def _look(
    connection: Connection, subject: str, crossing: str, recorded: Recorded | None
) -> Account:
    payload = payloads(connection)
    answers: dict[str, Mapping[str, Any]] = {}
    stands: list[tuple[Entry, Mapping[str, Any]]] = []

    def telling() -> Iterator[Entry]:
        for entry in chain(connection, subject):
            if entry.crossing == crossing and entry.type in _STANDS:
                body = fields_of_entry(entry, payload)
                if entry.type == "resumed":
                    answers[str(body.get("ticket", ""))] = body
                stands[:] = [(entry, body)]
            if entry.crossing == crossing or entry.type in _SUBJECT_BEARING:
                yield entry

    judged = [each for each in judgements(telling(), payload) if each.crossing == crossing]
    asked = any(judgement.policies for judgement in judged)
    return Account(
        crossing=crossing,
        subject=subject,
        recorded=recorded,
        judged=judged,
        texts=policy_texts(chain(connection, CONTROLS), payload) if asked else {},
        answers=answers,
        stands=stands[0] if stands else None,
    )


def as_json(account: Account) -> dict[str, Any]:
    """The account for programs, with nothing shortened."""
    recorded, stands = account.recorded, account.stands
    return {
        "crossing": account.crossing,
        "subject": account.subject,
        "boundary": None if recorded is None else recorded.boundary,
        "key": None if recorded is None else recorded.key,
        "status": None if recorded is None else recorded.status,
        "policies": {label: _text_as_json(account, label) for label in account.labels},
        "judgements": [_judgement_as_json(account, judged) for judged in account.judged],
        "decided": None
        if stands is None
        else {"at": stands[0].at, "type": stands[0].type, "body": dict(stands[1])},
    }


def _text_as_json(account: Account, label: str) -> dict[str, Any]:
    text = text_of(account.texts, label)
    return {"text": text.text or None, "problem": text.problem or None}


def _judgement_as_json(account: Account, judged: Judgement) -> dict[str, Any]:
    return {
        "at": judged.at,
        "attempt": judged.attempt,
        "version": judged.version,
        "proposal": judged.proposal,
        "subject": judged.subject,
        "principal": judged.principal,
        "accepted": judged.accepted,
        "asked": list(judged.asked),
        "policies": [
            {name: getattr(asked, name) for name in ("gate", "policy", "version", "digest")}
            for asked in judged.policies
        ],
        "objections": [
            {"by": rejection.get("by", ""), **_fired_as_json(each)}
            for rejection, each in _objections(account, judged)
        ],
        "others": [dict(rejection) for rejection in judged.rejections if not _is_gate(rejection)],
        "waived": [
            {
                "by": waiver.by,
                **_fired_as_json(each),
                "ticket": judged.ticket,
                "person": _answer(account, judged).get("by"),
                "because": _answer(account, judged).get("because"),
            }
            for waiver, each in _waived(account, judged)
        ],
    }


def _fired_as_json(each: Fired) -> dict[str, Any]:
    return {
        "policy": each.policy or None,
        "rule": each.rule or None,
        "code": each.code,
        "message": each.message,
        "then": each.then,
        "when": each.when or None,
        "reads": dict(each.reads),
        "unknown": each.unknown or None,
    }


def _is_gate(rejection: Mapping[str, Any]) -> bool:
    return str(rejection.get("by", "")).startswith("gate:")


def _objections(account: Account, judged: Judgement) -> Iterator[tuple[Mapping[str, Any], Fired]]:
    for rejection in judged.rejections:
        if _is_gate(rejection):
            yield rejection, fired(rejection, judged, account.texts)


def _waived(account: Account, judged: Judgement) -> Iterator[tuple[Any, Fired]]:
    for waiver in judged.waived:
        if waiver.objection:
            yield waiver, fired(waiver.objection, judged, account.texts)
        else:
            known = fired({"code": waiver.code, "then": "escalate"}, judged, account.texts)
            yield waiver, replace(known, unknown="the objection is not on record")


def _answer(account: Account, judged: Judgement) -> Mapping[str, Any]:
    return account.answers.get(judged.ticket, {})


def show(account: Account) -> None:
    """Print the account."""
    recorded = account.recorded
    title = styled(f"crossing {account.crossing}", "bold")
    if recorded is not None:
        told_of = f"  {recorded.boundary} about {account.subject}, key {recorded.key}"
        title.append_text(styled(told_of, "not bold", most=400))
    put(title)
    for label in account.labels:
        text = text_of(account.texts, label)
        put(styled(f"policy {label}" + (f": {text.problem}" if text.problem else ""), "dim"))
    if not account.labels:
        put(styled("no policy was asked", "dim"))
    for judged in account.judged:
        print()
        _show_judgement(account, judged)
    print()
    _show_end(account)


def _show_judgement(account: Account, judged: Judgement) -> None:
    verdict = "accepted" if judged.accepted else "rejected"
    put(styled(f"attempt {judged.attempt}, {moment(judged.at)} UTC: {verdict}", "bold"))
    put(styled(f"  proposal  {compact(judged.proposal, 600)}", most=620))
    for asked in judged.policies:
        put(styled(f"  {_verdict_of(asked, judged)}"))
    for rejection in judged.rejections:
        if not _is_gate(rejection):
            who = f"{rejection.get('by', '?')} objected, {rejection.get('code')}: "
            put(styled(f"  {who}{rejection.get('message')}", most=600))
    for _, each in _objections(account, judged):
        _show_fired(each)
    for _, each in _waived(account, judged):
        _show_fired(each)
        answer = _answer(account, judged)
        who = answer.get("by") or "somebody"
        put(
            styled(
                f"    waived by {who} on ticket {judged.ticket or '?'}"
                + (f": {answer['because']}" if answer.get("because") else ""),
                "magenta",
                most=600,
            )
        )
    if not judged.policies and not judged.accepted:
        put(styled("  no policy was asked: something else had objected before", "dim"))


def _verdict_of(asked: AskedPolicy, judged: Judgement) -> str:
    objected = sum(rejection.get("by") == asked.by for rejection in judged.rejections)
    waived = sum(waiver.by == asked.by for waiver in judged.waived)
    said = count(objected, "objection") if objected else "no objection"
    if waived:
        said += f", {waived} waived"
    return f"policy {asked.policy}, version {asked.version}, digest {asked.digest}: {said}"


def _show_fired(each: Fired) -> None:
    rule = f"rule {each.rule}" if each.rule else "no rule"
    put(styled(f"  {rule}, then {each.then}, {each.code}: {each.message}", "yellow", most=600))
    pairs = [("      when", " ".join(each.when.split()) or f"not known: {each.unknown}")]
    pairs += [(f"      {path}", compact(value, _SHOWN)) for path, value in each.reads.items()]
    show_fields(pairs)


def _show_end(account: Account) -> None:
    if account.stands is None:
        put(styled("it has not ended", "bold"))
        return
    entry, body = account.stands
    for what, text in told(entry.type, body):
        put(styled(f"{what}  {text}", "bold", most=600))
