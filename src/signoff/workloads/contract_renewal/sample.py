"""Made-up customers with the marginals of the Telco Customer Churn file, as many as you like.

No row comes from the file: only its published shares, rates and quartiles are here.
"""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from signoff.errors import BadInput, UsageError
from signoff.workloads.contract_renewal.customers import COLUMN_OF, Contract, InternetService


@dataclass(frozen=True, slots=True)
class Segment:
    """The customers with one contract and one kind of internet service.

    Attributes:
        contract: Their contract.
        internet_service: Their internet service.
        share: Their share of all customers.
        churn: The share of them that left.
        monthly_charges: Minimum, quartiles and maximum.
    """

    contract: Contract
    internet_service: InternetService
    share: float
    churn: float
    monthly_charges: tuple[float, float, float, float, float]


SEGMENTS: Final = (
    Segment("Month-to-month", "DSL", 0.1736, 0.322, (23.45, 44.35, 50.20, 58.50, 86.20)),
    Segment("Month-to-month", "Fiber optic", 0.3021, 0.546, (67.75, 77.96, 86.00, 95.45, 117.45)),
    Segment("Month-to-month", "No", 0.0744, 0.189, (18.75, 19.65, 20.05, 20.45, 26.45)),
    Segment("One year", "DSL", 0.0809, 0.093, (24.10, 53.65, 61.05, 72.10, 90.60)),
    Segment("One year", "Fiber optic", 0.0765, 0.193, (70.40, 93.15, 100.15, 105.60, 118.60)),
    Segment("One year", "No", 0.0517, 0.025, (18.25, 19.70, 20.10, 20.60, 26.90)),
    Segment("Two year", "DSL", 0.0892, 0.019, (29.60, 59.86, 73.30, 83.30, 94.80)),
    Segment("Two year", "Fiber optic", 0.0609, 0.072, (69.05, 99.28, 106.30, 111.22, 118.75)),
    Segment("Two year", "No", 0.0906, 0.008, (18.40, 19.75, 20.35, 24.65, 26.50)),
)
CONTRACT_SHARES: Final[dict[Contract, float]] = {
    "Month-to-month": 0.550,
    "One year": 0.209,
    "Two year": 0.241,
}
CHURN_RATES: Final[dict[Contract, float]] = {
    "Month-to-month": 0.427,
    "One year": 0.113,
    "Two year": 0.028,
}
TENURE: Final[dict[Contract, tuple[float, ...]]] = {
    "Month-to-month": (1, 3, 12, 29, 72),
    "One year": (0, 26.5, 44, 58, 72),
    "Two year": (0, 48, 64, 71, 72),
}
ADD_ONS: Final = (0.366, 0.440, 0.439, 0.370, 0.491, 0.495)
PAYMENT_METHODS: Final = {
    "Electronic check": 0.336,
    "Mailed check": 0.229,
    "Bank transfer (automatic)": 0.219,
    "Credit card (automatic)": 0.216,
}
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IDS: Final = 10**4 * 26**5
# Shares no factor with the number of ids, so that stepping by it visits each id once.
_STRIDE: Final = 73_244_475_157


def sample_customers(rows: int, seed: int) -> Iterator[list[str]]:
    """Rows of the 21 columns in the file's order; the same seed makes the same rows.

    Raises:
        UsageError: `rows` is negative, or more than there are ids.
    """
    if not 0 <= rows <= _IDS:
        raise UsageError(f"{rows} customers were asked for. Ask for 0 to {_IDS:,}.")
    return _rows(rows, random.Random(seed))


def write_sample(path: str | os.PathLike[str], rows: int, seed: int) -> Path:
    """Write a sample as a CSV file that `read_customers` reads.

    The file appears whole or not at all; one that is there already is replaced.

    Raises:
        BadInput: The path cannot be written.
        UsageError: Fewer than one row was asked for.
    """
    if rows < 1:
        raise UsageError(f"{rows} customers were asked for. Ask for 1 or more.")
    made = sample_customers(rows, seed)
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMN_OF.values())
            writer.writerows(made)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise BadInput(
            f"cannot write {target}: {error.strerror or error}. Choose a file in a directory that "
            "exists, may be written to, and has room."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return target


def _rows(rows: int, chance: random.Random) -> Iterator[list[str]]:
    bounds = list(accumulate(segment.share for segment in SEGMENTS))
    methods = tuple(PAYMENT_METHODS)
    method_bounds = list(accumulate(PAYMENT_METHODS.values()))
    start = chance.randrange(_IDS)
    draw = chance.random

    def yes(rate: float) -> str:
        return "Yes" if draw() < rate else "No"

    for index in range(rows):
        segment = chance.choices(SEGMENTS, cum_weights=bounds)[0]
        internet = segment.internet_service
        expensive = draw()
        monthly = round(_between(segment.monthly_charges, expensive), 2)
        tenure = round(_between(TENURE[segment.contract], draw()))
        total = monthly * tenure * (1 if tenure == 1 else 0.95 + draw() * 0.1)
        # Only DSL is sold without a telephone line.
        phone = yes(0.72) if internet == "DSL" else "Yes"
        partner = yes(0.483)
        yield [
            _customer_id((start + index * _STRIDE) % _IDS),
            "Female" if draw() < 0.495 else "Male",
            "1" if draw() < 0.162 else "0",
            partner,
            yes(0.53 if partner == "Yes" else 0.08),
            str(tenure),
            phone,
            yes(0.467) if phone == "Yes" else "No phone service",
            internet,
            # The more somebody pays, the more add-ons they have.
            *(
                "No internet service" if internet == "No" else yes(rate * (0.4 + 1.2 * expensive))
                for rate in ADD_ONS
            ),
            segment.contract,
            yes(0.592),
            chance.choices(methods, cum_weights=method_bounds)[0],
            str(monthly),
            str(round(total, 2)) if tenure else "",
            yes(segment.churn),
        ]


def _between(points: Sequence[float], at: float) -> float:
    """The value at a fraction of a distribution of which evenly spaced quantiles are known."""
    scaled = at * (len(points) - 1)
    low = int(scaled)
    return points[low] + (points[low + 1] - points[low]) * (scaled - low)


def _customer_id(number: int) -> str:
    letters, digits = divmod(number, 10**4)
    word = ""
    for _ in range(5):
        letters, letter = divmod(letters, 26)
        word += _LETTERS[letter]
    return f"{digits:04d}-{word}"
