"""A model's good days and bad days, without the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from signoff.boundary import Answer, Question, Refused
from signoff.errors import UsageError
from signoff.ledger import Fingerprint, Usage, digest
from signoff.proposers._rates import Failure, Rates
from signoff.proposers._source import qualified_name, source_digest

SubjectT = TypeVar("SubjectT")
ProposalT = TypeVar("ProposalT")

_USD_IN, _USD_OUT = 1.25e-6, 10e-6
_SILENT: frozenset[Failure | None] = frozenset({"timeout", "refusal"})


class Simulated(Generic[SubjectT, ProposalT]):
    """Answer like a model that fails at known rates, reproducibly.

    What goes wrong depends on the seed, the crossing and the attempt only, so that order,
    concurrency and restarts do not change it.

    Args:
        honest: The good answer to a question.
        proposes: The proposal type.
        seed: Another seed is another run of luck.
        rates: How often each failure happens; by default never.
        exaggerate: Field -> the value of an exaggerated answer, such as a discount of 0.9.
        wrong: Field -> the value of an answer about another subject, or a function of the question.
        slow_seconds: How long a slow answer takes.
    """

    def __init__(
        self,
        honest: Callable[[Question[SubjectT]], ProposalT],
        *,
        proposes: type[ProposalT],
        seed: int = 0,
        rates: Rates | None = None,
        exaggerate: Mapping[str, Any] | None = None,
        wrong: Mapping[str, Any] | None = None,
        slow_seconds: float = 0.02,
    ) -> None:
        self._honest = honest
        self._proposes = proposes
        self._seed = seed
        self._rates = rates or Rates()
        self._exaggerate = dict(exaggerate or {})
        self._wrong = dict(wrong or {})
        self._slow_seconds = slow_seconds
        self._dump = TypeAdapter(proposes).dump_json
        self._require_fields()
        self._fingerprint = Fingerprint(
            model=f"simulated:{qualified_name(honest)}",
            version=source_digest(honest),
            settings={"seed": seed, **self._rates.body()},
        )

    @property
    def proposes(self) -> type[ProposalT]:
        """The type that answers are parsed into."""
        return self._proposes

    @property
    def fingerprint(self) -> Fingerprint:
        """The honest function, the seed and the rates."""
        return self._fingerprint

    def like(
        self, *, rates: Rates | None = None, seed: int | None = None
    ) -> Simulated[SubjectT, ProposalT]:
        """The same model with other rates, or with other luck; what is not given stays.

        Args:
            rates: How often each failure happens.
            seed: Another seed is another run of luck.
        """
        return Simulated(
            self._honest,
            proposes=self._proposes,
            seed=self._seed if seed is None else seed,
            rates=rates or self._rates,
            exaggerate=self._exaggerate,
            wrong=self._wrong,
            slow_seconds=self._slow_seconds,
        )

    def failure(self, crossing: str, attempt: int = 1) -> Failure | None:
        """What goes wrong at this attempt, if anything: a test can know it beforehand."""
        return self._rates.at(self._luck(crossing, attempt).random())

    async def __call__(self, question: Question[SubjectT], /) -> Answer:
        """Answer, well or badly.

        Raises:
            TimeoutError: At the rate of `timeout`.
            Refused: At the rate of `refusal`.
        """
        luck = self._luck(question.crossing, question.attempt)
        match failure := self._rates.at(luck.random()):
            case "timeout":
                raise TimeoutError("simulated: the model did not answer in time")
            case "refusal":
                raise Refused("simulated: I'm sorry, but I can't help with that request.")
            case "slow":
                await asyncio.sleep(self._slow_seconds)
            case _:
                pass
        text = self._text(question, failure, luck)
        tokens_in = 380 + 90 * len(question.feedback) + luck.getrandbits(6)
        tokens_out = 8 + len(text) // 4
        usd = tokens_in * _USD_IN + tokens_out * _USD_OUT
        return Answer(
            content=text, usage=Usage(tokens_in=tokens_in, tokens_out=tokens_out, usd=usd)
        )

    def _luck(self, crossing: str, attempt: int) -> Random:
        return Random(int(digest(f"{self._seed}/{crossing}/{attempt}")[:12], 16))

    def _text(self, question: Question[SubjectT], failure: Failure | None, luck: Random) -> str:
        if failure == "repeated":
            return self._repeated(question)
        good = self._dump(self._honest(question)).decode()
        match failure:
            case None | "slow":
                return good
            case "prose":
                return f"Sure! Here is my proposal:\n```json\n{good}\n```\nAnything else?"
            case "malformed":
                return good[: luck.randint(1, len(good) - 1)]
            case _:
                return json.dumps(self._fault(json.loads(good), failure, question, luck))

    def _fault(
        self, fields: dict[str, Any], failure: Failure, question: Question[SubjectT], luck: Random
    ) -> dict[str, Any]:
        match failure:
            case "exaggerated":
                return fields | self._exaggerate
            case "wrong_subject":
                return fields | {
                    name: value(question) if callable(value) else value
                    for name, value in self._wrong.items()
                }
            case "wrong_type":
                name = luck.choice(list(fields))
                is_number = isinstance(fields[name], int | float)
                return fields | {name: "a generous one" if is_number else {"value": fields[name]}}
            case _:
                name = luck.choice(list(fields))
                return {f"{key}_value" if key == name else key: fields[key] for key in fields}

    def _repeated(self, question: Question[SubjectT]) -> str:
        # Recomputed, not remembered: a restart between the two attempts changes nothing.
        attempt = question.attempt - 1
        luck = self._luck(question.crossing, attempt)
        failure = self._rates.at(luck.random())
        if attempt < 1:
            return self._text(question, "exaggerated", luck)
        before = replace(question, attempt=attempt, feedback=question.feedback[:-1])
        return self._text(before, "exaggerated" if failure in _SILENT else failure, luck)

    def _require_fields(self) -> None:
        known = TypeAdapter(self._proposes).json_schema().get("properties")
        if known is None:
            raise UsageError(
                f"{self._proposes.__name__} is not an object type. Simulated spoils fields: "
                "propose a pydantic model, a dataclass or a TypedDict."
            )
        for argument, fields, needed in (
            ("exaggerate", self._exaggerate, self._rates.exaggerated + self._rates.repeated),
            ("wrong", self._wrong, self._rates.wrong_subject),
        ):
            if needed and not fields:
                raise UsageError(
                    f"These rates need `{argument}=`, which names no field. "
                    f"Name one of {', '.join(known)}, or set the rate to 0."
                )
            if unknown := fields.keys() - known.keys():
                raise UsageError(
                    f"`{argument}` names {', '.join(sorted(unknown))}, which "
                    f"{self._proposes.__name__} does not have. It has {', '.join(known)}."
                )
