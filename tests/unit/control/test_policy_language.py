"""The port, the extra behind it, and how it is used from several threads."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("cel_expr_python")
pytest.importorskip("yaml")

from policy_types import HEAD, Offer, Renewal, policy, rule

from signoff.control import BadPolicy, Complaint, Conditions, Fields, Misread, Policy
from signoff.errors import MissingExtra


class Present:
    """A language whose conditions are the paths of fields that must be there."""

    def compile(self, conditions: Sequence[str], fields: Fields) -> Conditions:
        unknown = [
            Complaint(at, 1, 1, fields.why_not(text))
            for at, text in enumerate(conditions)
            if text not in fields.known
        ]
        if unknown:
            raise Misread(unknown)

        def ask(values: Mapping[str, Any]) -> Sequence[bool | None]:
            return [path in values for path in conditions]

        return Conditions(tuple((text,) for text in conditions), ask)


def test_another_language_can_be_put_in() -> None:
    text = (HEAD + rule("proposal.discount")).encode()
    types: dict[str, Any] = {"proposal": Offer, "subject": Renewal}
    loaded = Policy.parse(text, **types, language=Present())
    assert [reject.code for reject in loaded.judge(Offer(), Renewal())] == ["a_code"]
    assert loaded.judge(object(), Renewal()) == ()
    with pytest.raises(BadPolicy, match="p:8:7: proposal cannot be read"):
        Policy.parse((HEAD + rule("proposal")).encode(), **types, language=Present(), source="p")


@pytest.mark.parametrize("missing", ["cel_expr_python", "yaml"])
def test_without_the_extra_the_message_names_the_command(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else found(name)
    )
    with pytest.raises(MissingExtra, match=r"pip install 'signoff\[policy\]'"):
        policy(HEAD + rule("true"))


def test_a_policy_is_asked_from_several_threads() -> None:
    judged = policy(
        HEAD
        + rule("proposal.discount * 2.0 > subject.max_discount", id="cap")
        + rule("subject.tags.exists(tag, tag.matches('^l'))", id="tags")
    )

    def ask(number: int) -> bool:
        discount = number % 100 / 100
        said = [r.code for r in judged.judge(Offer(discount=discount), Renewal())]
        return said == ["cap_code"] * (discount * 2.0 > 0.3) + ["tags_code"]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(2000)))
