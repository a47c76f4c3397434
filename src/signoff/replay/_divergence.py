"""How much two lanes disagree at one level, beyond what each does by itself."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

#: Ways to deal an input's trials to the lanes that are listed; beyond, some are drawn.
_LISTED = 5_000
_DRAWN = 1_000

#: Inputs with anything to exchange, from which on their sum is taken as normal.
_MANY = 200
_ROUNDS = 5_000

#: How often each value was answered.
_Counts = Mapping[str, int]

#: (divergence, its probability) of each way to deal an input's trials to the lanes.
_Deals = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of disagreeing pairs of one input; None where there is no pair."""

    across: float
    baseline: float | None
    candidate: float | None

    @property
    def within(self) -> float | None:
        """What variance explains: the mean of the lanes that have two trials."""
        known = [share for share in (self.baseline, self.candidate) if share is not None]
        return sum(known) / len(known) if known else None

    @property
    def divergence(self) -> float | None:
        """Across minus within: unbiased, and so below 0 as often as chance has it."""
        within = self.within
        return None if within is None else self.across - within


def shares(baseline: _Counts, candidate: _Counts) -> Shares:
    """Compare every trial with every other. Both lanes must have one."""
    pairs = sum(baseline.values()) * sum(candidate.values())
    agreeing = sum([number * candidate.get(value, 0) for value, number in baseline.items()])
    return Shares(1 - agreeing / pairs, _within(baseline), _within(candidate))


def _within(lane: _Counts) -> float | None:
    total = sum(lane.values())
    if total < 2:
        return None
    agreeing = sum([number * (number - 1) for number in lane.values()])
    return 1 - agreeing / (total * (total - 1))


def exchange_p(pairs: Sequence[tuple[_Counts, _Counts]], *, seed: int = 0) -> float:
    """One-sided p that both lanes of every input answer alike: its trials may be exchanged.

    Within each input the trials are dealt to the lanes anew, which is exact whatever the answers
    are distributed like (Pitman 1937; Gretton et al. 2012, section 5, with inputs as blocks). A
    flip of signs would ask for differences that are symmetric about 0, and shares are not. With
    more than 200 inputs that have anything to exchange, their sum is taken as normal.
    """
    observed = 0.0
    dealt: list[_Deals] = []
    known: dict[object, _Deals] = {}
    chance = random.Random(seed)
    for baseline, candidate in pairs:
        values = baseline.keys() | candidate.keys()
        divergence = shares(baseline, candidate).divergence if len(values) > 1 else None
        if divergence is None:
            continue
        observed += divergence
        pooled = tuple(sorted(baseline.get(v, 0) + candidate.get(v, 0) for v in values))
        size = sum(baseline.values())
        pattern = (size, pooled)
        if pattern not in known:
            known[pattern] = _deals(size, pooled, chance)
        if len(set(known[pattern][0])) > 1:
            dealt.append(known[pattern])
    if not dealt:
        return 1.0
    return _normal_p(observed, dealt) if len(dealt) > _MANY else _drawn_p(observed, dealt, chance)


def _normal_p(observed: float, dealt: Sequence[_Deals]) -> float:
    variance = sum(
        chance * value * value for deals in dealt for value, chance in zip(*deals, strict=True)
    )
    return 0.5 * math.erfc(observed / math.sqrt(2 * variance))


def _drawn_p(observed: float, dealt: Sequence[_Deals], chance: random.Random) -> float:
    totals = [0.0] * _ROUNDS
    for values, weights in dealt:
        for at, value in enumerate(chance.choices(values, weights, k=_ROUNDS)):
            totals[at] += value
    reached = sum(total >= observed - 1e-9 for total in totals)
    return (1 + reached) / (1 + _ROUNDS)


def _deals(size: int, pooled: tuple[int, ...], chance: random.Random) -> _Deals:
    """What divergence comes of dealing `size` of the pooled trials to the baseline."""
    if math.prod(min(number, size) + 1 for number in pooled) <= _LISTED:
        weighted = list(_every_deal(size, pooled))
    else:
        values = [value for value, number in enumerate(pooled) for _ in range(number)]
        drawn = (Counter(chance.sample(values, size)) for _ in range(_DRAWN))
        weighted = [(tuple(hand[value] for value in range(len(pooled))), 1) for hand in drawn]
    total = sum(weight for _, weight in weighted)
    deals: dict[float, float] = {}
    for taken, weight in weighted:
        rest = tuple(all_ - number for all_, number in zip(pooled, taken, strict=True))
        divergence = shares(_counted(taken), _counted(rest)).divergence or 0.0
        deals[divergence] = deals.get(divergence, 0.0) + weight / total
    return tuple(deals), tuple(deals.values())


def _counted(numbers: tuple[int, ...]) -> dict[str, int]:
    return {str(value): number for value, number in enumerate(numbers) if number}


def _every_deal(size: int, pooled: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], int]]:
    if not pooled:
        if size == 0:
            yield (), 1
        return
    first, *others = pooled
    for taken in range(min(first, size) + 1):
        for rest, weight in _every_deal(size - taken, tuple(others)):
            yield (taken, *rest), weight * math.comb(first, taken)
