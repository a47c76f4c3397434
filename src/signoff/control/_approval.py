"""P6, approval and escalation: a person decides, with a deadline or without one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from typing_extensions import TypeVar

from signoff.boundary import (
    AGREE,
    Agree,
    AskPerson,
    Control,
    External,
    Otherwise,
    Passing,
    Reject,
    Said,
    Terms,
    Transaction,
)
from signoff.errors import UsageError

P_contra = TypeVar("P_contra", contravariant=True, default=Any)
S_contra = TypeVar("S_contra", contravariant=True, default=Any)

#: An effect that tells people; see `webhook` and `email`.
Hook: TypeAlias = External[Any, Any, Any]


class Escalation(Control[P_contra, S_contra]):
    """Parks a crossing until a person decides: no deadline, no fallback.

    It asks when `when` or `before` say so, when a verifier or a gate says `escalate`, and, with
    `on_budget`, when the proposer has used up its budget.

    Args:
        ask: Whom: `role:desk`, or one person's name.
        when: Asks about a proposal; a function of (proposal, subject).
        before: Asks before anything is proposed; a function of the subject. Whoever answers then
            writes the proposal.
        on_budget: Ask instead of rejecting when the budget is spent.
        chain: Whom it is passed on to when nobody answers: (after how long, whom), in order.
        four_eyes: Whoever requested the crossing, or edited its proposal, may not approve it.
        notify: How people hear of it.
        name: Tells two escalations of one boundary apart.
    """

    def __init__(
        self,
        *,
        ask: str,
        when: Callable[[P_contra, S_contra], bool] | None = None,
        before: Callable[[S_contra], bool] | None = None,
        on_budget: bool = False,
        chain: Sequence[tuple[timedelta, str]] = (),
        four_eyes: bool = False,
        notify: Sequence[Hook] = (),
        name: str = "",
    ) -> None:
        self.name = name or f"escalation:{_checked(ask)}"
        self.ask = ask
        self.chain = tuple((_positive(after), _checked(whom)) for after, whom in chain)
        self.effects = tuple(notify)
        for predicate in (when, before):
            check_plain(predicate)
        self._when, self._before, self._on_budget = when, before, on_budget
        self._four_eyes = four_eyes

    def before(self, passing: Passing) -> Said:
        if self._before is None:
            return AGREE
        because = _why(self._before, passing.subject)
        return AskPerson(self.terms(because)) if because else AGREE

    def at_commit(self, tx: Transaction, passing: Passing) -> Said:
        because = "" if self._when is None else _why(self._when, passing.proposal, passing.subject)
        if not because and self._before is not None:
            because = _why(self._before, passing.subject)
        if not because or passing.was_granted(self.name):
            return AGREE
        return AskPerson(self.terms(because))

    def pure(self) -> Callable[[Any, Any, Any], tuple[Reject, ...]]:
        """Why it would ask a person about (proposal, subject, principal); empty if it would not."""
        when, before = self._when, self._before

        def judge(proposal: Any, subject: Any, principal: Any) -> tuple[Reject, ...]:
            because = "" if when is None else _why(when, proposal, subject)
            return _asking(because or ("" if before is None else _why(before, subject)))

        return judge

    def takes(self, why: Literal["escalate", "budget"], because: str) -> Terms | None:
        if why == "budget" and not self._on_budget:
            return None
        return self.terms(because)

    def check_passed_on(self) -> None:
        """Refuse what an escalation that only takes over tickets would never be asked about."""
        if self._when or self._before or self._on_budget or self._four_eyes:
            raise UsageError(
                "an Escalation in otherwise= has an ask=, a chain= and notify= only: the Approval "
                "says when, and four_eyes is for both"
            )

    def terms(self, because: str) -> Terms:
        """How it asks."""
        waits: list[timedelta | None] = [after for after, _ in self.chain]
        whom = [whom for _, whom in self.chain]
        return Terms(
            ask=self.ask,
            because=because,
            control=self.name,
            within=waits[0] if waits else None,
            chain=tuple(zip(whom, [*waits[1:], None], strict=False)),
            four_eyes=self._four_eyes,
            notify=self.effects,
        )


class Approval(Control[P_contra, S_contra]):
    """Asks a person before a commit, within a time, with a declared fallback.

    Args:
        ask: Whom: `role:sales-lead`, or one person's name.
        within: How long they have.
        when: Asks about some proposals only; a function of (proposal, subject).
        otherwise: What happens when the time is over: `stop` rejects, `approve` commits after
            every other control agreed, an `Escalation` passes it on.
        four_eyes: Whoever requested the crossing, or edited its proposal, may not approve it.
        notify: How people hear of it.
        name: Tells two approvals of one boundary apart.
    """

    def __init__(
        self,
        *,
        ask: str,
        within: timedelta,
        when: Callable[[P_contra, S_contra], bool] | None = None,
        otherwise: Otherwise | Escalation[Any, Any] = "stop",
        four_eyes: bool = False,
        notify: Sequence[Hook] = (),
        name: str = "",
    ) -> None:
        if not isinstance(otherwise, Escalation) and otherwise not in ("stop", "approve"):
            raise UsageError(f"otherwise={otherwise!r}: say stop, approve, or an Escalation")
        self.name = name or f"approval:{_checked(ask)}"
        if isinstance(otherwise, Escalation):
            otherwise.check_passed_on()
        check_plain(when)
        self._ask, self._when, self._within = ask, when, _positive(within)
        self._otherwise, self._four_eyes = otherwise, four_eyes
        passed_on = otherwise.effects if isinstance(otherwise, Escalation) else ()
        self.effects = tuple({hook.name: hook for hook in (*notify, *passed_on)}.values())

    def at_commit(self, tx: Transaction, passing: Passing) -> Said:
        if self._when is None:
            because = "every commit here needs approval"
        else:
            because = _why(self._when, passing.proposal, passing.subject)
        if not because:
            return AGREE
        if passing.was_granted(self.name):
            return Agree(f"{self.name}=approved")
        return AskPerson(self._terms(because))

    def pure(self) -> Callable[[Any, Any, Any], tuple[Reject, ...]]:
        """Why it would ask a person about (proposal, subject, principal); empty if it would not."""
        when = self._when

        def judge(proposal: Any, subject: Any, principal: Any) -> tuple[Reject, ...]:
            every = "every commit here needs approval"
            return _asking(every if when is None else _why(when, proposal, subject))

        return judge

    def _terms(self, because: str) -> Terms:
        otherwise = self._otherwise
        chain: tuple[tuple[str, timedelta | None], ...] = ()
        if isinstance(otherwise, Escalation):
            passed_on = otherwise.terms("")
            chain = ((passed_on.ask, passed_on.within), *passed_on.chain)
        fallback: Otherwise = "approve" if otherwise == "approve" else "stop"
        return Terms(
            ask=self._ask,
            because=because,
            control=self.name,
            within=self._within,
            chain=chain,
            otherwise=fallback,
            four_eyes=self._four_eyes,
            notify=self.effects,
        )


def _asking(because: str) -> tuple[Reject, ...]:
    return (Reject("asks_person", because, then="escalate"),) if because else ()


def _why(predicate: Callable[..., bool], *arguments: object) -> str:
    """Why a person is asked, in words; empty if they are not."""
    name = getattr(predicate, "__name__", type(predicate).__name__)
    said = name.strip("<>_").replace("_", " ")
    try:
        return said if predicate(*arguments) else ""
    except Exception as error:
        # Whether a person is needed cannot be told, so one is.
        return f"{said} could not be decided ({type(error).__name__})"


def _checked(ask: str) -> str:
    if not ask or not ask.isprintable() or len(ask) > 200 or ask == "role:":
        raise UsageError(f"{ask!r} asks nobody: say role:NAME, or a person's name")
    return ask


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise UsageError(f"{duration} leaves no time to answer")
    return duration


def check_plain(predicate: object) -> None:
    """Refuse what would have to be awaited: a transaction waits for nobody."""
    if inspect.iscoroutinefunction(predicate):
        name = getattr(predicate, "__name__", repr(predicate))
        raise UsageError(f"{name} is async, but a control decides inside a transaction")
